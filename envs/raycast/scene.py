"""The contents of one frame as arrays, read from MuJoCo's abstract visualisation.

`mjv_updateScene` determines which geoms, sites and tendons are visible, their colours, and the path of a slack tendon.
It needs no OpenGL; only the rendering that usually follows does.
"""

import mujoco
import numpy as np

from envs.raycast import shapes
from envs.raycast.faces import Surfaces
from envs.raycast.lights import read_lights
from envs.raycast.shade import GRID, MOST_LINES, World
from envs.raycast.shapes import SHAPE
from envs.raycast.textures import load_textures

MAX_SHAPES = 2000

_SURFACES = (shapes.MESH, shapes.HFIELD, shapes.SKIN)
_GEOM = int(mujoco.mjtObj.mjOBJ_GEOM)
# mjMAXPLANEGRID of MuJoCo: the most cells along a side of a plane.
_MOST_CELLS = MOST_LINES - 3


class Scene:
    """Reads frames from the physics."""

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._scene = mujoco.MjvScene(model, MAX_SHAPES)
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._geoms = self._scene.geoms
        self._columns = {
            "position": self._column("pos"),
            "rotation": self._column("mat"),
            "size": self._column("size"),
            "rgba": self._column("rgba"),
        }
        self._materials = _load_materials(model)
        self._textures = load_textures(model)
        self._surfaces = Surfaces(model)
        self._grids = _load_grids(model)
        # The passes: each light of the model, the headlight, SHADOWLESS and ALL.
        vertices, passes = int(self._grids["count"].prod(1).sum()), model.nlight + 3
        self._light, self._known = np.empty((vertices, passes, 3)), np.empty((vertices, passes), np.bool_)

    def _column(self, name: str) -> np.ndarray:
        """A view of one field of all geoms of the scene: reading it takes one copy, not one call for each geom."""
        first, second = getattr(self._geoms[0], name), getattr(self._geoms[1], name)
        stride = second.__array_interface__["data"][0] - first.__array_interface__["data"][0]
        return np.lib.stride_tricks.as_strided(first, (MAX_SHAPES, *first.shape), (stride, *first.strides))

    def read(self, data: mujoco.MjData, camera: int | mujoco.MjvCamera) -> World:
        """The world that a camera sees now; the headlight is at the camera."""
        if isinstance(camera, int):
            self._camera.fixedcamid = camera
        chosen = self._camera if isinstance(camera, int) else camera
        categories = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, data, self._option, None, chosen, categories, self._scene)
        geoms = self._geoms[: self._scene.ngeom]
        rows = np.zeros(len(geoms), SHAPE)
        for field, column in self._columns.items():
            rows[field] = column[: len(geoms)]
        rows["kind"] = [geom.type for geom in geoms]
        rows["grid"] = [geom.dataid for geom in geoms]
        rows["geom"] = [geom.objid if geom.objtype == _GEOM else -1 for geom in geoms]
        self._surfaces.update(self._scene)
        for i, geom in enumerate(geoms):
            if geom.type in _SURFACES:
                self._find_faces(rows[i : i + 1], geom)
        rows["reach"] = _reach(rows)
        materials = self._materials[[geom.matid for geom in geoms]]
        for field in materials.dtype.names or ():
            rows[field] = materials[field]
        lights = read_lights(self._model, self._scene)
        return World(rows, lights, self._textures, self._surfaces.faces, self._grids, self._light, self._known)

    def _find_faces(self, row: np.ndarray, geom: mujoco.MjvGeom) -> None:
        """Sets the triangles of a shape, SHAPE (1); a scene numbers a mesh by twice its index."""
        number = geom.dataid
        if geom.type == shapes.MESH:
            number //= 2
        elif geom.type == shapes.SKIN:
            number = geom.objid
            row["position"], row["rotation"] = 0, np.eye(3)  # skins are in the world's frame
        row["face"], row["faces"], row["mapped"] = self._surfaces.spans.get((geom.type, number), (0, 0, False))


def _reach(rows: np.ndarray) -> np.ndarray:
    """Radius of each shape's bounding sphere."""
    kind, size = rows["kind"], rows["size"]
    finite = (kind == shapes.PLANE) & (size[:, 0] > 0) & (size[:, 1] > 0)
    reach = size.max(1, initial=0.0)
    reach[kind == shapes.CAPSULE] = (size[:, 0] + size[:, 2])[kind == shapes.CAPSULE]
    reach[kind == shapes.CYLINDER] = np.hypot(size[:, 0], size[:, 2])[kind == shapes.CYLINDER]
    reach[kind == shapes.BOX] = np.linalg.norm(size, axis=1)[kind == shapes.BOX]
    reach[kind == shapes.PLANE] = np.inf
    reach[finite] = np.hypot(size[:, 0], size[:, 1])[finite]
    return reach


def _load_materials(model: mujoco.MjModel) -> np.ndarray:
    """The materials' fields of SHAPE; the last row (index -1) has mjv_initGeom's values for a geom without material."""
    fields = ("emission", "specular", "shininess", "reflectance", "texture", "repeat", "uniform")
    table = np.zeros(model.nmat + 1, [field for field in SHAPE.descr if field[0] in fields])
    for field in ("emission", "specular", "shininess", "reflectance"):
        table[field][:-1] = getattr(model, f"mat_{field}")
    table["texture"][:-1] = model.mat_texid[:, mujoco.mjtTextureRole.mjTEXROLE_RGB]
    table["repeat"][:-1] = model.mat_texrepeat
    table["uniform"][:-1] = model.mat_texuniform
    table["specular"][-1], table["shininess"][-1], table["texture"][-1] = 0.5, 0.5, -1
    return table


def _load_grids(model: mujoco.MjModel) -> np.ndarray:
    """The grids of all planes, in the order of the `dataid` of a scene's planes: GRID (planes)."""
    planes = np.flatnonzero(model.geom_type == shapes.PLANE)
    table = np.zeros(len(planes), GRID)
    far = model.vis.map.zfar * model.stat.extent
    vertex = 0
    for row, geom in zip(table, planes, strict=True):
        material = model.geom_matid[geom]
        for axis in (0, 1):
            half, spacing = model.geom_size[geom, axis], model.geom_size[geom, 2]
            repeat = model.mat_texrepeat[material, axis] if material >= 0 else 0.0
            lines = _finite_grid(half, spacing) if half > 0 else _infinite_grid(far, repeat)
            row["count"][axis] = len(lines)
            row["lines"][axis, : len(lines)] = lines
        row["vertex"] = vertex
        vertex += int(row["count"].prod())
    return table


def _finite_grid(half: float, spacing: float) -> np.ndarray:
    """Grid lines from -half to half: an even number of cells 2 * spacing wide, and the remainder at both ends."""
    step = max(spacing, half / (_MOST_CELLS - 2))
    cells = int(half / step) // 2 * 2
    inner = (np.arange(cells + 1) - cells / 2) * 2 * step
    return np.concatenate([[-half], inner, [half]])


def _infinite_grid(far: float, repeat: float) -> np.ndarray:
    """Grid lines that reach just beyond the camera's far plane."""
    margin = 2 / repeat if repeat > 0 else 2.1 * far / (_MOST_CELLS - 2)
    return (np.arange(_MOST_CELLS + 1) - _MOST_CELLS // 2) * (2.1 * far + 2 * margin) / _MOST_CELLS
