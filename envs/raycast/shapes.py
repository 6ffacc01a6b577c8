"""Intersections of rays with MuJoCo's shapes, in the shape's frame, and the surface normals.

A ray is a point o and a direction d of any length; a hit is the smallest t >= 0 with o + t d on the surface, or
infinity. The sizes are MuJoCo's: radius and half-length for a capsule (size 0 and 2), half-sizes for a box, and so on.
"""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

import math

import mujoco
import numpy as np

from envs.raycast.compiler import kernel

# mjtGeom of MuJoCo.
PLANE, HFIELD, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH = range(8)
SKIN = int(mujoco.mjtGeom.mjGEOM_SKIN)

INFINITY = math.inf


# A shape in the world, with its material.
SHAPE = np.dtype(
    [
        ("kind", np.int64),  # mjtGeom
        ("position", np.float64, 3),
        ("rotation", np.float64, (3, 3)),  # columns are the shape's axes
        ("size", np.float64, 3),
        ("reach", np.float64),  # radius of the bounding sphere, infinity for planes
        ("geom", np.int64),  # the model's geom, -1 for sites and tendons
        ("rgba", np.float64, 4),
        ("emission", np.float64),
        ("specular", np.float64),
        ("shininess", np.float64),
        ("reflectance", np.float64),
        ("texture", np.int64),  # -1 for none
        ("repeat", np.float64, 2),  # of the texture, along x and y
        ("uniform", np.int64),  # whether the texture is scaled in metres, not relative to the shape's size
        ("grid", np.int64),  # index of a plane's grid
        ("face", np.int64),  # first triangle of a mesh, height field or skin
        ("faces", np.int64),  # number of triangles
        ("mapped", np.int64),  # whether its triangles have texture coordinates
    ]
)


@kernel
def _first(a, b, c):
    """The smallest t >= 0 of a t^2 + 2 b t + c = 0; infinity if there is none."""
    discriminant = b * b - a * c
    if discriminant < 0 or a <= 0:
        return INFINITY
    root = math.sqrt(discriminant)
    near = (-b - root) / a
    if near >= 0:
        return near
    far = (-b + root) / a
    return far if far >= 0 else INFINITY


@kernel
def _meet_plane(sx, sy, ox, oy, oz, dx, dy, dz):
    if dz >= 0 or oz < 0:  # planes are visible from the front only
        return INFINITY
    t = -oz / dz
    if (sx > 0 and abs(ox + t * dx) > sx) or (sy > 0 and abs(oy + t * dy) > sy):
        return INFINITY
    return t


@kernel
def _meet_ellipsoid(sx, sy, sz, ox, oy, oz, dx, dy, dz):
    ox, oy, oz, dx, dy, dz = ox / sx, oy / sy, oz / sz, dx / sx, dy / sy, dz / sz
    return _first(dx * dx + dy * dy + dz * dz, ox * dx + oy * dy + oz * dz, ox * ox + oy * oy + oz * oz - 1)


@kernel
def _meet_capsule(radius, half, ox, oy, oz, dx, dy, dz):
    best = INFINITY
    a = dx * dx + dy * dy
    b = ox * dx + oy * dy
    c = ox * ox + oy * oy - radius * radius
    discriminant = b * b - a * c
    if discriminant < 0:  # misses the infinite cylinder, which contains the whole capsule
        return best
    if a > 0:
        root = math.sqrt(discriminant)
        t = (-b - root) / a
        if t >= 0 and abs(oz + t * dz) <= half:
            best = t
        t = (-b + root) / a
        if 0 <= t < best and abs(oz + t * dz) <= half:
            best = t
    a += dz * dz
    for side in (-1.0, 1.0):
        z = oz - side * half
        bb = b + z * dz
        discriminant = bb * bb - a * (c + z * z)
        if discriminant >= 0:
            root = math.sqrt(discriminant)
            t = (-bb - root) / a
            if 0 <= t < best and side * (z + t * dz) >= 0:
                best = t
            t = (-bb + root) / a
            if 0 <= t < best and side * (z + t * dz) >= 0:
                best = t
    return best


@kernel
def _meet_cylinder(radius, half, ox, oy, oz, dx, dy, dz):
    best = INFINITY
    a = dx * dx + dy * dy
    b = ox * dx + oy * dy
    c = ox * ox + oy * oy - radius * radius
    discriminant = b * b - a * c
    if discriminant < 0 or (a == 0 and c > 0):
        return best
    if a > 0:
        root = math.sqrt(discriminant)
        t = (-b - root) / a
        if t >= 0 and abs(oz + t * dz) <= half:
            best = t
        t = (-b + root) / a
        if 0 <= t < best and abs(oz + t * dz) <= half:
            best = t
    if dz != 0:
        for side in (-1.0, 1.0):
            t = (side * half - oz) / dz
            if 0 <= t < best:
                x, y = ox + t * dx, oy + t * dy
                if x * x + y * y <= radius * radius:
                    best = t
    return best


@kernel
def _meet_box(sx, sy, sz, ox, oy, oz, dx, dy, dz):
    enter, leave = -INFINITY, INFINITY
    for s, o, d in ((sx, ox, dx), (sy, oy, dy), (sz, oz, dz)):
        if d == 0:
            if abs(o) > s:
                return INFINITY
            continue
        t0, t1 = (-s - o) / d, (s - o) / d
        if t0 > t1:
            t0, t1 = t1, t0
        enter, leave = max(enter, t0), min(leave, t1)
    if enter > leave or leave < 0:
        return INFINITY
    return enter if enter >= 0 else leave


@kernel
def meet(shape, ox, oy, oz, dx, dy, dz):
    """The smallest t >= 0 at which the ray o + t d, in the shape's frame, hits the shape; infinity if it misses."""
    kind, size = shape.kind, shape.size
    if kind == CAPSULE:
        return _meet_capsule(size[0], size[2], ox, oy, oz, dx, dy, dz)
    if kind == PLANE:
        return _meet_plane(size[0], size[1], ox, oy, oz, dx, dy, dz)
    if kind in (SPHERE, ELLIPSOID):
        return _meet_ellipsoid(size[0], size[1], size[2], ox, oy, oz, dx, dy, dz)
    if kind == CYLINDER:
        return _meet_cylinder(size[0], size[2], ox, oy, oz, dx, dy, dz)
    if kind == BOX:
        return _meet_box(size[0], size[1], size[2], ox, oy, oz, dx, dy, dz)
    return INFINITY


@kernel
def normal(shape, x, y, z):
    """The outward unit normal at a point (x, y, z) of the surface, in the shape's frame."""
    kind, size = shape.kind, shape.size
    if kind == CAPSULE:
        z -= min(max(z, -size[2]), size[2])
    elif kind == PLANE:
        return 0.0, 0.0, 1.0
    elif kind in (SPHERE, ELLIPSOID):
        x, y, z = x / size[0] ** 2, y / size[1] ** 2, z / size[2] ** 2
    elif kind == CYLINDER:
        if abs(z) - size[2] > math.sqrt(x * x + y * y) - size[0]:
            return 0.0, 0.0, math.copysign(1.0, z)
        z = 0.0
    else:
        u, v, w = abs(x) - size[0], abs(y) - size[1], abs(z) - size[2]
        if w >= u and w >= v:
            return 0.0, 0.0, math.copysign(1.0, z)
        if v >= u:
            return 0.0, math.copysign(1.0, y), 0.0
        return math.copysign(1.0, x), 0.0, 0.0
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


@kernel
def contains(shape, x, y, z):
    """Whether a point (x, y, z) of the shape's frame is inside the shape."""
    kind, size = shape.kind, shape.size
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
def into(frame, x, y, z):
    """A vector from the world's frame to that of a shape or camera."""
    rotation = frame.rotation
    return (
        rotation[0, 0] * x + rotation[1, 0] * y + rotation[2, 0] * z,
        rotation[0, 1] * x + rotation[1, 1] * y + rotation[2, 1] * z,
        rotation[0, 2] * x + rotation[1, 2] * y + rotation[2, 2] * z,
    )


@kernel
def out_of(frame, x, y, z):
    """A vector from the frame of a shape or camera to that of the world."""
    rotation = frame.rotation
    return (
        rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z,
        rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z,
        rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z,
    )
