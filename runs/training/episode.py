"""An episode while it is played, record by record."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.parallel import stack
from envs.task import Observation
from runs.store.episodes import Episode


@dataclass
class EpisodeBuilder:
    """An unfinished episode; record 0 is that of the reset."""

    number: int
    observations: list[Observation] = field(default_factory=list)
    actions: list[NDArray[np.float32]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    discounts: list[float] = field(default_factory=list)
    steps: int = 0  # environment steps

    def start(self, observation: Observation, size: int) -> None:
        """Starts with the first observation, an action of zeros, a reward of 0 and a discount of 1."""
        self.observations, self.actions = [observation], [np.zeros(size, np.float32)]
        self.rewards, self.discounts, self.steps = [0.0], [1.0], 0

    def append(
        self, observation: Observation, action: NDArray[np.float32], reward: float, discount: float, steps: int
    ) -> None:
        """Adds a record and its number of environment steps."""
        self.observations.append(observation)
        self.actions.append(np.array(action, np.float32))
        self.rewards.append(float(reward))
        self.discounts.append(float(discount))
        self.steps += int(steps)

    @property
    def score(self) -> float:
        """The episode's return."""
        return float(sum(self.rewards))

    def arrays(self) -> Episode:
        """The records in the format of the replay."""
        return {
            **stack(self.observations),
            "action": np.stack(self.actions),
            "reward": np.array(self.rewards, np.float32),
            "discount": np.array(self.discounts, np.float32),
        }
