"""The contract between an agent and the run that trains it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
# What N environments show, by name: arrays (N, ...).
Observations = Mapping[str, NDArray[Any]]
# Recurrent state of acting, one row an environment: nested mappings of arrays (N, ...).
PolicyState = Mapping[str, Any]
# What a model is judged by: it sees the first records of a sequence, and predicts so many agent steps further (the last
# as in "Dream to Control", figure 5).
CONTEXT = 5
HORIZONS = (1, 5, 15, 45)
# Sequences of replay: each observation by its name (B, L, ...), action float32 (B, L, A), reward float32 (B, L),
# discount float32 (B, L). action[t] led to the observation at t; an episode's first record has action 0, reward 0 and
# discount 1.
Batch = Mapping[str, Any]
OUTCOMES = ("action", "reward", "discount")  # what a batch holds besides observations
IMAGE = "image"  # the observation that videos show, where there is one


@dataclass(frozen=True)
class ArraySpec:
    """Shape and type of one array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


# What an observation holds, by name.
ObservationSpec = Mapping[str, ArraySpec]


@dataclass(frozen=True)
class ActionSpec:
    """What an action is: `size` numbers in [-1, 1], or a one-hot vector over `size` choices."""

    size: int
    discrete: bool = False


@dataclass(frozen=True)
class Report:
    """What an agent shows of itself on one batch; scalars, and videos as uint8 (T, H, W, 3) by name."""

    metrics: dict[str, float]
    videos: Arrays


class Agent(Protocol):
    """One instance a run. Knows nothing of files, clocks and environments.

    Every random number is keyed by the run's seed and the agent's own counters, so that `save` and `load` at any point
    between two calls change nothing of what follows.
    """

    def initial_state(self, count: int) -> PolicyState:
        """The state of `count` environments that have just been reset."""

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        """Act on observations (N, ...); returns actions (N, A) and the next state. Training adds exploration."""

    def train(self, batch: Batch) -> dict[str, float]:
        """One gradient step of every optimiser. Returns scalars by name; may hold inf only where loss scaling skips."""

    def report(self, batch: Batch) -> Report:
        """Open-loop video and model error on sequences never trained on, longer than the context; changes nothing.

        An agent with a world model gives `model_error/<measure>/<horizon>`, averaged over `model_error/sequences`.
        """

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        """Weights (`parameters/<network>`), and the arithmetic of a training step on a batch (`flops/update`)."""

    def save(self) -> Arrays:
        """Everything that `load` needs to go on bit for bit: weights, optimisers, loss scale, counters."""

    def load(self, arrays: Arrays) -> None:
        """Take over what `save` gave.

        Raises:
            ValueError: an array is missing, unknown or of another shape, with its name.
        """
