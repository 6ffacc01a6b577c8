"""Random numbers keyed by a run's seed and counters, so that a restart needs no hidden generator state."""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purposes of random numbers; streams of one seed are independent. Results depend on the values: keep them."""

    TRAIN = 0
    EVAL = 1
    PREFILL = 2
    REPLAY = 3
    SHOW = 5
    GROUPS = 6
    DISCOVERY = 7


# The numbers of counters that each stream's keys have.
COUNTERS: Mapping[Stream, tuple[int, ...]] = {
    Stream.TRAIN: (2,),
    Stream.EVAL: (1,),
    Stream.PREFILL: (0, 3),
    Stream.REPLAY: (1,),
    Stream.SHOW: (1,),
    Stream.GROUPS: (0,),
    Stream.DISCOVERY: (0, 1),
}
POOL = 4  # words to which numpy fills a shorter key up with zeros


def generator(seed: int, stream: Stream, *counters: int) -> np.random.Generator:
    """A fresh generator that is a pure function of its arguments (Philox behind numpy's SeedSequence)."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(_key(seed, stream, counters))))


def derive(seed: int, stream: Stream, *counters: int) -> int:
    """A seed below 2^31, a pure function of its arguments."""
    return int(np.random.SeedSequence(_key(seed, stream, counters)).generate_state(1)[0] >> 1)


def _key(seed: int, stream: Stream, counters: tuple[int, ...]) -> tuple[int, ...]:
    """The words of a key, of which no two are equal for numpy.

    Raises:
        ValueError: another key of the stream would be equal, or words would not be words.
    """
    key, lengths = (seed, int(stream), *counters), COUNTERS[stream]
    if len(counters) not in lengths or any(not 0 <= word < 2**32 for word in key):
        raise ValueError(f"{key}: expected {' or '.join(map(str, lengths))} counters of {stream.name} below 2^32")
    if min(lengths) < len(counters) <= POOL - 2 and counters[-1] == 0:
        raise ValueError(f"{key} is the same key as without its last zero")
    return key
