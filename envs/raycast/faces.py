"""Meshes, height fields and skins: surfaces of triangles.

They are visible, also in mirrors, and lit. They are never transparent. They receive shadows but cast none.
"""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

from typing import NamedTuple

import mujoco
import numpy as np

from envs.raycast.compiler import kernel

# Cosine of the largest angle to the triangle's normal at which MuJoCo's renderer uses a smoothed normal.
_SMOOTH = 0.8


class Faces(NamedTuple):
    """F triangles, each in the frame of its shape."""

    corner: np.ndarray  # float32 (F, 3, 3)
    normal: np.ndarray  # float32 (F, 3, 3): unit, at each corner
    texcoord: np.ndarray  # float32 (F, 3, 2): at each corner


class Surfaces:
    """The triangles of a model's meshes, height fields and skins, with the index of the first triangle of each."""

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._heights = model.hfield_data.copy()
        self.spans: dict[tuple[int, int], tuple[int, int, bool]] = {}  # (kind, id): first, number, has texcoords
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        total = 0
        shown = model.geom_group < 3  # the groups that mjvOption shows by default
        for kind, load in ((mujoco.mjtGeom.mjGEOM_MESH, _mesh), (mujoco.mjtGeom.mjGEOM_HFIELD, _height_field)):
            for number in sorted({int(i) for i in model.geom_dataid[shown & (model.geom_type == kind)]}):
                corner, normal, texcoord = load(model, number)
                self.spans[int(kind), number] = total, len(corner), texcoord is not None
                parts.append((corner, normal, np.zeros((len(corner), 3, 2)) if texcoord is None else texcoord))
                total += len(corner)
        for number in range(model.nskin):
            count = int(model.skin_facenum[number])
            mapped = model.skin_texcoordadr[number] >= 0
            texcoord = np.zeros((count, 3, 2))
            if mapped:
                texcoord = model.skin_texcoord[model.skin_texcoordadr[number] + self._skin_face(number)]
            self.spans[int(mujoco.mjtGeom.mjGEOM_SKIN), number] = total, count, mapped
            parts.append((np.zeros((count, 3, 3)), np.zeros((count, 3, 3)), texcoord))
            total += count
        self.faces = Faces(
            np.concatenate([part[0] for part in parts] or [np.zeros((0, 3, 3))]).astype(np.float32),
            np.concatenate([part[1] for part in parts] or [np.zeros((0, 3, 3))]).astype(np.float32),
            np.concatenate([part[2] for part in parts] or [np.zeros((0, 3, 2))]).astype(np.float32),
        )

    def _skin_face(self, number: int) -> np.ndarray:
        begin = self._model.skin_faceadr[number]
        return self._model.skin_face[begin : begin + self._model.skin_facenum[number]]

    def update(self, scene: mujoco.MjvScene) -> None:
        """Copies the skins of an updated scene, and the height fields if an episode has a new terrain."""
        if not np.array_equal(self._heights, self._model.hfield_data):
            self._heights = self._model.hfield_data.copy()
            for (kind, number), (first, count, _) in self.spans.items():
                if kind == mujoco.mjtGeom.mjGEOM_HFIELD:
                    corner, normal, _ = _height_field(self._model, number)
                    self.faces.corner[first : first + count] = corner
                    self.faces.normal[first : first + count] = normal
        for number in range(self._model.nskin):
            first, count, _ = self.spans[int(mujoco.mjtGeom.mjGEOM_SKIN), number]
            vertex = self._model.skin_vertadr[number] + self._skin_face(number)
            self.faces.corner[first : first + count] = scene.skinvert.reshape(-1, 3)[vertex]
            self.faces.normal[first : first + count] = scene.skinnormal.reshape(-1, 3)[vertex]


def _flat_normals(corner: np.ndarray) -> np.ndarray:
    """Unit normals (F, 1, 3) of triangles (F, 3, 3)."""
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return (normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))[:, None]


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    rows = slice(model.mesh_faceadr[mesh], model.mesh_faceadr[mesh] + model.mesh_facenum[mesh])
    corner = model.mesh_vert[model.mesh_vertadr[mesh] + model.mesh_face[rows]].astype(np.float64)
    normal = model.mesh_normal[model.mesh_normaladr[mesh] + model.mesh_facenormal[rows]]
    if model.mesh_texcoordadr[mesh] >= 0:
        return corner, normal, model.mesh_texcoord[model.mesh_texcoordadr[mesh] + model.mesh_facetexcoord[rows]]
    flat = _flat_normals(corner)
    return corner, np.where((normal * flat).sum(2, keepdims=True) < _SMOOTH, flat, normal), None


def _height_field(model: mujoco.MjModel, field: int) -> tuple[np.ndarray, np.ndarray, None]:
    rows, columns = model.hfield_nrow[field], model.hfield_ncol[field]
    begin, size = model.hfield_adr[field], model.hfield_size[field]
    x, y = np.meshgrid(np.linspace(-size[0], size[0], columns), np.linspace(-size[1], size[1], rows))
    z = size[2] * model.hfield_data[begin : begin + rows * columns].reshape(rows, columns)
    point = np.stack([x, y, z], -1)
    low, right, up, far = point[:-1, :-1], point[:-1, 1:], point[1:, :-1], point[1:, 1:]
    corner = np.stack([np.stack([low, far, up], 2), np.stack([low, right, far], 2)], 2).reshape(-1, 3, 3)
    return corner, np.broadcast_to(_flat_normals(corner), corner.shape), None


@kernel
def weights(corner, x, y, z):
    """Barycentric coordinates of a point in a triangle's plane; of a point on the edge if it is outside."""
    ax, ay, az = corner[1, 0] - corner[0, 0], corner[1, 1] - corner[0, 1], corner[1, 2] - corner[0, 2]
    bx, by, bz = corner[2, 0] - corner[0, 0], corner[2, 1] - corner[0, 1], corner[2, 2] - corner[0, 2]
    px, py, pz = x - corner[0, 0], y - corner[0, 1], z - corner[0, 2]
    aa, ab, bb = ax * ax + ay * ay + az * az, ax * bx + ay * by + az * bz, bx * bx + by * by + bz * bz
    pa, pb = px * ax + py * ay + pz * az, px * bx + py * by + pz * bz
    area = aa * bb - ab * ab
    if area <= 0:
        return 1.0, 0.0, 0.0
    v = min(max((bb * pa - ab * pb) / area, 0.0), 1.0)
    w = min(max((aa * pb - ab * pa) / area, 0.0), 1.0 - v)
    return 1 - v - w, v, w
