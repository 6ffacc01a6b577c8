"""The colour of a point of a surface: its light, its shadows and its texture."""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

import math
from typing import NamedTuple

import numpy as np

from envs.raycast.compiler import inlined, kernel
from envs.raycast.faces import Faces, weights
from envs.raycast.lights import ALL, SHADOWLESS, illuminate
from envs.raycast.shapes import PLANE, into, meet, normal, out_of
from envs.raycast.textures import Textures, look_around, look_up

# The most grid lines along a side of a plane: MuJoCo's mjMAXPLANEGRID, and one line for each edge.
MOST_LINES = 203

# The grid of vertices into which MuJoCo's renderer divides a plane: OpenGL computes light at vertices, not pixels.
GRID = np.dtype(
    [
        ("count", np.int64, 2),  # grid lines along x and y
        ("lines", np.float64, (2, MOST_LINES)),  # their coordinates
        ("vertex", np.int64),  # index of the first vertex among the vertices of all planes
    ]
)


class World(NamedTuple):
    """The contents of a frame: N shapes, K lights, the grids of all planes with V vertices."""

    shapes: np.ndarray  # SHAPE (N)
    lights: np.ndarray  # LIGHT (K)
    textures: Textures
    faces: Faces
    grids: np.ndarray  # GRID (planes)
    light: np.ndarray  # float64 (V, K + 2, 3): the light on the vertices, computed on first use
    known: np.ndarray  # bool (V, K + 2): whether it has been computed


@kernel
def _shadowed(shapes, light, skip, x, y, z):
    """Whether something is between a point of shape `skip` and a light; the point faces the light."""
    px, py, pz = x - light.position[0], y - light.position[1], z - light.position[2]
    ax, ay, az = light.direction[0], light.direction[1], light.direction[2]
    along = px * ax + py * ay + pz * az
    if along <= 0:
        return False
    # A shadow map is a square perpendicular to the light's direction; there is no shadow outside it.
    limit = light.extent * (1.0 if light.directional else along)
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
    if light.directional:
        dx, dy, dz, reach = -ax, -ay, -az, along
    else:
        reach = math.sqrt(px * px + py * py + pz * pz)
        dx, dy, dz = -px / reach, -py / reach, -pz / reach
    for i in range(len(shapes)):
        if i == skip:
            continue
        shape = shapes[i]
        qx, qy, qz = x - shape.position[0], y - shape.position[1], z - shape.position[2]
        passing = -(qx * dx + qy * dy + qz * dz)
        if qx * qx + qy * qy + qz * qz - passing * passing > shape.reach**2 or passing < -shape.reach:
            continue
        ox, oy, oz = into(shape, qx, qy, qz)
        lx, ly, lz = into(shape, dx, dy, dz)
        if shape.kind == PLANE and lz > 0:  # both sides of a plane cast shadows
            oz, lz = -oz, -lz
        if meet(shape, ox, oy, oz, lx, ly, lz) < reach:
            return True
    return False


@kernel
def _paint(textures, shape, point, step_x, step_y):
    """The colour of a shape's texture at a local point; the steps lead to the surface at the neighbouring pixels."""
    size, uniform = shape.size, shape.uniform != 0
    texture = textures.table[shape.texture]
    cx = 1.0 if uniform or size[0] <= 0 else 1 / size[0]
    cy = 1.0 if uniform or size[1] <= 0 else 1 / size[1]
    if texture.cube:
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
    height, width = texture.height[0], texture.width[0]
    # The texture starts at the shape's corner: the left end of x and the far end of y.
    cx, cy = 0.5 * shape.repeat[0] * cx, -0.5 * shape.repeat[1] * cy
    begin_x = cx * (size[0] if size[0] > 0 else 1.0)
    begin_y = cy * (size[1] if size[1] > 0 else 1.0)
    footprint = math.sqrt(
        max(
            (step_x[0] * cx * width) ** 2 + (step_x[1] * cy * height) ** 2,
            (step_y[0] * cx * width) ** 2 + (step_y[1] * cy * height) ** 2,
        )
    )
    return look_up(textures, texture, 0, begin_x + cx * point[0], cy * point[1] - begin_y, footprint)


@kernel
def _step(t, d, e, n):
    """The displacement of a hit at depth t on the surface of normal n when the ray d changes by e."""
    facing = n[0] * d[0] + n[1] * d[1] + n[2] * d[2]
    if facing == 0:
        return 0.0, 0.0, 0.0
    turn = (n[0] * e[0] + n[1] * e[1] + n[2] * e[2]) / facing
    return t * (e[0] - d[0] * turn), t * (e[1] - d[1] * turn), t * (e[2] - d[2] * turn)


@kernel
def _cell(lines, count, x):
    """The cell of a grid that contains x, and the position of x within it, in [0, 1]."""
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) // 2
        if lines[middle] <= x:
            low = middle
        else:
            high = middle
    width = lines[low + 1] - lines[low]
    return low, (min(max((x - lines[low]) / width, 0.0), 1.0) if width > 0 else 0.0)


@inlined
def _corners(grid, x, y):
    """The three vertices (columns, rows) of the triangle in a plane's grid around local (x, y), and their weights."""
    column, u = _cell(grid.lines[0], grid.count[0], x)
    row, v = _cell(grid.lines[1], grid.count[1], y)
    if u + v <= 1:  # a quadrilateral is two triangles
        return (column, column + 1, column), (row, row, row + 1), (1 - u - v, u, v)
    return (column + 1, column + 1, column), (row + 1, row, row + 1), (u + v - 1, 1 - v, 1 - u)


@inlined
def _vertex_light(world, shape, which, column, row, eye):
    """Computes the light on one vertex of a plane's grid, if not yet known; returns the vertex's index."""
    grid = world.grids[shape.grid]
    vertex = grid.vertex + row * grid.count[0] + column
    if not world.known[vertex, which + 1]:
        world.known[vertex, which + 1] = True
        x, y, z = out_of(shape, grid.lines[0, column], grid.lines[1, row], 0.0)
        x, y, z = x + shape.position[0], y + shape.position[1], z + shape.position[2]
        vx, vy, vz = eye[0] - x, eye[1] - y, eye[2] - z
        distance = math.sqrt(vx * vx + vy * vy + vz * vz)
        nx, ny, nz = shape.rotation[0, 2], shape.rotation[1, 2], shape.rotation[2, 2]
        r, g, b = illuminate(
            world.lights, which, (x, y, z), (nx, ny, nz), (vx / distance, vy / distance, vz / distance), 1.0, shape
        )
        light = world.light
        light[vertex, which + 1, 0], light[vertex, which + 1, 1], light[vertex, which + 1, 2] = r, g, b
    return vertex


@inlined
def _plane_light(world, shape, which, corners, eye):
    """The light on a plane, interpolated between the vertices of a triangle as in OpenGL."""
    columns, rows, weights = corners
    r, g, b = 0.0, 0.0, 0.0
    for corner in range(3):
        vertex = _vertex_light(world, shape, which, columns[corner], rows[corner], eye)
        r += weights[corner] * world.light[vertex, which + 1, 0]
        g += weights[corner] * world.light[vertex, which + 1, 1]
        b += weights[corner] * world.light[vertex, which + 1, 2]
    return r, g, b


@kernel
def _face_normal(faces, face, local):
    """The unit normal at a local point of a triangle, interpolated between its corners."""
    a, b, c = weights(faces.corner[face], local[0], local[1], local[2])
    n = faces.normal[face]
    x = a * n[0, 0] + b * n[1, 0] + c * n[2, 0]
    y = a * n[0, 1] + b * n[1, 1] + c * n[2, 1]
    z = a * n[0, 2] + b * n[1, 2] + c * n[2, 2]
    length = max(math.sqrt(x * x + y * y + z * z), 1e-12)
    return x / length, y / length, z / length


@kernel
def _face_texcoord(faces, face, x, y, z):
    a, b, c = weights(faces.corner[face], x, y, z)
    place = faces.texcoord[face]
    return (
        a * place[0, 0] + b * place[1, 0] + c * place[2, 0],
        a * place[0, 1] + b * place[1, 1] + c * place[2, 1],
    )


@kernel
def _paint_face(world, shape, face, point, step_x, step_y):
    """The colour at a local point of a texture whose coordinates are stored with the triangles."""
    texture = world.textures.table[shape.texture]
    u, v = _face_texcoord(world.faces, face, point[0], point[1], point[2])
    footprint = 0.0
    for step in (step_x, step_y):
        du, dv = _face_texcoord(world.faces, face, point[0] + step[0], point[1] + step[1], point[2] + step[2])
        du, dv = (du - u) * texture.width[0], (dv - v) * texture.height[0]
        footprint = max(footprint, math.sqrt(du * du + dv * dv))
    return look_up(world.textures, texture, 0, u, v, footprint)


@kernel
def shade(world, i, face, single, tint, t, d, ex, ey, eye):
    """The colour of shape i at depth t of the ray d from the eye.

    Args:
      world: World.
      i: index of the shape.
      face: index of its triangle, if it has triangles.
      single: apply all lights at once and without shadows, as for mirrored and transparent geoms.
      tint: factor on the surface's colour; not 1 in a mirror.
      t: depth.
      d: direction of the ray.
      ex: change of d from a pixel to the next one right.
      ey: change of d from a pixel to the next one down.
      eye: origin of the ray.
    """
    shape = world.shapes[i]
    x, y, z = eye[0] + t * d[0], eye[1] + t * d[1], eye[2] + t * d[2]
    local = into(shape, x - shape.position[0], y - shape.position[1], z - shape.position[2])
    n = _face_normal(world.faces, face, local) if shape.faces > 0 else normal(shape, local[0], local[1], local[2])
    nx, ny, nz = out_of(shape, n[0], n[1], n[2])
    length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    vx, vy, vz = -d[0] / length, -d[1] / length, -d[2] / length
    grid = shape.kind == PLANE and tint == 1
    corners = ((0, 0, 0), (0, 0, 0), (0.0, 0.0, 0.0))
    if grid:
        corners = _corners(world.grids[shape.grid], local[0], local[1])

    # First all lights without shadows at once, then each light that casts shadows.
    r, g, b = 0.0, 0.0, 0.0
    for k in range(SHADOWLESS, SHADOWLESS + 1 if single else len(world.lights)):
        if k >= 0 and world.lights[k].casts == 0:
            continue
        which = ALL if single else k
        if grid:
            lr, lg, lb = _plane_light(world, shape, which, corners, eye)
        else:
            lr, lg, lb = illuminate(world.lights, which, (x, y, z), (nx, ny, nz), (vx, vy, vz), tint, shape)
        if k < 0 or (lr + lg + lb > 0 and not _shadowed(world.shapes, world.lights[k], i, x, y, z)):
            r, g, b = r + lr, g + lg, b + lb
    if shape.texture >= 0:
        turned = into(shape, d[0], d[1], d[2])
        step_x = _step(t, turned, into(shape, ex[0], ex[1], ex[2]), n)
        step_y = _step(t, turned, into(shape, ey[0], ey[1], ey[2]), n)
        if shape.mapped:
            tr, tg, tb = _paint_face(world, shape, face, local, step_x, step_y)
        else:
            tr, tg, tb = _paint(world.textures, shape, local, step_x, step_y)
        r, g, b = r * tr, g * tg, b * tb
    return min(r, 1.0), min(g, 1.0), min(b, 1.0)


@kernel
def sky(textures, d, pixel):
    """The colour of the sky; its texture is rotated by 90 degrees around x."""
    if textures.sky < 0:
        return 0.0, 0.0, 0.0
    squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    return look_around(textures, textures.table[textures.sky], d[0], d[2], -d[1], pixel / math.sqrt(squared))
