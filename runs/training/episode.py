"""An episode while it is played, record by record."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.parallel import stack
from envs.task import Observation
from runs.store.episodes import Episode


@dataclass
class EpisodeBuilder:
    """An episode so far; record 0 is the reset's."""

    number: int
    observations: list[Observation] = field(default_factory=list)
    actions: list[NDArray[np.float32]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    discounts: list[float] = field(default_factory=list)
    steps: int = 0  # environment steps

    def start(self, observation: Observation, size: int) -> None:
        """Begins with the first observation, an action of zeros, no reward and a discount of 1."""
        self.observations, self.actions = [observation], [np.zeros(size, np.float32)]
        self.rewards, self.discounts, self.steps = [0.0], [1.0], 0

    def append(
        self, observation: Observation, action: NDArray[np.float32], reward: float, discount: float, steps: int
    ) -> None:
        """Adds a record, and the environment steps that it took."""
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
        """The records as the replay stores them."""
        return {
            **stack(self.observations),
            "action": np.stack(self.actions),
            "reward": np.array(self.rewards, np.float32),
            "discount": np.array(self.discounts, np.float32),
        }
