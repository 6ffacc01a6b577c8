"""The kernels that Python calls: one draws a frame in the order of MuJoCo's renderer, one finds its geoms."""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

import math
from typing import NamedTuple

import numpy as np

from envs.raycast.compiler import entry, inlined, kernel
from envs.raycast.cover import CAMERA, CENTRE, SAMPLES, bounds, cover, eye_of, hidden, rays_of
from envs.raycast.shade import shade, sky
from envs.raycast.shapes import BOX, INFINITY, PLANE, into, meet

# As in mjr_render: a geom with alpha below OPAQUE is drawn as transparent. So is a plane seen from behind, with its
# alpha multiplied by BEHIND.
OPAQUE, BEHIND = 0.995, 0.3


class Buffers(NamedTuple):
    """Buffers of a drawing with H x W pixels of S samples."""

    samples: np.ndarray  # float64 (S, 2): positions of the samples in a pixel, right and down from its corner
    near: np.ndarray  # float64 (H, W, S)
    depth: np.ndarray  # float64 (H, W, S)
    seen: np.ndarray  # int32 (H, W, S): shape, -1 for none
    face: np.ndarray  # int32 (H, W, S): triangle of the shape, if it has triangles
    centre: np.ndarray  # float64 (1, 2): position of the one sample in a pixel of the mirror image
    mirror_near: np.ndarray  # float64 (H, W, 1)
    mirror_depth: np.ndarray  # float64 (H, W, 1)
    mirror_seen: np.ndarray  # int32 (H, W, 1)
    mirror_face: np.ndarray  # int32 (H, W, 1)
    cameras: np.ndarray  # CAMERA (2): the camera, and its mirror image
    colour: np.ndarray  # float64 (H, W, 3) in [0, 1]
    opaque: np.ndarray  # bool (shapes)
    clear: np.ndarray  # int64 (shapes): transparent shapes, nearest first
    distance: np.ndarray  # float64 (shapes): of the transparent ones


def make_buffers(height: int, width: int, shapes: int) -> Buffers:
    """Allocates buffers for images of a size."""
    pixels = height, width
    return Buffers(
        samples=SAMPLES,
        near=np.empty((*pixels, len(SAMPLES))),
        depth=np.empty((*pixels, len(SAMPLES))),
        seen=np.empty((*pixels, len(SAMPLES)), np.int32),
        face=np.zeros((*pixels, len(SAMPLES)), np.int32),
        centre=CENTRE,
        mirror_near=np.empty((*pixels, 1)),
        mirror_depth=np.empty((*pixels, 1)),
        mirror_seen=np.empty((*pixels, 1), np.int32),
        mirror_face=np.zeros((*pixels, 1), np.int32),
        cameras=np.zeros(2, CAMERA),
        colour=np.empty((*pixels, 3)),
        opaque=np.empty(shapes, np.bool_),
        clear=np.empty(shapes, np.int64),
        distance=np.empty(shapes),
    )


@kernel
def _rays(camera):
    """The camera's steps to the next pixel right and down, in the world's frame."""
    rotation, pixel = camera.rotation, camera.pixel
    right = (pixel * rotation[0, 0], pixel * rotation[1, 0], pixel * rotation[2, 0])
    down = (-pixel * rotation[0, 1], -pixel * rotation[1, 1], -pixel * rotation[2, 1])
    return right, down


@kernel
def _ray(camera, u, v):
    """The camera's ray u pixels right and v pixels down of the image's centre, in the world's frame."""
    right, down = _rays(camera)
    return (
        u * right[0] + v * down[0] - camera.rotation[0, 2],
        u * right[1] + v * down[1] - camera.rotation[1, 2],
        u * right[2] + v * down[2] - camera.rotation[2, 2],
    )


@kernel
def _reflect(shapes, faces, mirror, buffers):
    """Finds what a plane or a box's upper side mirrors at each pixel: what the mirrored camera sees beyond it."""
    near, depth, seen = buffers.mirror_near, buffers.mirror_depth, buffers.mirror_seen
    camera, image, shape = buffers.cameras[0], buffers.cameras[1], shapes[mirror]
    nx, ny, nz = shape.rotation[0, 2], shape.rotation[1, 2], shape.rotation[2, 2]
    eye = eye_of(shape, camera)
    elevation = eye[2] - shape.size[2] if shape.kind == BOX else eye[2]
    image.position[0] = camera.position[0] - 2 * elevation * nx
    image.position[1] = camera.position[1] - 2 * elevation * ny
    image.position[2] = camera.position[2] - 2 * elevation * nz
    for axis in range(3):
        x, y, z = camera.rotation[0, axis], camera.rotation[1, axis], camera.rotation[2, axis]
        twice = 2 * (x * nx + y * ny + z * nz)
        image.rotation[0, axis] = x - twice * nx
        image.rotation[1, axis] = y - twice * ny
        image.rotation[2, axis] = z - twice * nz
    image.pixel, image.handed = camera.pixel, -1.0
    depth[:] = INFINITY
    seen[:] = -1
    near[:] = INFINITY
    height, width, count = buffers.depth.shape
    ahead, right, down = rays_of(shape, camera)
    for row in range(height):
        for column in range(width):
            for s in range(count):
                if buffers.seen[row, column, s] == mirror:
                    u, v = column + 0.5 - 0.5 * width, row + 0.5 - 0.5 * height
                    t = -elevation / (ahead[2] + u * right[2] + v * down[2])
                    across = abs(eye[0] + t * (ahead[0] + u * right[0] + v * down[0]))
                    along = abs(eye[1] + t * (ahead[1] + u * right[1] + v * down[1]))
                    if shape.kind == PLANE or (across <= shape.size[0] and along <= shape.size[1]):
                        near[row, column, 0] = t
                    break
    for i in range(len(shapes)):
        if buffers.opaque[i] and i != mirror:
            cover(shapes[i], i, faces, image, buffers.centre, near, depth, seen, buffers.mirror_face)


@kernel
def _sort(shapes, faces, buffers):
    """Draws the opaque shapes into the samples, and lists the transparent ones.

    Returns:
      The number of transparent shapes, and the mirror: index of the first opaque plane or box that reflects, or -1.
    """
    camera, opaque, clear, distance = buffers.cameras[0], buffers.opaque, buffers.clear, buffers.distance
    clears, mirror = 0, -1
    for i in range(len(shapes)):
        shape = shapes[i]
        opaque[i] = False
        if shape.rgba[3] == 0 or hidden(shape, camera):
            continue
        x, y, z = eye_of(shape, camera)
        plane = shape.kind == PLANE
        if shape.faces > 0 or (shape.rgba[3] >= OPAQUE and not (plane and z < 0)):
            opaque[i] = True
            cover(shape, i, faces, camera, buffers.samples, buffers.near, buffers.depth, buffers.seen, buffers.face)
            if mirror < 0 and shape.reflectance > 0 and (plane or (shape.kind == BOX and z > shape.size[2])):
                mirror = i
        else:
            distance[i] = 1e10 if plane else math.sqrt(x * x + y * y + z * z) - shape.reach
            place = clears
            while place > 0 and distance[clear[place - 1]] > distance[i]:
                clear[place] = clear[place - 1]
                place -= 1
            clear[place] = i
            clears += 1
    return clears, mirror


@inlined
def _see(world, i, face, camera, u, v, depth):
    """The colour of shape i, -1 for the sky, on the ray (u, v); at the given depth if the ray misses the shape."""
    d = _ray(camera, u, v)
    if i < 0:
        return sky(world.textures, d, camera.pixel)
    shape = world.shapes[i]
    ox, oy, oz = eye_of(shape, camera)
    dx, dy, dz = into(shape, d[0], d[1], d[2])
    t = meet(shape, ox, oy, oz, dx, dy, dz)
    right, down = _rays(camera)
    eye = (camera.position[0], camera.position[1], camera.position[2])
    return shade(world, i, face, False, 1.0, depth if t == INFINITY else t, d, right, down, eye)


@inlined
def _mirrored(world, i, face, camera, u, v, depth, reflectance):
    """The colour that a mirror of a given reflectance adds where the mirrored camera sees shape i."""
    right, down = _rays(camera)
    eye = (camera.position[0], camera.position[1], camera.position[2])
    return shade(world, i, face, True, reflectance, depth, _ray(camera, u, v), right, down, eye)


@kernel
def _resolve(world, mirror, buffers):
    """Colours the pixels: each shape that any sample of a pixel sees is shaded once."""
    seen, depth, colour = buffers.seen, buffers.depth, buffers.colour
    height, width, count = seen.shape
    for row in range(height):
        for column in range(width):
            u, v = column + 0.5 - 0.5 * width, row + 0.5 - 0.5 * height
            red, green, blue = 0.0, 0.0, 0.0
            done = 0
            for s in range(count):
                i = seen[row, column, s]
                first, weight = s, 0
                for other in range(count - 1, -1, -1):
                    if seen[row, column, other] == i:
                        first, weight = other, weight + 1
                if first < s:
                    continue
                r, g, b = _see(world, i, buffers.face[row, column, s], buffers.cameras[0], u, v, depth[row, column, s])
                if i >= 0 and i == mirror and buffers.mirror_seen[row, column, 0] >= 0:
                    mr, mg, mb = _mirrored(
                        world,
                        buffers.mirror_seen[row, column, 0],
                        buffers.mirror_face[row, column, 0],
                        buffers.cameras[1],
                        u,
                        v,
                        buffers.mirror_depth[row, column, 0],
                        world.shapes[i].reflectance,
                    )
                    r, g, b = min(r + mr, 1.0), min(g + mg, 1.0), min(b + mb, 1.0)
                red, green, blue = red + weight * r, green + weight * g, blue + weight * b
                done += weight
                if done == count:
                    break
            colour[row, column, 0] = red / count
            colour[row, column, 1] = green / count
            colour[row, column, 2] = blue / count


@kernel
def _blend(world, i, buffers):
    """Draws the transparent shape i over what is behind it."""
    shape, camera = world.shapes[i], buffers.cameras[0]
    depth, samples, colour = buffers.depth, buffers.samples, buffers.colour
    height, width, count = depth.shape
    row0, row1, column0, column1 = bounds(shape, camera, height, width)
    ox, oy, oz = eye_of(shape, camera)
    alpha, side = shape.rgba[3], 1.0
    if shape.kind == PLANE and oz < 0:
        alpha, side = BEHIND * alpha, -1.0
    eye = (camera.position[0], camera.position[1], camera.position[2])
    right, down = _rays(camera)
    for row in range(row0, row1):
        for column in range(column0, column1):
            weight, hit = 0.0, INFINITY
            for s in range(count):
                d = _ray(camera, column + samples[s, 0] - 0.5 * width, row + samples[s, 1] - 0.5 * height)
                dx, dy, dz = into(shape, d[0], d[1], d[2])
                t = meet(shape, ox, oy, side * oz, dx, dy, side * dz)
                if camera.near <= t < depth[row, column, s]:
                    weight, hit = weight + alpha / count, t
            if weight > 0:
                d = _ray(camera, column + 0.5 - 0.5 * width, row + 0.5 - 0.5 * height)
                light = shade(world, i, 0, True, 1.0, hit, d, right, down, eye)
                for channel in range(3):
                    colour[row, column, channel] += weight * (light[channel] - colour[row, column, channel])


@entry
def render(digest):
    """Makes the kernel that draws a frame."""

    def kernel(world, buffers):
        """Draws what `buffers.cameras[0]` sees into `buffers.colour`."""
        digest  # noqa: B018  closed over, so that numba's cache sees it
        buffers.near[:] = buffers.cameras[0].near
        buffers.depth[:] = buffers.cameras[0].far
        buffers.seen[:] = -1
        world.known[:] = False
        clears, mirror = _sort(world.shapes, world.faces, buffers)
        if mirror >= 0:
            _reflect(world.shapes, world.faces, mirror, buffers)
        _resolve(world, mirror, buffers)
        for place in range(clears):  # twice, nearest first and nearest last, as in MuJoCo's renderer
            _blend(world, buffers.clear[place], buffers)
        for place in range(clears - 1, -1, -1):
            _blend(world, buffers.clear[place], buffers)

    return kernel


@entry
def identify(digest):
    """Makes the kernel that finds the geom of each sample."""

    def kernel(shapes, faces, cameras, samples, near, depth, seen, face):
        """Writes the geom that each sample of `cameras[0]` sees to `seen`, int32 (H, W, S); -1 for none."""
        digest  # noqa: B018  closed over, so that numba's cache sees it
        for i in range(len(shapes)):
            if shapes[i].geom >= 0 and shapes[i].rgba[3] > 0:
                cover(shapes[i], i, faces, cameras[0], samples, near, depth, seen, face)
        height, width, count = seen.shape
        for row in range(height):
            for column in range(width):
                for s in range(count):
                    if seen[row, column, s] >= 0:
                        seen[row, column, s] = shapes[seen[row, column, s]].geom

    return kernel
