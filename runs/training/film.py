"""Images of an episode, for videos: what the agent sees, or a drawing if it sees a state vector."""

import sys
from typing import Any

import gymnasium

from agents.agent import IMAGE
from envs.task import Image, Observation, TaskEnv


class Filmed(gymnasium.Wrapper):
    """An environment that keeps an image of each agent step since its last reset.

    Attributes:
        frames: The images, uint8 (H, W, 3).
    """

    def __init__(self, env: TaskEnv, limit: int = sys.maxsize):
        """Films an environment.

        Args:
            env: The environment.
            limit: Images to keep of an episode.
        """
        super().__init__(env)
        self.frames: list[Image] = []
        self._task = env
        self._limit = limit

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode and a film."""
        observation, info = self._task.reset(seed=seed, options=options)
        self.frames = []
        self._film(observation)
        return observation, info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Takes an agent step."""
        result = self._task.step(action)
        self._film(result[0])
        return result

    def _film(self, observation: Observation) -> None:
        if len(self.frames) < self._limit:
            self.frames.append(observation[IMAGE] if IMAGE in observation else self._task.draw())
