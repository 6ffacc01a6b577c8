"""Batches made in the background while the agent trains, by one tf.data pipeline for the whole run.

One pipeline and not one a phase: building a dataset costs more than a small update, and each leaves functions behind.
"""

import contextlib
import queue
from collections.abc import Iterator
from typing import Any

import numpy as np

from common.seeds import Stream, generator
from runs.training.replay import Replay, Snapshot

AHEAD = 2  # batches made ahead of the agent


class Batches:
    """Batch number `u` is a pure function of the run's seed, `u` and a snapshot of the replay."""

    def __init__(self, replay: Replay, seed: int, size: int):
        """Builds the pipeline; it starts to work with the first `draw`."""
        import tensorflow as tf

        self._replay = replay
        self._seed = seed
        self._size = size
        self._wanted: queue.SimpleQueue[tuple[Snapshot, int] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        signature = {
            name: tf.TensorSpec((size, replay.length, *array.shape), array.dtype) for name, array in replay.spec.items()
        }
        dataset = tf.data.Dataset.from_generator(self._produce, output_signature=signature).prefetch(AHEAD)
        self._batches: Iterator[Any] = iter(dataset)

    def draw(self, snapshot: Snapshot, first: int, count: int) -> Iterator[dict[str, Any]]:
        """Yields the batches numbered from `first`; all of them have to be taken before the next call.

        Raises:
            DamagedError, TooShortError: what went wrong in the background, in the caller's thread.
        """
        for number in range(first, first + count):
            self._wanted.put((snapshot, number))
        for _ in range(count):
            try:
                batch = next(self._batches)
            except Exception as error:
                raise (self._error or error) from None
            yield batch

    def close(self) -> None:
        """Ends the pipeline; what was asked for and not taken is dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._wanted.get_nowait()
        self._wanted.put(None)
        with contextlib.suppress(Exception):  # one that ended the pipeline earlier was raised then
            for _ in self._batches:
                pass

    def _produce(self) -> Iterator[dict[str, np.ndarray]]:
        while (wanted := self._wanted.get()) is not None:
            snapshot, number = wanted
            try:
                yield self._replay.sample(snapshot, generator(self._seed, Stream.REPLAY, number), self._size)
            except Exception as error:
                self._error = error
                raise
