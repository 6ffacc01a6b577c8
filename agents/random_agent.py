"""The agent that acts at random: the baseline for every learner."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from agents.agent import ActionSpec, Arrays, Batch, Observations, ObservationSpec, PolicyState, Report
from agents.settings import AgentSettings


class RandomAgent:
    """Draws each action uniformly, in training and evaluation alike; learns nothing, and reads no setting."""

    length = None

    def __init__(self, settings: AgentSettings, observations: ObservationSpec, action: ActionSpec, seed: int):
        self._action = action
        self._seed = seed
        self.acts = 0

    def initial_state(self, count: int) -> PolicyState:
        """An empty state: nothing is remembered."""
        return {}

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        """Actions (N, A) in [-1, 1], or one-hot vectors if actions are discrete."""
        count = len(next(iter(observations.values())))
        rng = np.random.default_rng((self._seed, self.acts))
        self.acts += 1
        if self._action.discrete:
            choices = rng.integers(self._action.size, size=count)
            return np.eye(self._action.size, dtype=np.float32)[choices], state
        return rng.uniform(-1, 1, (count, self._action.size)).astype(np.float32), state

    def prepare(self, episodes: Iterable[Batch]) -> None:
        """Does nothing."""

    def train(self, batch: Batch) -> dict[str, float]:
        """Does nothing."""
        return {}

    def report(self, batch: Batch) -> Report:
        """An empty report: there is no model."""
        return Report()

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        """No cost: there are no networks."""
        return {}

    def save(self) -> Arrays:
        """The number of calls of `policy`, which keys the draws."""
        return {"acts": np.array(self.acts)}

    def load(self, arrays: Arrays) -> None:
        """Restore what `save` returned.

        Raises:
            ValueError: the count is missing, or there are other arrays.
        """
        if set(arrays) != {"acts"}:
            raise ValueError(f"saved: {', '.join(sorted(arrays)) or 'nothing'}; expected: acts")
        self.acts = int(arrays["acts"])
