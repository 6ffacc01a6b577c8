"""Batches made in the background while the agent trains, by one tf.data pipeline for the whole run.

One pipeline per training phase would be slower: building a dataset takes longer than a small update, and each one
leaves functions behind.
"""

import contextlib
import queue
from collections.abc import Iterator
from typing import Any

import numpy as np

from common.seeds import Stream, generator
from runs.training.replay import Replay, Snapshot

AHEAD = 2  # batches to prefetch


class Batches:
    """The batches of a run; batch number `u` is a pure function of the run's seed, `u` and a snapshot of the replay."""

    def __init__(self, replay: Replay, seed: int, size: int):
        """Builds the pipeline; it starts working at the first `draw`."""
        import tensorflow as tf

        self._replay = replay
        self._seed = seed
        self._size = size
        self._requests: queue.SimpleQueue[tuple[Snapshot, int] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        signature = {
            name: tf.TensorSpec((size, replay.length, *array.shape), array.dtype) for name, array in replay.spec.items()
        }
        dataset = tf.data.Dataset.from_generator(self._produce, output_signature=signature).prefetch(AHEAD)
        self._batches: Iterator[Any] = iter(dataset)

    def draw(self, snapshot: Snapshot, first: int, count: int) -> Iterator[dict[str, Any]]:
        """Yields `count` batches numbered from `first`; take all of them before the next call.

        Raises:
            DamagedError, TooShortError: errors of the background thread, raised in the caller's thread.
        """
        for number in range(first, first + count):
            self._requests.put((snapshot, number))
        for _ in range(count):
            try:
                batch = next(self._batches)
            except Exception as error:
                raise (self._error or error) from None
            yield batch

    def close(self) -> None:
        """Ends the pipeline; drops batches that were requested but not taken."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._requests.get_nowait()
        self._requests.put(None)
        with contextlib.suppress(Exception):  # an error that ended the pipeline was raised by `draw`
            for _ in self._batches:
                pass

    def _produce(self) -> Iterator[dict[str, np.ndarray]]:
        while (request := self._requests.get()) is not None:
            snapshot, number = request
            try:
                yield self._replay.sample(snapshot, generator(self._seed, Stream.REPLAY, number), self._size)
            except Exception as error:
                self._error = error
                raise
