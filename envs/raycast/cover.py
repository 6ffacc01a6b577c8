"""Visibility: finds the shape that each pixel sees, by testing each shape on the pixels within its projected bounds."""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

import math

import numpy as np

from envs.raycast.compiler import kernel
from envs.raycast.shapes import BOX, CAPSULE, CYLINDER, INFINITY, PLANE, contains, into, meet, out_of

# Positions of rays within a pixel, right and down from its corner: OpenGL's usual pattern for four samples.
CENTRE = np.array([[0.5, 0.5]])
SAMPLES = np.array([[0.375, 0.125], [0.875, 0.375], [0.125, 0.625], [0.625, 0.875]])


# A camera; its rays have length 1 along its axis, so that t at a hit is the depth.
CAMERA = np.dtype(
    [
        ("position", np.float64, 3),
        ("rotation", np.float64, (3, 3)),  # columns are right, up and backward
        ("pixel", np.float64),  # size of a pixel at depth 1
        ("near", np.float64),
        ("far", np.float64),
        ("handed", np.float64),  # 1, or -1 for the mirrored camera
    ]
)


@kernel
def _span(x, z, radius, pixel, pixels):
    """First and one past the last pixel that a disc around (x, depth z) covers along one axis of the image."""
    if z <= radius:  # reaches the camera's plane
        return 0, pixels
    root = math.sqrt(x * x + z * z - radius * radius)
    area = z * z - radius * radius
    low, high = (x * z - radius * root) / area, (x * z + radius * root) / area
    first = math.floor(low / pixel + 0.5 * pixels)
    last = math.ceil(high / pixel + 0.5 * pixels)
    return int(min(max(first, 0), pixels)), int(min(max(last, 0), pixels))


@kernel
def _corner_bounds(shape, camera, height, width):
    """The bounds of a finite plane or a box, from its corners."""
    thickness = shape.size[2] if shape.kind == BOX else 0.0
    left, right, top, bottom = INFINITY, -INFINITY, INFINITY, -INFINITY
    for corner in range(8):
        x = shape.size[0] if corner & 1 else -shape.size[0]
        y = shape.size[1] if corner & 2 else -shape.size[1]
        z = thickness if corner & 4 else -thickness
        x, y, z = _project(shape, (x, y, z), camera)
        if z <= 0:
            return 0, height, 0, width
        left, right, top, bottom = min(left, x / z), max(right, x / z), min(top, y / z), max(bottom, y / z)
    left, right = max(left + 0.5 * width, 0.0), min(right + 0.5 * width, float(width))
    top, bottom = max(top + 0.5 * height, 0.0), min(bottom + 0.5 * height, float(height))
    return math.floor(top), math.ceil(bottom), math.floor(left), math.ceil(right)


@kernel
def bounds(shape, camera, height, width):
    """First and one past the last row, and likewise columns, of the pixels that can see a shape."""
    if shape.reach == INFINITY:
        return 0, height, 0, width
    if shape.kind == PLANE or shape.kind == BOX:
        return _corner_bounds(shape, camera, height, width)
    half, radius = 0.0, shape.reach
    if shape.kind == CAPSULE or shape.kind == CYLINDER:
        # The convex hull of the spheres around both ends contains the shape.
        half, radius = shape.size[2], shape.size[0]
    row0, row1, column0, column1 = height, 0, width, 0
    ahead = False
    for side in (-half, half):
        x, y, z = into(
            camera,
            shape.position[0] + side * shape.rotation[0, 2] - camera.position[0],
            shape.position[1] + side * shape.rotation[1, 2] - camera.position[1],
            shape.position[2] + side * shape.rotation[2, 2] - camera.position[2],
        )
        ahead = ahead or radius > z
        first, last = _span(x, -z, radius, camera.pixel, width)
        column0, column1 = min(column0, first), max(column1, last)
        first, last = _span(-y, -z, radius, camera.pixel, height)
        row0, row1 = min(row0, first), max(row1, last)
    return (row0, row1, column0, column1) if ahead else (0, 0, 0, 0)


@kernel
def eye_of(shape, camera):
    """The camera's position in the frame of a shape."""
    return into(
        shape,
        camera.position[0] - shape.position[0],
        camera.position[1] - shape.position[1],
        camera.position[2] - shape.position[2],
    )


@kernel
def rays_of(shape, camera):
    """The camera's rays in the frame of a shape: ahead, and the steps to the next pixel right and down."""
    rotation, pixel = camera.rotation, camera.pixel
    ahead = into(shape, -rotation[0, 2], -rotation[1, 2], -rotation[2, 2])
    right = into(shape, pixel * rotation[0, 0], pixel * rotation[1, 0], pixel * rotation[2, 0])
    down = into(shape, -pixel * rotation[0, 1], -pixel * rotation[1, 1], -pixel * rotation[2, 1])
    return ahead, right, down


@kernel
def hidden(shape, camera):
    """Whether a shape is not drawn because the camera is inside it."""
    x, y, z = eye_of(shape, camera)
    return contains(shape, x, y, z)


@kernel
def cover(shape, i, faces, camera, samples, near, depth, seen, face):
    """Marks the samples that see a shape nearer than the shapes marked before.

    Args:
      shape: SHAPE.
      i: its index.
      faces: Faces.
      camera: CAMERA.
      samples: float64 (S, 2): positions in a pixel.
      near: float64 (H, W, S): the smallest visible depth of each sample.
      depth: float64 (H, W, S): depth of the shape that each sample sees, updated.
      seen: int32 (H, W, S): index of the shape that each sample sees, updated.
      face: int32 (H, W, S): index of the triangle that each sample sees, updated.
    """
    if shape.faces > 0:
        for triangle in range(shape.face, shape.face + shape.faces):
            _cover_face(shape, i, faces.corner[triangle], triangle, camera, samples, near, depth, seen, face)
        return
    height, width, count = depth.shape
    row0, row1, column0, column1 = bounds(shape, camera, height, width)
    ox, oy, oz = eye_of(shape, camera)
    ahead, right, down = rays_of(shape, camera)
    for row in range(row0, row1):
        for column in range(column0, column1):
            for s in range(count):
                u, v = column + samples[s, 0] - 0.5 * width, row + samples[s, 1] - 0.5 * height
                dx = ahead[0] + u * right[0] + v * down[0]
                dy = ahead[1] + u * right[1] + v * down[1]
                dz = ahead[2] + u * right[2] + v * down[2]
                t = meet(shape, ox, oy, oz, dx, dy, dz)
                if near[row, column, s] <= t < depth[row, column, s]:
                    depth[row, column, s] = t
                    seen[row, column, s] = i


@kernel
def _cover_face(shape, i, corner, triangle, camera, samples, near, depth, seen, face):
    """Marks the samples that see the front of a triangle."""
    height, width, count = depth.shape
    x0, y0, z0 = _project(shape, corner[0], camera)
    x1, y1, z1 = _project(shape, corner[1], camera)
    x2, y2, z2 = _project(shape, corner[2], camera)
    if min(z0, z1, z2) <= 0:
        return
    u0, v0, u1, v1, u2, v2 = x0 / z0, y0 / z0, x1 / z1, y1 / z1, x2 / z2, y2 / z2
    # The sign of the volume of triangle and eye distinguishes front and back, also in a mirror.
    volume = x0 * (y1 * z2 - z1 * y2) + y0 * (z1 * x2 - x1 * z2) + z0 * (x1 * y2 - y1 * x2)
    area = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0)
    if area == 0 or volume * camera.handed >= 0:
        return
    middle, centre = 0.5 * width, 0.5 * height
    column0, column1 = max(math.floor(min(u0, u1, u2) + middle), 0), min(math.ceil(max(u0, u1, u2) + middle), width)
    row0, row1 = max(math.floor(min(v0, v1, v2) + centre), 0), min(math.ceil(max(v0, v1, v2) + centre), height)
    for row in range(row0, row1):
        for column in range(column0, column1):
            for s in range(count):
                u, v = column + samples[s, 0] - middle, row + samples[s, 1] - centre
                w1 = ((u - u0) * (v2 - v0) - (u2 - u0) * (v - v0)) / area
                w2 = ((u1 - u0) * (v - v0) - (u - u0) * (v1 - v0)) / area
                if w1 < 0 or w2 < 0 or w1 + w2 > 1:
                    continue
                t = 1 / ((1 - w1 - w2) / z0 + w1 / z1 + w2 / z2)  # 1 / depth is linear in the image
                if near[row, column, s] <= t < depth[row, column, s]:
                    depth[row, column, s] = t
                    seen[row, column, s] = i
                    face[row, column, s] = triangle


@kernel
def _project(shape, point, camera):
    """Projects a point of a shape's frame: pixels right and down of the image's centre, times depth, and the depth."""
    x, y, z = out_of(shape, point[0], point[1], point[2])
    x, y, z = into(
        camera,
        x + shape.position[0] - camera.position[0],
        y + shape.position[1] - camera.position[1],
        z + shape.position[2] - camera.position[2],
    )
    return x / camera.pixel, -y / camera.pixel, -z
