"""The kernels that find what each pixel sees and what colour it has, in the order in which MuJoCo's renderer draws."""

import math
from typing import NamedTuple

import numpy as np

from envs.raycast.compiler import entry, kernel
from envs.raycast.lights import ALL, SHADOWLESS, illuminate
from envs.raycast.shapes import (
    BOX,
    CAPSULE,
    CYLINDER,
    ELLIPSOID,
    INFINITY,
    PLANE,
    SPHERE,
    into,
    meet,
    normal,
    out_of,
)
from envs.raycast.textures import look_around, look_up

# mjr_render: below this opacity a geom is drawn as transparent, and a plane's opacity when seen from behind.
OPAQUE, BEHIND = 0.995, 0.3


class Camera(NamedTuple):
    """A camera: its rays have length one along its axis, so that a hit's t is its depth."""

    position: np.ndarray  # float64 (3)
    rotation: np.ndarray  # float64 (3, 3): columns are right, up and backward
    pixel: float  # size of a pixel at depth 1
    near: float
    far: float


@kernel
def _span(x, z, radius, pixel, pixels):
    """First and one past the last pixel that a disc around (x, depth z) covers along one axis of the picture."""
    if z <= radius:  # reaches the camera's plane
        return (0, pixels) if z + radius > 0 else (0, 0)
    root = math.sqrt(x * x + z * z - radius * radius)
    area = z * z - radius * radius
    low, high = (x * z - radius * root) / area, (x * z + radius * root) / area
    first = math.floor(low / pixel + 0.5 * pixels - 0.5)
    last = math.ceil(high / pixel + 0.5 * pixels + 0.5)
    return int(min(max(first, 0), pixels)), int(min(max(last, 0), pixels))


@kernel
def _bounds(shapes, i, camera, height, width):
    """Rows and columns, from and to, outside which no pixel sees shape i."""
    if shapes.kind[i] == PLANE:
        return 0, height, 0, width
    half, radius = 0.0, shapes.reach[i]
    if shapes.kind[i] == CAPSULE or shapes.kind[i] == CYLINDER:
        # The hull of the spheres around both ends holds the shape.
        half, radius = shapes.size[i, 2], shapes.size[i, 0]
    row0, row1, column0, column1 = height, 0, width, 0
    for side in (-half, half):
        x, y, z = into(
            camera.rotation,
            shapes.position[i, 0] + side * shapes.rotation[i, 0, 2] - camera.position[0],
            shapes.position[i, 1] + side * shapes.rotation[i, 1, 2] - camera.position[1],
            shapes.position[i, 2] + side * shapes.rotation[i, 2, 2] - camera.position[2],
        )
        first, last = _span(x, -z, radius, camera.pixel, width)
        column0, column1 = min(column0, first), max(column1, last)
        first, last = _span(-y, -z, radius, camera.pixel, height)
        row0, row1 = min(row0, first), max(row1, last)
    return row0, row1, column0, column1


@kernel
def _inside(kind, size, x, y, z):
    if kind == CAPSULE:
        z = max(abs(z) - size[2], 0.0)
        return x * x + y * y + z * z < size[0] ** 2
    if kind in (SPHERE, ELLIPSOID):
        return (x / size[0]) ** 2 + (y / size[1]) ** 2 + (z / size[2]) ** 2 < 1
    if kind == CYLINDER:
        return abs(z) < size[2] and x * x + y * y < size[0] ** 2
    if kind == BOX:
        return abs(x) < size[0] and abs(y) < size[1] and abs(z) < size[2]
    return False


@kernel
def _eye(shapes, i, camera):
    """The camera's position in the frame of shape i."""
    return into(
        shapes.rotation[i],
        camera.position[0] - shapes.position[i, 0],
        camera.position[1] - shapes.position[i, 1],
        camera.position[2] - shapes.position[i, 2],
    )


@kernel
def _axes(shapes, i, camera):
    """The camera's rays in the frame of shape i: ahead, and the steps from a pixel to the next right and down."""
    rotation, pixel = camera.rotation, camera.pixel
    ahead = into(shapes.rotation[i], -rotation[0, 2], -rotation[1, 2], -rotation[2, 2])
    right = into(shapes.rotation[i], pixel * rotation[0, 0], pixel * rotation[1, 0], pixel * rotation[2, 0])
    down = into(shapes.rotation[i], -pixel * rotation[0, 1], -pixel * rotation[1, 1], -pixel * rotation[2, 1])
    return ahead, right, down


@kernel
def _cover(shapes, i, camera, near, far, depth, seen):
    """Marks the pixels where shape i is nearer than all before it."""
    height, width = depth.shape
    row0, row1, column0, column1 = _bounds(shapes, i, camera, height, width)
    kind, size = shapes.kind[i], shapes.size[i]
    ox, oy, oz = _eye(shapes, i, camera)
    ahead, right, down = _axes(shapes, i, camera)
    for row in range(row0, row1):
        v = row + 0.5 - 0.5 * height
        sx, sy, sz = ahead[0] + v * down[0], ahead[1] + v * down[1], ahead[2] + v * down[2]
        for column in range(column0, column1):
            u = column + 0.5 - 0.5 * width
            t = meet(kind, size, ox, oy, oz, sx + u * right[0], sy + u * right[1], sz + u * right[2])
            if near <= t < depth[row, column] and t < far:
                depth[row, column] = t
                seen[row, column] = i


@kernel
def _shadowed(shapes, lights, k, skip, x, y, z):
    """Whether something stands between a point of shape `skip` and light k; the point faces the light."""
    px, py, pz = x - lights.position[k, 0], y - lights.position[k, 1], z - lights.position[k, 2]
    ax, ay, az = lights.direction[k, 0], lights.direction[k, 1], lights.direction[k, 2]
    along = px * ax + py * ay + pz * az
    if along <= 0:
        return False
    # A shadow map is a square, and around it all is lit. Its sides are across the light's direction.
    limit = lights.extent[k] * (1.0 if lights.directional[k] else along)
    if abs(ay) < abs(ax) and abs(ay) <= abs(az):
        bx, by, bz = -ay * ax, 1 - ay * ay, -ay * az
    elif abs(ax) <= abs(az):
        bx, by, bz = 1 - ax * ax, -ax * ay, -ax * az
    else:
        bx, by, bz = -az * ax, -az * ay, 1 - az * az
    norm = math.sqrt(bx * bx + by * by + bz * bz)
    cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    if abs(px * bx + py * by + pz * bz) > limit * norm or abs(px * cx + py * cy + pz * cz) > limit * norm:
        return False
    if lights.directional[k]:
        dx, dy, dz, reach = -ax, -ay, -az, along
    else:
        reach = math.sqrt(px * px + py * py + pz * pz)
        dx, dy, dz = -px / reach, -py / reach, -pz / reach
    for i in range(len(shapes.kind)):
        if i == skip:
            continue
        qx, qy, qz = x - shapes.position[i, 0], y - shapes.position[i, 1], z - shapes.position[i, 2]
        if shapes.kind[i] == PLANE:
            ox, oy, oz = into(shapes.rotation[i], qx, qy, qz)
            lx, ly, lz = into(shapes.rotation[i], dx, dy, dz)
            if lz > 0:  # both sides of a plane cast shadows
                oz, lz = -oz, -lz
        else:
            passing = -(qx * dx + qy * dy + qz * dz)
            if qx * qx + qy * qy + qz * qz - passing * passing > shapes.reach[i] ** 2 or passing < -shapes.reach[i]:
                continue
            ox, oy, oz = into(shapes.rotation[i], qx, qy, qz)
            lx, ly, lz = into(shapes.rotation[i], dx, dy, dz)
        if meet(shapes.kind[i], shapes.size[i], ox, oy, oz, lx, ly, lz) < reach:
            return True
    return False


@kernel
def _paint(model, look, size, point, step_x, step_y):
    """The colour of the texture of a material at a local point; the steps lead to the same surface a pixel further."""
    materials, textures = model.materials, model.textures
    texture = materials.texture[look]
    if texture < 0:
        return 1.0, 1.0, 1.0
    uniform = materials.uniform[look]
    cx = 1.0 if uniform or size[0] <= 0 else 1 / size[0]
    cy = 1.0 if uniform or size[1] <= 0 else 1 / size[1]
    if textures.cube[texture]:
        cz = 1.0 if uniform or size[2] <= 0 else 1 / size[2]
        x, y, z = point[0] * cx, point[1] * cy, point[2] * cz
        spread = math.sqrt(
            max(
                (step_x[0] * cx) ** 2 + (step_x[1] * cy) ** 2 + (step_x[2] * cz) ** 2,
                (step_y[0] * cx) ** 2 + (step_y[1] * cy) ** 2 + (step_y[2] * cz) ** 2,
            )
            / max(x * x + y * y + z * z, 1e-30)
        )
        return look_around(textures, texture, x, y, z, spread)
    image = textures.image[texture]
    height, width = textures.shape[image, 0]
    # The texture begins at the shape's corner: the left end of x and the far end of y.
    cx, cy = 0.5 * materials.repeat[look, 0] * cx, -0.5 * materials.repeat[look, 1] * cy
    begin_x = cx * (size[0] if size[0] > 0 else 1.0)
    begin_y = cy * (size[1] if size[1] > 0 else 1.0)
    footprint = math.sqrt(
        max(
            (step_x[0] * cx * width) ** 2 + (step_x[1] * cy * height) ** 2,
            (step_y[0] * cx * width) ** 2 + (step_y[1] * cy * height) ** 2,
        )
    )
    return look_up(textures, image, begin_x + cx * point[0], cy * point[1] - begin_y, footprint, True)


@kernel
def _step(t, d, e, n):
    """How far a hit at depth t moves along the surface of normal n when the ray d turns by e."""
    facing = n[0] * d[0] + n[1] * d[1] + n[2] * d[2]
    if facing == 0:
        return 0.0, 0.0, 0.0
    turn = (n[0] * e[0] + n[1] * e[1] + n[2] * e[2]) / facing
    return t * (e[0] - d[0] * turn), t * (e[1] - d[1] * turn), t * (e[2] - d[2] * turn)


@kernel
def _vertex_light(model, frame, i, which, column, row, eye, cache, known):
    """The light of one vertex of the grid of plane i, computed when first asked for."""
    plane = frame.looks.plane[i]
    grids = model.grids
    vertex = grids.vertex[plane] + row * grids.count[plane, 0] + column
    if not known[vertex, which + 1]:
        known[vertex, which + 1] = True
        shapes, rgba = frame.shapes, frame.looks.rgba[i]
        x = grids.lines[grids.start[plane, 0] + column]
        y = grids.lines[grids.start[plane, 1] + row]
        wx, wy, wz = out_of(shapes.rotation[i], x, y, 0.0)
        wx, wy, wz = wx + shapes.position[i, 0], wy + shapes.position[i, 1], wz + shapes.position[i, 2]
        vx, vy, vz = eye[0] - wx, eye[1] - wy, eye[2] - wz
        distance = math.sqrt(vx * vx + vy * vy + vz * vz)
        nx, ny, nz = shapes.rotation[i, 0, 2], shapes.rotation[i, 1, 2], shapes.rotation[i, 2, 2]
        cache[vertex, which + 1] = illuminate(
            frame.lights, which, wx, wy, wz, nx, ny, nz, vx / distance, vy / distance, vz / distance,
            rgba[0], rgba[1], rgba[2], model.materials.finish[frame.looks.material[i]],
        )  # fmt: skip
    return vertex


@kernel
def _cell(lines, start, count, x):
    """The cell of a grid that holds x, and how far x lies through it, in [0, 1]."""
    low, high = start, start + count - 1
    while high - low > 1:
        middle = (low + high) // 2
        if lines[middle] <= x:
            low = middle
        else:
            high = middle
    width = lines[low + 1] - lines[low]
    return low - start, (min(max((x - lines[low]) / width, 0.0), 1.0) if width > 0 else 0.0)


@kernel
def _plane_light(model, frame, i, which, x, y, eye, cache, known):
    """The light on a plane at local (x, y): that of three vertices around it, interpolated, as OpenGL does."""
    grids, plane = model.grids, frame.looks.plane[i]
    column, u = _cell(grids.lines, grids.start[plane, 0], grids.count[plane, 0], x)
    row, v = _cell(grids.lines, grids.start[plane, 1], grids.count[plane, 1], y)
    b = _vertex_light(model, frame, i, which, column + 1, row, eye, cache, known)
    d = _vertex_light(model, frame, i, which, column, row + 1, eye, cache, known)
    if u + v <= 1:  # a quadrilateral is two triangles
        corner = _vertex_light(model, frame, i, which, column, row, eye, cache, known)
        wb, wd = u, v
    else:
        corner = _vertex_light(model, frame, i, which, column + 1, row + 1, eye, cache, known)
        wb, wd = 1 - v, 1 - u
    wc = 1 - wb - wd
    light = cache[:, which + 1]
    return (
        wc * light[corner, 0] + wb * light[b, 0] + wd * light[d, 0],
        wc * light[corner, 1] + wb * light[b, 1] + wd * light[d, 1],
        wc * light[corner, 2] + wb * light[b, 2] + wd * light[d, 2],
    )


@kernel
def _shade(model, frame, i, single, tint, t, d, ex, ey, eye, cache, known):
    """The colour of shape i at depth t of the ray d from the eye.

    Args:
      model, frame: what there is to see.
      i: the shape.
      single: light it by all lights at once and without shadows, as mirrored and transparent geoms are.
      tint: factor on the surface's own colour.
      t, d: depth and direction of the ray; ex, ey: how d changes from a pixel to the next ones.
      eye: where the ray begins.
      cache, known: light on the grids of the planes, or arrays without rows: light planes pixel by pixel.
    """
    shapes, look = frame.shapes, frame.looks.material[i]
    rotation, size, finish, rgba = shapes.rotation[i], shapes.size[i], model.materials.finish[look], frame.looks.rgba[i]
    x, y, z = eye[0] + t * d[0], eye[1] + t * d[1], eye[2] + t * d[2]
    local = into(rotation, x - shapes.position[i, 0], y - shapes.position[i, 1], z - shapes.position[i, 2])
    n = normal(shapes.kind[i], size, local[0], local[1], local[2])
    nx, ny, nz = out_of(rotation, n[0], n[1], n[2])
    length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    vx, vy, vz = -d[0] / length, -d[1] / length, -d[2] / length
    grid = shapes.kind[i] == PLANE and len(known) > 0
    red, green, blue = tint * rgba[0], tint * rgba[1], tint * rgba[2]

    first = ALL if single else SHADOWLESS
    r, g, b = 0.0, 0.0, 0.0
    for which in range(first, 0 if single else len(frame.lights.casts)):
        if which == ALL or which == SHADOWLESS or frame.lights.casts[which]:
            if which == SHADOWLESS and single:
                continue
            if grid:
                lr, lg, lb = _plane_light(model, frame, i, which, local[0], local[1], eye, cache, known)
            else:
                lr, lg, lb = illuminate(
                    frame.lights, which, x, y, z, nx, ny, nz, vx, vy, vz, red, green, blue, finish
                )  # fmt: skip
            if which >= 0 and (lr + lg + lb == 0 or _shadowed(shapes, frame.lights, which, i, x, y, z)):
                continue
            r, g, b = r + lr, g + lg, b + lb
    if model.materials.texture[look] >= 0:
        turned = into(rotation, d[0], d[1], d[2])
        step_x = _step(t, turned, into(rotation, ex[0], ex[1], ex[2]), n)
        step_y = _step(t, turned, into(rotation, ey[0], ey[1], ey[2]), n)
        tr, tg, tb = _paint(model, look, size, local, step_x, step_y)
        r, g, b = r * tr, g * tg, b * tb
    return min(r, 1.0), min(g, 1.0), min(b, 1.0)


@kernel
def _mirrored(model, frame, drawn, mirror, t, d, ex, ey, eye, cache, known):
    """What a plane, or a box's upper side, mirrors at depth t of the ray d: black where there is nothing but sky."""
    shapes = frame.shapes
    rotation, position = shapes.rotation[mirror], shapes.position[mirror]
    nx, ny, nz = rotation[0, 2], rotation[1, 2], rotation[2, 2]
    lift = shapes.size[mirror, 2] if shapes.kind[mirror] == BOX else 0.0
    # Looked at from behind the mirror, everything stands where it stands.
    height = (eye[0] - position[0]) * nx + (eye[1] - position[1]) * ny + (eye[2] - position[2]) * nz - lift
    if height < 0:
        return 0.0, 0.0, 0.0
    eye = (eye[0] - 2 * height * nx, eye[1] - 2 * height * ny, eye[2] - 2 * height * nz)
    d, ex, ey = _mirror(d, nx, ny, nz), _mirror(ex, nx, ny, nz), _mirror(ey, nx, ny, nz)
    x, y, z = eye[0] + t * d[0], eye[1] + t * d[1], eye[2] + t * d[2]
    squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    nearest, found = INFINITY, -1
    for i in range(len(shapes.kind)):
        if i == mirror or not drawn[i]:
            continue
        qx, qy, qz = x - shapes.position[i, 0], y - shapes.position[i, 1], z - shapes.position[i, 2]
        passing = -(qx * d[0] + qy * d[1] + qz * d[2]) / squared
        if qx * qx + qy * qy + qz * qz - passing * passing * squared > shapes.reach[i] ** 2:
            continue
        ox, oy, oz = into(shapes.rotation[i], qx, qy, qz)
        dx, dy, dz = into(shapes.rotation[i], d[0], d[1], d[2])
        s = meet(shapes.kind[i], shapes.size[i], ox, oy, oz, dx, dy, dz)
        if s < nearest:
            nearest, found = s, i
    if found < 0:
        return 0.0, 0.0, 0.0
    tint = model.materials.finish[frame.looks.material[mirror], 3]
    return _shade(model, frame, found, True, tint, t + nearest, d, ex, ey, eye, cache[:0], known[:0])


@kernel
def _mirror(d, nx, ny, nz):
    along = 2 * (d[0] * nx + d[1] * ny + d[2] * nz)
    return d[0] - along * nx, d[1] - along * ny, d[2] - along * nz


@kernel
def _sky(textures, d, pixel):
    """The colour of the sky; its texture is turned by 90 degrees around x."""
    if textures.sky < 0:
        return 0.0, 0.0, 0.0
    squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    return look_around(textures, textures.sky, d[0], d[2], -d[1], pixel / math.sqrt(squared))


@kernel
def _blend(model, frame, i, camera, depth, colour, cache, known):
    """Draws the transparent shape i over what is behind it."""
    height, width = depth.shape
    shapes = frame.shapes
    row0, row1, column0, column1 = _bounds(shapes, i, camera, height, width)
    kind, size = shapes.kind[i], shapes.size[i]
    ox, oy, oz = _eye(shapes, i, camera)
    alpha, side = frame.looks.rgba[i, 3], 1.0
    if kind == PLANE and oz < 0:
        alpha, side = BEHIND * alpha, -1.0
    ahead, right, down = _axes(shapes, i, camera)
    eye = (camera.position[0], camera.position[1], camera.position[2])
    ex, ey = (
        out_of(shapes.rotation[i], right[0], right[1], right[2]),
        out_of(shapes.rotation[i], down[0], down[1], down[2]),
    )
    for row in range(row0, row1):
        v = row + 0.5 - 0.5 * height
        for column in range(column0, column1):
            u = column + 0.5 - 0.5 * width
            dx = ahead[0] + u * right[0] + v * down[0]
            dy = ahead[1] + u * right[1] + v * down[1]
            dz = ahead[2] + u * right[2] + v * down[2]
            t = meet(kind, size, ox, oy, side * oz, dx, dy, side * dz)
            if camera.near <= t < depth[row, column] and t < camera.far:
                d = out_of(shapes.rotation[i], dx, dy, dz)
                r, g, b = _shade(model, frame, i, True, 1.0, t, d, ex, ey, eye, cache, known)
                colour[row, column, 0] += alpha * (r - colour[row, column, 0])
                colour[row, column, 1] += alpha * (g - colour[row, column, 1])
                colour[row, column, 2] += alpha * (b - colour[row, column, 2])


@kernel
def _hidden(shapes, i, camera):
    """Whether the camera is inside shape i: only outsides are drawn."""
    x, y, z = _eye(shapes, i, camera)
    return _inside(shapes.kind[i], shapes.size[i], x, y, z)


@entry
def render(digest):
    """Makes the kernel that draws a frame."""

    def kernel(model, frame, camera, depth, seen, colour, cache, known, opaque, clear, distance):
        """Draws a frame.

        Args:
          model, frame, camera: what there is to see, and from where.
          depth: float64 (H, W), seen: int32 (H, W), colour: float64 (H, W, 3) in [0, 1]: written.
          cache: float64 (vertices, lights + 2, 3), known: bool (vertices, lights + 2): room for light on planes.
        """
        digest  # noqa: B018  closed over, so that numba's cache sees it
        shapes, looks = frame.shapes, frame.looks
        height, width = depth.shape
        count = len(shapes.kind)
        depth[:] = INFINITY
        seen[:] = -1
        known[:] = False
        opaque[:] = False
        clears, mirror = 0, -1
        for i in range(count):
            if looks.rgba[i, 3] == 0 or _hidden(shapes, i, camera):
                continue
            behind = shapes.kind[i] == PLANE and _eye(shapes, i, camera)[2] < 0
            if looks.rgba[i, 3] >= OPAQUE and not behind:
                opaque[i] = True
                _cover(shapes, i, camera, camera.near, camera.far, depth, seen)
                flat = shapes.kind[i] == PLANE or shapes.kind[i] == BOX
                if mirror < 0 and flat and model.materials.finish[looks.material[i], 3] > 0:
                    mirror = i  # MuJoCo's renderer has one mirror only
            else:
                x, y, z = _eye(shapes, i, camera)
                distance[i] = 1e10 if shapes.kind[i] == PLANE else math.sqrt(x * x + y * y + z * z) - shapes.reach[i]
                place = clears  # nearest first
                while place > 0 and distance[clear[place - 1]] > distance[i]:
                    clear[place] = clear[place - 1]
                    place -= 1
                clear[place] = i
                clears += 1

        rotation, pixel = camera.rotation, camera.pixel
        eye = (camera.position[0], camera.position[1], camera.position[2])
        ex = (pixel * rotation[0, 0], pixel * rotation[1, 0], pixel * rotation[2, 0])
        ey = (-pixel * rotation[0, 1], -pixel * rotation[1, 1], -pixel * rotation[2, 1])
        for row in range(height):
            v = row + 0.5 - 0.5 * height
            for column in range(width):
                u = column + 0.5 - 0.5 * width
                d = (
                    u * ex[0] + v * ey[0] - rotation[0, 2],
                    u * ex[1] + v * ey[1] - rotation[1, 2],
                    u * ex[2] + v * ey[2] - rotation[2, 2],
                )
                i, t = seen[row, column], depth[row, column]
                if i < 0:
                    r, g, b = _sky(model.textures, d, pixel)
                else:
                    r, g, b = _shade(model, frame, i, False, 1.0, t, d, ex, ey, eye, cache, known)
                    if i == mirror:
                        mr, mg, mb = _mirrored(model, frame, opaque, mirror, t, d, ex, ey, eye, cache, known)
                        r, g, b = min(r + mr, 1.0), min(g + mg, 1.0), min(b + mb, 1.0)
                colour[row, column, 0], colour[row, column, 1], colour[row, column, 2] = r, g, b

        for place in range(clears):
            _blend(model, frame, clear[place], camera, depth, colour, cache, known)
        for place in range(clears - 1, -1, -1):
            _blend(model, frame, clear[place], camera, depth, colour, cache, known)

    return kernel


@entry
def identify(digest):
    """Makes the kernel that finds the geom of each pixel."""

    def kernel(frame, camera, depth, seen):
        """Writes each pixel's geom, -1 for none, to seen, int32 (H, W); depth, float64 (H, W), is overwritten too."""
        digest  # noqa: B018  closed over, so that numba's cache sees it
        depth[:] = INFINITY
        seen[:] = -1
        for i in range(len(frame.shapes.kind)):
            if frame.looks.geom[i] >= 0 and frame.looks.rgba[i, 3] > 0:
                _cover(frame.shapes, i, camera, 0.0, INFINITY, depth, seen)
        for row in range(seen.shape[0]):
            for column in range(seen.shape[1]):
                if seen[row, column] >= 0:
                    seen[row, column] = frame.looks.geom[seen[row, column]]

    return kernel
