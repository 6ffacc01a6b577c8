"""A package's environment as Gymnasium knows it: it is registered when this module is imported."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete

NAME = "lab/Corridor-v0"


class Corridor(gymnasium.Env[Any, Any]):
    """Walk left (7), stay (8) or right (9) from the middle; the right end terminates, the left end truncates."""

    action_space = Discrete(3, start=7)
    observation_space = Dict({"place": Discrete(5), "light": Box(0.0, 1.0, (2, 1), np.float32)})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        super().reset(seed=seed)
        self.place = 2
        self.light = self.np_random.random((2, 1), np.float32)
        return self._look(), {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.place += int(action) - 8
        return self._look(), float(self.place), self.place == 4, self.place == 0, {}

    def _look(self) -> dict[str, Any]:
        return {"place": self.place, "light": self.light}


gymnasium.register(NAME, entry_point=f"{__name__}:{Corridor.__name__}", max_episode_steps=6)
