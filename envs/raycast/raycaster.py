"""The renderer: images of a MuJoCo model, drawn by casting rays on the CPU."""

import mujoco
import numpy as np

from envs.raycast import trace
from envs.raycast.cover import CAMERA, CENTRE
from envs.raycast.scene import MAX_SHAPES, Scene


class Raycaster:
    """Draws what a camera of a model sees, without OpenGL.

    Args:
      model: compiled model; dm_control's is `physics.model.ptr`.
      height: rows of the images.
      width: columns of the images.
      supersampling: number of pixels drawn along each side of an image's pixel; their colours are averaged. Even at 1,
        four samples of each pixel smooth the edges, as in OpenGL's multisampling.
    """

    def __init__(self, model: mujoco.MjModel, height: int = 64, width: int = 64, supersampling: int = 1):
        self._model = model
        self._shape = height, width
        self._supersampling = supersampling
        self._scene = Scene(model)
        self._buffers = trace.make_buffers(height * supersampling, width * supersampling, MAX_SHAPES)

    def render(self, data: mujoco.MjData, camera: int | mujoco.MjvCamera = 0) -> np.ndarray:
        """Draws an image.

        Args:
          data: the model's state with computed kinematics; dm_control's is `physics.data.ptr`.
          camera: index of a camera of the model, or a free camera.

        Returns:
          uint8 (height, width, 3).

        Raises:
          ValueError: the model has no such camera.
        """
        height, width = self._shape
        self._buffers.cameras[:1] = self._camera(data, camera, height * self._supersampling)
        trace.render(self._scene.read(data, camera), self._buffers)
        samples = self._buffers.colour.reshape(height, self._supersampling, width, self._supersampling, 3)
        return np.rint(255 * samples.mean((1, 3))).astype(np.uint8)

    def geoms(self, data: mujoco.MjData, camera: int | mujoco.MjvCamera = 0) -> np.ndarray:
        """The geom that each pixel's centre sees, without sites and tendons.

        Args:
          data: the model's state with computed kinematics.
          camera: index of a camera of the model, or a free camera.

        Returns:
          int32 (height, width): index of the geom, -1 for none.
        """
        height, width = self._shape
        near, depth = np.zeros((height, width, 1)), np.full((height, width, 1), np.inf)
        seen = np.full((height, width, 1), -1, np.int32)
        world, view = self._scene.read(data, camera), self._camera(data, camera, height)
        trace.identify(world.shapes, world.faces, view, CENTRE, near, depth, seen, np.zeros_like(seen))
        return seen[..., 0]

    def _camera(self, data: mujoco.MjData, camera: int | mujoco.MjvCamera, rows: int) -> np.ndarray:
        """CAMERA (1)."""
        model = self._model
        view = np.zeros(1, CAMERA)
        if not isinstance(camera, int):
            view["position"], view["rotation"] = _free_pose(camera)
            angle = model.vis.global_.fovy
        elif 0 <= camera < model.ncam:
            view["position"], view["rotation"] = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
            angle = model.cam_fovy[camera]
        else:
            raise ValueError(f"there is no camera {camera}: the model has {model.ncam} camera(s), counted from 0")
        view["pixel"] = 2 * np.tan(np.radians(angle) / 2) / rows
        view["near"] = model.vis.map.znear * model.stat.extent
        view["far"] = model.vis.map.zfar * model.stat.extent
        view["handed"] = 1
        return view


def _free_pose(camera: mujoco.MjvCamera) -> tuple[np.ndarray, np.ndarray]:
    """Position (3) and rotation (3, 3) of a free camera, whose columns point right, up and back."""
    azimuth, elevation = np.radians([camera.azimuth, camera.elevation])
    ahead = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    return camera.lookat - camera.distance * ahead, np.column_stack([right, np.cross(right, ahead), -ahead])
