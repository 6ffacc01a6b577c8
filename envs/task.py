"""The base class of all environments: observations of images, state vectors or both; each step is an agent step.

A subclass defines how an episode starts, what one environment step does, and what is drawn and measured. This class
alone implements action repeat, time limit, step counts and seeding.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import ArrayLike, NDArray

from envs.registry import IMAGE_SHAPE
from envs.settings import EnvSettings

Image = NDArray[np.uint8]
Observation = dict[str, NDArray[Any]]
Observable = Literal["image", "state"]
Observe = tuple[Observable, ...]
SIZE = IMAGE_SHAPE[0]  # an image's height and width


class TaskEnv(gymnasium.Env[Any, Any]):
    """An environment with gymnasium's API, whose observation is an image, a state vector, or both, by name.

    `image` is uint8 (64, 64, 3); it is drawn only if it is observed, or when `draw` is called. `state` is float32
    (S,): all measured numbers, concatenated.

    `step` repeats the action for `action_repeat` environment steps, sums their rewards and draws once. It stops early
    on termination or at the time limit. `info["steps"]` counts the environment steps actually taken, and
    `info["discount"]` is 0.0 on termination and 1.0 otherwise, truncation included.

    After `reset(seed=s)` an episode depends only on `s` and the actions: equal seeds and actions reproduce any state.

    Args:
        action_space: Box [-1, 1] of float32, or Discrete.
        settings: Action repeat and time limit.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: The entries of an observation. For `state`, `_measure` must work before this constructor is called.

    Raises:
        ValueError: `observe` contains another name.
    """

    observation_space: gymnasium.spaces.Dict

    def __init__(
        self, action_space: gymnasium.Space[Any], settings: EnvSettings, seed: int, observe: Observe = ("image",)
    ) -> None:
        self.observation_space = gymnasium.spaces.Dict({name: self._space(name) for name in observe})
        self._observed = tuple(self.observation_space)
        self.action_space = action_space
        self.time_limit = settings.time_limit
        self._action_repeat = settings.action_repeat
        self._elapsed = 0
        self._running = False
        self._np_random, self._np_random_seed = gymnasium.utils.seeding.np_random(seed)

    @abstractmethod
    def _start(self) -> None:
        """Start an episode, drawing everything random from `self.np_random`."""

    @abstractmethod
    def _advance(self, action: Any) -> tuple[float, float]:
        """Take one environment step; returns its reward and its discount, which is 0 on termination."""

    def _is_cut_short(self) -> bool:
        """Whether the task itself has ended the episode after the last environment step, without termination."""
        return False

    @abstractmethod
    def _draw(self) -> Image:
        """Draw the present state into a new image."""

    @abstractmethod
    def _measure(self) -> Mapping[str, ArrayLike]:
        """The numbers that describe the present state, by name."""

    @property
    @abstractmethod
    def action_names(self) -> tuple[str, ...]:
        """The name of each action dimension, or of each discrete action."""

    @property
    def state_names(self) -> tuple[str, ...]:
        """The name of each measured number, with an index if the name has several: `height`, `touch[1]`."""
        return tuple(
            name + (f"[{','.join(map(str, index))}]" if index else "")
            for name, measured in self._measure().items()
            for index in np.ndindex(np.shape(measured))
        )

    def draw(self) -> Image:
        """An image (64, 64, 3) of the present state, also if the agent does not observe images."""
        return self._draw()

    def measured(self) -> NDArray[np.float64]:
        """All measured numbers of the present state (S,), in the order of `state_names`."""
        return np.concatenate([np.ravel(np.asarray(measured, float)) for measured in self._measure().values()])

    def _space(self, name: str) -> gymnasium.spaces.Box:
        if name == "image":
            return gymnasium.spaces.Box(0, 255, IMAGE_SHAPE, np.uint8)
        if name == "state":
            return gymnasium.spaces.Box(-np.inf, np.inf, (len(self.state_names),), np.float32)
        raise ValueError(f"cannot observe {name!r}; possible: {', '.join(get_args(Observable))}")

    def _observe(self) -> Observation:
        return {
            name: self._draw() if name == "image" else self.measured().astype(np.float32) for name in self._observed
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; without a seed, the next one of the present random stream. Options are ignored."""
        super().reset(seed=seed, options=options)
        self._elapsed = 0
        self._running = True
        self._start()
        return self._observe(), {"steps": 0, "discount": 1.0}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Repeat an action for `action_repeat` environment steps, or fewer if the episode ends.

        Args:
            action: A vector of the action space, clipped to its bounds; or the index of a discrete action.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over, or none has started.
            ValueError: The action has the wrong shape, is not finite, or is not a valid index.
        """
        if not self._running:
            raise ResetNeeded("call reset() before step(): no episode is running")
        action = self._checked(action)
        reward, discount, steps = 0.0, 1.0, 0
        over = False
        while steps < self._action_repeat and not over:
            gain, discount = self._advance(action)
            reward += gain
            steps += 1
            self._elapsed += 1
            over = discount == 0 or self._elapsed >= self.time_limit or self._is_cut_short()
        terminated = discount == 0
        truncated = over and not terminated
        self._running = not over
        return self._observe(), reward, terminated, truncated, {"steps": steps, "discount": discount}

    def _checked(self, action: Any) -> Any:
        """The action within its space's bounds."""
        space = self.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            if not space.contains(action):
                raise ValueError(f"the action must be an integer from 0 to {space.n - 1}, not {action!r}")
            return int(action)
        assert isinstance(space, gymnasium.spaces.Box)
        vector = np.asarray(action, np.float32)
        if vector.shape != space.shape or not np.isfinite(vector).all():
            raise ValueError(f"the action must be {space.shape[0]} finite numbers, not {action!r}")
        return np.clip(vector, space.low, space.high)
