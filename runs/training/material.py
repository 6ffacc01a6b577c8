"""What an agent learns from, and when: sequences of the replay, or the newest steps of all environments."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from agents.agent import AFTER, OUTCOMES
from agents.registry import AGENTS
from runs.settings import TrainSettings
from runs.store.episodes import Episode
from runs.training.batches import Batches
from runs.training.driver import Driver
from runs.training.progress import Progress, crossings
from runs.training.replay import Replay
from suites.settings import Settings


class Material(Protocol):
    """Decides how many gradient steps are due, and gives their batches.

    Attributes:
        sequences: sequences in a batch.
        length: records of a sequence, or agent steps of an unroll.
    """

    sequences: int
    length: int

    def begin(self) -> int:
        """The gradient steps that are due when prefill ends.

        Raises:
            TooShortError: no episode is long enough.
        """

    def due(self, before: int, progress: Progress) -> int:
        """The gradient steps that became due by the last agent step, before which `before` environment steps were."""

    def draw(self, first: int, count: int) -> Iterator[dict[str, Any]]:
        """The batches of `count` gradient steps, of which the first has the number `first`."""

    def close(self) -> None:
        """Ends background work."""


class Replayed:
    """Random sequences of the replay, several gradient steps in a phase."""

    def __init__(self, replay: Replay, seed: int, settings: TrainSettings):
        self.sequences, self.length = settings.batch_size, replay.length
        self._replay = replay
        self._settings = settings
        self._batches = Batches(replay, seed, settings.batch_size)

    def begin(self) -> int:
        """Those of pretraining."""
        self._replay.snapshot()  # raises now, not in training, if no episode can be read or is long enough
        return self._settings.pretrain

    def due(self, before: int, progress: Progress) -> int:
        """A phase's steps at each multiple of `train.every`."""
        return self._settings.updates * crossings(before, progress.step, self._settings.every)

    def draw(self, first: int, count: int) -> Iterator[dict[str, Any]]:
        """Batches of the episodes that are there now."""
        return self._batches.draw(self._replay.snapshot(), first, count)

    def close(self) -> None:
        """Ends the pipeline."""
        self._batches.close()


class Newest:
    """The newest agent steps of each environment, one gradient step each time that all of them are new.

    They are taken from the episodes, finished and unfinished, so they need no storage of their own.
    """

    def __init__(self, driver: Driver, replay: Replay):
        self.sequences, self.length = driver.count, replay.length
        self._driver = driver
        self._replay = replay

    def begin(self) -> int:
        """None: there are no steps of the policy yet."""
        return 0

    def due(self, before: int, progress: Progress) -> int:
        """One, after every `length` agent steps of the policy."""
        return int(progress.acts % self.length == 0)

    def draw(self, first: int, count: int) -> Iterator[dict[str, Any]]:
        """The unrolls, by environment, in the format of `agents.agent`; made now, before the environments go on."""
        unrolls = [self._newest(index) for index in range(self._driver.count)]
        return iter([{name: np.stack([unroll[name] for unroll in unrolls]) for name in unrolls[0]}])

    def close(self) -> None:
        """Nothing to end."""

    def _newest(self, index: int) -> dict[str, Any]:
        """The unroll of one environment, (K, ...) by name."""
        pieces: list[dict[str, Any]] = []
        missing = self.length
        for number, episode in enumerate(self._episodes(index)):
            piece = steps_of(episode, finished=number > 0, newest=missing)
            pieces.insert(0, piece)
            missing -= len(piece["ended"])
            if missing == 0:
                break
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def _episodes(self, index: int) -> Iterator[Episode]:
        """The episodes of an environment, the unfinished one first, then from the newest on."""
        yield self._driver.unfinished(index)
        yield from self._replay.newest(index)


def make_material(settings: Settings, replay: Replay, driver: Driver, seed: int) -> Material:
    """What the agent of the settings learns from; `replay.length` is the length of its sequences or unrolls."""
    if AGENTS[settings.agent].learns_from == "unrolls":
        return Newest(driver, replay)
    return Replayed(replay, seed, settings.train)


def steps_of(episode: Episode, finished: bool, newest: int) -> dict[str, Any]:
    """The newest agent steps of an episode, at most `newest`, as an unroll (K, ...) by name."""
    first = max(len(episode["reward"]) - 1 - newest, 0)
    records = {name: array[first:] for name, array in episode.items()}
    observed = [name for name in records if name not in OUTCOMES]
    ended = np.zeros(len(records["reward"]) - 1, bool)
    ended[-1:] = finished
    return {
        **{name: records[name][:-1] for name in observed},
        **{AFTER + name: records[name][1:] for name in observed},
        **{name: records[name][1:] for name in OUTCOMES},
        "ended": ended,
    }
