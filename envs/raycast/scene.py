"""What there is to draw in one frame, as arrays; MuJoCo's own abstract visualisation says what that is.

`mjv_updateScene` decides which geoms, sites and tendons are visible, their colours, and the path of a slack tendon. It
needs no OpenGL: only the rendering that usually follows does.
"""

from typing import NamedTuple

import mujoco
import numpy as np

from envs.raycast import shapes
from envs.raycast.lights import Lights, read_lights
from envs.raycast.shapes import Shapes
from envs.raycast.textures import Textures, load_textures

MAX_GEOMS = 2000
# mjMAXPLANEGRID of MuJoCo: the most cells along a side of a plane.
_MOST_CELLS = 200
# What mjv_initGeom gives a geom without material: emission, specular, shininess, reflectance.
_PLAIN = (0.0, 0.5, 0.5, 0.0)


class Materials(NamedTuple):
    """A model's materials, and last the one of geoms without any."""

    finish: np.ndarray  # float64 (M + 1, 4): emission, specular, shininess, reflectance
    texture: np.ndarray  # int64 (M + 1), -1 for none
    repeat: np.ndarray  # float64 (M + 1, 2)
    uniform: np.ndarray  # bool (M + 1): texture measured in metres rather than in sizes of the shape


class Grids(NamedTuple):
    """The grid of vertices that MuJoCo's renderer divides each plane into; OpenGL lights vertices, not pixels."""

    lines: np.ndarray  # float64: places of the grid lines of all planes, along x, then y
    start: np.ndarray  # int64 (planes, 2): a plane's first line along x and y
    count: np.ndarray  # int64 (planes, 2): number of lines
    vertex: np.ndarray  # int64 (planes + 1): a plane's first vertex


class Looks(NamedTuple):
    """How the shapes of one frame look, N of them."""

    rgba: np.ndarray  # float64 (N, 4)
    material: np.ndarray  # int64 (N): row of Materials
    plane: np.ndarray  # int64 (N): row of Grids, for planes
    geom: np.ndarray  # int32 (N): the model's geom, -1 for sites and tendons


class Frame(NamedTuple):
    """All that changes from frame to frame."""

    shapes: Shapes
    looks: Looks
    lights: Lights


class Model(NamedTuple):
    """All that stays."""

    materials: Materials
    textures: Textures
    grids: Grids


def load_model(model: mujoco.MjModel) -> Model:
    """Takes what stays the same in all frames from a compiled model."""
    role = mujoco.mjtTextureRole.mjTEXROLE_RGB
    finish = np.stack([model.mat_emission, model.mat_specular, model.mat_shininess, model.mat_reflectance], 1)
    materials = Materials(
        np.concatenate([finish, [_PLAIN]]).astype(np.float64),
        np.append(model.mat_texid[:, role], -1).astype(np.int64),
        np.concatenate([model.mat_texrepeat, np.ones((1, 2))]).astype(np.float64),
        np.append(model.mat_texuniform, False).astype(np.bool_),
    )
    return Model(materials, load_textures(model), _load_grids(model))


def _load_grids(model: mujoco.MjModel) -> Grids:
    lines: list[np.ndarray] = []
    for geom in np.flatnonzero(model.geom_type == shapes.PLANE):
        material = model.geom_matid[geom]
        for axis in (0, 1):
            half, spacing = model.geom_size[geom, axis], model.geom_size[geom, 2]
            repeat = model.mat_texrepeat[material, axis] if material >= 0 else 0.0
            far = model.vis.map.zfar * model.stat.extent
            lines.append(_finite_grid(half, spacing) if half > 0 else _infinite_grid(far, repeat))
    count = np.array([len(line) for line in lines], np.int64).reshape(-1, 2)
    start = np.cumsum(count.reshape(-1)) - count.reshape(-1)
    vertex = np.concatenate([[0], np.cumsum(count.prod(1))]).astype(np.int64)
    return Grids(np.concatenate([np.zeros(0), *lines]), start.reshape(-1, 2), count, vertex)


def _finite_grid(half: float, spacing: float) -> np.ndarray:
    """Grid lines from -half to half: an even number of cells 2 * spacing wide, and what is left at both ends."""
    step = max(spacing, half / (_MOST_CELLS - 2))
    cells = int(half / step) // 2 * 2
    inner = (np.arange(cells + 1) - cells / 2) * 2 * step
    return np.concatenate([[-half], inner, [half]])


def _infinite_grid(far: float, repeat: float) -> np.ndarray:
    """Grid lines that reach just beyond the camera's far plane."""
    margin = 2 / repeat if repeat > 0 else 2.1 * far / (_MOST_CELLS - 2)
    return (np.arange(_MOST_CELLS + 1) - _MOST_CELLS // 2) * (2.1 * far + 2 * margin) / _MOST_CELLS


class Scene:
    """Reads frames from the physics."""

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._scene = mujoco.MjvScene(model, MAX_GEOMS)
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._geoms = self._scene.geoms
        self._position, self._rotation, self._size, self._rgba = map(self._column, ("pos", "mat", "size", "rgba"))

    def _column(self, name: str) -> np.ndarray:
        """One field of all geoms of the scene, in place: a read costs one copy instead of one call a geom."""
        first, second = getattr(self._geoms[0], name), getattr(self._geoms[1], name)
        stride = second.__array_interface__["data"][0] - first.__array_interface__["data"][0]
        return np.lib.stride_tricks.as_strided(first, (MAX_GEOMS, *first.shape), (stride, *first.strides))

    def read(self, data: mujoco.MjData, camera: int) -> Frame:
        """The frame that a camera of the model sees now."""
        self._camera.fixedcamid = camera
        categories = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, data, self._option, None, self._camera, categories, self._scene)
        count = self._scene.ngeom
        geoms = self._geoms[:count]
        kind = np.array([geom.type for geom in geoms], np.int32)
        plane = np.array([geom.dataid for geom in geoms], np.int64)
        material = np.array([geom.matid for geom in geoms], np.int64)
        owner = np.array([geom.objid if geom.objtype == _GEOM else -1 for geom in geoms], np.int32)
        size = self._size[:count].astype(np.float64)
        found = Shapes(
            kind,
            self._position[:count].astype(np.float64),
            self._rotation[:count].astype(np.float64),
            size,
            _reach(kind, size),
        )
        looks = Looks(self._rgba[:count].astype(np.float64), material % (self._model.nmat + 1), plane, owner)
        return Frame(found, looks, read_lights(self._model, self._scene))


_GEOM = int(mujoco.mjtObj.mjOBJ_GEOM)


def _reach(kind: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Radius of each shape's bounding sphere."""
    reach = np.select(
        [kind == shapes.PLANE, kind == shapes.CAPSULE, kind == shapes.CYLINDER, kind == shapes.BOX],
        [np.inf, size[:, 0] + size[:, 2], np.hypot(size[:, 0], size[:, 2]), np.linalg.norm(size, axis=1)],
        size.max(1, initial=0),
    )
    return reach.astype(np.float64)
