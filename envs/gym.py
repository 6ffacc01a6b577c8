"""Environments of Gymnasium (Towers et al. 2024), its own and those that any package registers."""

import importlib
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.spaces import flatten
from numpy.typing import ArrayLike
from PIL import Image as Pillow

from common.errors import UserError
from envs.gym_tasks import split
from envs.renderer import OPENGL, choose_renderer, spare_opengl
from envs.settings import EnvSettings
from envs.task import SIZE, Image, Observe, TaskEnv

PIXELS = "rgb_array"  # Gymnasium's mode of rendering into an array
TRACKING = "track"  # the camera of Gymnasium's MuJoCo tasks that follows the body


class GymEnv(TaskEnv):
    """An environment of Gymnasium, with actions scaled from [-1, 1] to their bounds.

    The state vector is the environment's observation, flattened by Gymnasium: an index becomes a one-hot vector. The
    image is what the environment draws, shrunk with antialiasing. MuJoCo's models are drawn by the renderer of the
    settings instead, as in dm_control.

    The environment's own time limit is kept, but applied here: an episode that it ends is truncated, not terminated,
    and so is one that the environment truncates by itself. Of this limit and that of the settings, the shorter counts.

    Args:
        task: `gym_<id>` or `gym_<module>:<id>`.
        settings: Action repeat, time limit, renderer, supersampling.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: The entries of an observation.

    Raises:
        UserError: There is no such environment, it lacks a package, or its spaces cannot be used.
        envs.renderer.RendererError: The renderer cannot be loaded.
    """

    def __init__(self, task: str, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> None:
        self.renderer = choose_renderer(settings.renderer) if "image" in observe else None
        if self.renderer is None:
            spare_opengl()
        # pygame, which draws some of Gymnasium's tasks, then greets nobody and looks for no screen.
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        self._task = task
        self._opengl: Any = None
        self._supersampling = settings.supersampling
        spec, self._env = _make(task)
        self._original = self._env.observation_space
        if not self._original.is_np_flattenable:
            raise UserError(f"{task}: its observations are {self._original}, which are no vectors of a fixed length")
        if "image" in observe and self._physics is None and self._env.render_mode is None:
            raise UserError(f"{task} draws no images; observe its state: observation: state")
        self._seen, _ = self._env.reset(seed=0)
        self._truncated = False
        self._camera = self._chosen_camera()
        limit = min(settings.time_limit, spec.max_episode_steps or settings.time_limit)
        super().__init__(_actions(task, self._env), settings.model_copy(update={"time_limit": limit}), seed, observe)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The number of each action, since Gymnasium names none."""
        space = self.action_space
        count = space.n if isinstance(space, gymnasium.spaces.Discrete) else np.prod(space.shape or (), dtype=int)
        return tuple(f"action {index}" for index in range(count))

    def _start(self) -> None:
        # A seed for each episode makes it independent of the earlier ones.
        self._seen, _ = self._env.reset(seed=int(self.np_random.integers(2**31)))
        self._truncated = False

    def _advance(self, action: Any) -> tuple[float, float]:
        space = self._env.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            action = space.start + action
        elif isinstance(space, gymnasium.spaces.Box):
            low, high = _bounds(space)
            action = (low + (action + 1.0) / 2.0 * (high - low)).astype(space.dtype)
        self._seen, reward, terminated, self._truncated, _ = self._env.step(action)
        return float(reward), 0.0 if terminated else 1.0

    def _is_cut_short(self) -> bool:
        return self._truncated

    def _measure(self) -> Mapping[str, ArrayLike]:
        if isinstance(self._original, gymnasium.spaces.Dict):
            return {name: np.asarray(flatten(space, self._seen[name])) for name, space in self._original.items()}
        return {"observation": np.asarray(flatten(self._original, self._seen))}

    @property
    def _physics(self) -> tuple[Any, Any] | None:
        """MuJoCo's model and data, if the environment has them."""
        inner = self._env.unwrapped
        model, data = getattr(inner, "model", None), getattr(inner, "data", None)
        return (model, data) if type(model).__name__ == "MjModel" else None

    def _draw(self) -> Image:
        return self._painter()

    @cached_property
    def _painter(self) -> Callable[[], Image]:
        """A function that draws the present state: the environment's own, or for MuJoCo that of the chosen renderer."""
        if self._physics is None:
            return self._own_image
        model, data = self._physics
        camera = self._camera
        if self.renderer in OPENGL:
            from mujoco import Renderer

            self._opengl = renderer = Renderer(model, SIZE, SIZE)

            def opengl() -> Image:
                renderer.update_scene(data, camera)
                return renderer.render()

            return opengl
        from envs.raycast import Raycaster

        raycaster = Raycaster(model, SIZE, SIZE, self._supersampling)
        return lambda: raycaster.render(data, camera)

    def _chosen_camera(self) -> Any:
        """Gymnasium's camera for a MuJoCo task: the index of the one that follows the body, or else a free one."""
        if self._physics is None:
            return None
        import mujoco

        model, data = self._physics
        index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, TRACKING)
        if index >= 0:
            return index
        camera = mujoco.MjvCamera()
        camera.lookat, camera.distance = np.median(data.geom_xpos, axis=0), model.stat.extent
        own = getattr(self._env.unwrapped, "mujoco_renderer", None)
        for name, value in (getattr(own, "default_cam_config", None) or {}).items():
            setattr(camera, name, value)
        return camera

    def _own_image(self) -> Image:
        picture = None if self._env.render_mode is None else self._env.render()
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3:
            raise UserError(f"{self._task} draws no images; with observation: state, also set eval.video: false")
        return np.array(Pillow.fromarray(picture).resize((SIZE, SIZE), Pillow.Resampling.BILINEAR))

    def close(self) -> None:
        """Free what the environment holds, and the OpenGL context, which must not wait until the interpreter exits."""
        if self._opengl is not None:
            self._opengl.close()
        self._env.close()


def _make(task: str) -> tuple[EnvSpec, "gymnasium.Env[Any, Any]"]:
    """The environment of a task without Gymnasium's time limit and checks, and its specification."""
    module, name = split(task)
    try:
        if module is not None:
            importlib.import_module(module)
        spec = gymnasium.spec(name)
        entry = spec.entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else entry
        modes = getattr(creator, "metadata", {}).get("render_modes", ())
        drawn: dict[str, Any] = {"render_mode": PIXELS} if PIXELS in modes else {}
        return spec, gymnasium.make(name, max_episode_steps=-1, disable_env_checker=True, **drawn)
    except (gymnasium.error.Error, ImportError) as error:
        raise UserError(f"{task}: {str(error).rstrip('.')}") from error


def _bounds(space: gymnasium.spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest actions; a number without a bound keeps its value in [-1, 1]."""
    known = np.isfinite(space.low) & np.isfinite(space.high)
    return np.where(known, space.low, -1.0), np.where(known, space.high, 1.0)


def _actions(task: str, env: "gymnasium.Env[Any, Any]") -> "gymnasium.Space[Any]":
    """The agent's actions: numbers in [-1, 1], or choices counted from 0."""
    space = env.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return gymnasium.spaces.Discrete(int(space.n))
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return gymnasium.spaces.Box(-1.0, 1.0, space.shape, np.float32)
    raise UserError(f"{task}: its actions are {space}; allowed: a vector of numbers, or one discrete choice")
