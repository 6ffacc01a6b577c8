"""The tasks of the DeepMind Control Suite (Tassa et al. 2018), observed as images or as its state vectors."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike

from envs.dmc_tasks import TASKS
from envs.registry import canonical
from envs.renderer import OPENGL, choose_renderer, spare_opengl
from envs.settings import EnvSettings
from envs.task import SIZE, Image, Observe, TaskEnv

# Cameras of the Dreamer papers: the third for quadruped, which follows it, and the first for all others.
_CAMERAS = {"quadruped": 2}
# lqr draws its springs when it is built: a fixed seed gives training and evaluation the same system.
_MODEL_SEED = 0


class DmcEnv(TaskEnv):
    """A task of dm_control, with actions scaled from [-1, 1] to the actuators' ranges.

    An actuator without a range (lqr's) takes the number in [-1, 1] unchanged. Only the time limit of the settings
    applies; dm_control's limit, 1000 environment steps for each task and none for lqr, is disabled.

    Args:
        task: `dmc_<domain>_<task>`.
        settings: Action repeat, time limit, renderer, supersampling.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: The entries of an observation; `state` is all of dm_control's observations of the task.

    Raises:
        envs.renderer.RendererError: The renderer cannot be loaded.
    """

    def __init__(self, task: str, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> None:
        self.renderer = choose_renderer(settings.renderer) if "image" in observe else None
        if self.renderer is None:
            spare_opengl()
        from dm_control import suite  # reads MUJOCO_GL on import

        domain, name = TASKS[canonical(task)]
        self._env = suite.load(domain, name, task_kwargs={"random": _MODEL_SEED, "time_limit": float("inf")})
        self._camera = _CAMERAS.get(domain, 0)
        self._supersampling = settings.supersampling
        if self.renderer not in OPENGL:
            # quadruped_escape requests an OpenGL context to upload its terrain, which is not needed here.
            self._env.physics._make_rendering_contexts = lambda: None
        model = self._env.physics.model
        limited = model.actuator_ctrllimited.astype(bool)
        self._low, self._high = np.where(limited[:, None], model.actuator_ctrlrange, (-1.0, 1.0)).T
        super().__init__(gymnasium.spaces.Box(-1.0, 1.0, (model.nu,), np.float32), settings, seed, observe)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of the actuators; an unnamed one gets its number."""
        model = self._env.physics.model
        return tuple(model.id2name(index, "actuator") or f"action {index}" for index in range(model.nu))

    def _start(self) -> None:
        # dm_control's only source of randomness; seeding it makes episodes independent of earlier ones.
        self._env.task.random.seed(int(self.np_random.integers(2**32)))
        self._env.reset()

    def _advance(self, action: Any) -> tuple[float, float]:
        moment = self._env.step(self._low + (action + 1.0) / 2.0 * (self._high - self._low))
        return float(moment.reward), float(moment.discount)

    def _measure(self) -> Mapping[str, ArrayLike]:
        observation: Mapping[str, ArrayLike] = self._env.task.get_observation(self._env.physics)
        return observation

    def _draw(self) -> Image:
        return self._painter()

    @cached_property
    def _painter(self) -> Callable[[], Image]:
        """A function that draws the present state with the chosen renderer, or by casting rays if there is none."""
        physics, camera = self._env.physics, self._camera
        if self.renderer in OPENGL:
            return lambda: np.array(physics.render(SIZE, SIZE, camera_id=camera))
        from envs.raycast import Raycaster

        raycaster = Raycaster(physics.model.ptr, SIZE, SIZE, self._supersampling)
        return lambda: raycaster.render(physics.data.ptr, camera)

    def close(self) -> None:
        """Free the physics with its OpenGL context, which must not wait until the interpreter exits."""
        self._env.physics.free()
