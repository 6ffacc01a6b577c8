"""An episode while it is played, record by record."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runs.store.episodes import Episode

Image = NDArray[np.uint8]


@dataclass
class EpisodeBuilder:
    """An episode so far; record 0 is the reset's."""

    number: int
    images: list[Image] = field(default_factory=list)
    actions: list[NDArray[np.float32]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    discounts: list[float] = field(default_factory=list)
    steps: int = 0  # environment steps

    def start(self, image: Image, size: int) -> None:
        """Begins with the first image, an action of zeros, no reward and a discount of 1."""
        self.images, self.actions = [image], [np.zeros(size, np.float32)]
        self.rewards, self.discounts, self.steps = [0.0], [1.0], 0

    def append(self, image: Image, action: NDArray[np.float32], reward: float, discount: float, steps: int) -> None:
        """Adds a record, and the environment steps that it took."""
        self.images.append(image)
        self.actions.append(np.array(action, np.float32))
        self.rewards.append(float(reward))
        self.discounts.append(float(discount))
        self.steps += int(steps)

    @property
    def score(self) -> float:
        """The episode's return."""
        return float(sum(self.rewards))

    def episode(self) -> Episode:
        """The records as the replay stores them."""
        return {
            "image": np.stack(self.images),
            "action": np.stack(self.actions),
            "reward": np.array(self.rewards, np.float32),
            "discount": np.array(self.discounts, np.float32),
        }
