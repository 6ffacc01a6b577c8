"""The renderer: pictures of a MuJoCo model, drawn by casting rays on the CPU."""

from typing import Any

import mujoco
import numpy as np

from envs.raycast import trace
from envs.raycast.scene import Scene, load_model
from envs.raycast.trace import Camera


class Raycaster:
    """Draws what a camera of a model sees, without OpenGL.

    Args:
      model: compiled model; dm_control's is `physics.model.ptr`.
      height: rows of the pictures.
      width: columns of the pictures.
      supersampling: rays per pixel along each side; their colours are averaged.
    """

    def __init__(self, model: mujoco.MjModel, height: int = 64, width: int = 64, supersampling: int = 1):
        self._model = model
        self._shape = height, width
        self._supersampling = supersampling
        self._scene = Scene(model)
        self._static = load_model(model)
        rows, columns = height * supersampling, width * supersampling
        self._depth = np.empty((rows, columns))
        self._seen = np.empty((rows, columns), np.int32)
        self._colour = np.empty((rows, columns, 3))

    def render(self, data: mujoco.MjData, camera: int = 0) -> np.ndarray:
        """Draws a picture.

        Args:
          data: the model's state, its kinematics computed; dm_control's is `physics.data.ptr`.
          camera: number of a camera of the model.

        Returns:
          uint8 (height, width, 3).
        """
        height, width = self._shape
        frame = self._scene.read(data, camera)
        passes = len(frame.lights.casts) + 2
        vertices = self._static.grids.vertex[-1]
        cache, known = np.empty((vertices, passes, 3)), np.empty((vertices, passes), np.bool_)
        view = self._camera(data, camera, height * self._supersampling)
        trace.render(
            self._static,
            frame,
            view,
            self._depth,
            self._seen,
            self._colour,
            cache,
            known,
            np.empty(len(frame.shapes.kind), np.bool_),
            np.empty(len(frame.shapes.kind), np.int64),
            np.empty(len(frame.shapes.kind)),
        )
        samples = self._colour.reshape(height, self._supersampling, width, self._supersampling, 3)
        return np.rint(255 * samples.mean((1, 3))).astype(np.uint8)

    def geoms(self, data: mujoco.MjData, camera: int = 0) -> np.ndarray:
        """The geom that each pixel's middle sees, sites and tendons set aside.

        Args:
          data: the model's state, its kinematics computed.
          camera: number of a camera of the model.

        Returns:
          int32 (height, width): geom, -1 for none.
        """
        height, width = self._shape
        depth, seen = np.empty((height, width)), np.empty((height, width), np.int32)
        trace.identify(self._scene.read(data, camera), self._camera(data, camera, height), depth, seen)
        return seen

    def _camera(self, data: mujoco.MjData, camera: int, rows: int) -> Any:
        model = self._model
        tangent = np.tan(np.radians(model.cam_fovy[camera]) / 2)
        return Camera(
            data.cam_xpos[camera].copy(),
            data.cam_xmat[camera].reshape(3, 3).copy(),
            float(2 * tangent / rows),
            float(model.vis.map.znear * model.stat.extent),
            float(model.vis.map.zfar * model.stat.extent),
        )
