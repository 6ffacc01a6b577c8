"""The interface between an agent and the run that trains it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
# Observations of N environments, by name: arrays (N, ...).
Observations = Mapping[str, NDArray[Any]]
# Recurrent state of the policy, one row for each environment: nested mappings of arrays (N, ...).
PolicyState = Mapping[str, Any]
# Open-loop prediction: the model sees CONTEXT records of a sequence, and its error is measured each of HORIZONS agent
# steps later (the last as in "Dream to Control", figure 5).
CONTEXT = 5
HORIZONS = (1, 5, 15, 45)
# Replay sequences: each observation by its name (B, L, ...), action float32 (B, L, A), reward float32 (B, L),
# discount float32 (B, L). action[t] led to the observation at t; an episode's first record has action 0, reward 0 and
# discount 1.
Batch = Mapping[str, Any]
OUTCOMES = ("action", "reward", "discount")  # the entries of a batch that are not observations
# Unrolls, for agents that learn from what they just did: the newest K agent steps of N environments. Each observation
# by its name before the step (N, K, ...), and after it by its name with this prefix; action float32 (N, K, A), reward
# and discount float32 (N, K), and `ended` bool (N, K): the step was the last of its episode.
AFTER = "after/"
IMAGE = "image"  # the observation shown in videos, if the task has it


@dataclass(frozen=True)
class ArraySpec:
    """Shape and type of one array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


# The arrays of an observation, by name.
ObservationSpec = Mapping[str, ArraySpec]


@dataclass(frozen=True)
class ActionSpec:
    """The form of an action: `size` numbers in [-1, 1], or a one-hot vector of `size` discrete actions."""

    size: int
    discrete: bool = False


class Prediction(NamedTuple):
    """A normalised state vector of B sequences and what a model predicts open-loop, float32 (B, L, S) each.

    In the context, the prediction is the reconstruction from the posterior.
    """

    truth: Any
    predicted: Any


@dataclass(frozen=True)
class Report:
    """An agent's report on one batch, by name.

    Attributes:
        metrics: Scalars.
        videos: Videos as uint8 (T, H, W, 3).
        predictions: Predictions of the observations that are vectors.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    videos: Arrays = field(default_factory=dict)
    predictions: dict[str, Prediction] = field(default_factory=dict)


class Agent(Protocol):
    """A learner and its policy, one instance for each run. It uses no files, clocks or environments.

    Every random number is keyed by the run's seed and the agent's counters, so `save` and `load` between any two calls
    do not change the results.

    Attributes:
        length: records of the sequences that it learns from, or agent steps of its unrolls; None: the run decides.
        acts: calls of `policy` so far, which key its random numbers.
    """

    length: int | None
    acts: int

    def initial_state(self, count: int) -> PolicyState:
        """The state of `count` environments that have just been reset."""

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        """Act on observations (N, ...); returns actions (N, A) and the next state. Training adds exploration."""

    def prepare(self, episodes: Iterable[Batch]) -> None:
        """See the episodes (L, ...) of random actions, once, before the first gradient step."""

    def train(self, batch: Batch) -> dict[str, float]:
        """One gradient step of every optimiser. Returns scalars by name; inf only where loss scaling skips the step."""

    def report(self, batch: Batch) -> Report:
        """Open-loop prediction and model error on sequences never trained on, longer than the context; changes nothing.

        An agent with a world model reports `model_error/<measure>/<horizon>`, averaged over `model_error/sequences`.
        """

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        """Parameter counts (`parameters/<network>`), and the FLOPs of a training step on a batch (`flops/update`)."""

    def save(self) -> Arrays:
        """Everything that `load` needs to continue bit for bit: weights, optimisers, loss scale, counters."""

    def load(self, arrays: Arrays) -> None:
        """Restore what `save` returned.

        Raises:
            ValueError: an array is missing, unknown or of another shape; the message names it.
        """
