"""Random numbers keyed by a run's seed and counters, so that a restart needs no hidden generator state."""

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


def generator(seed: int, stream: Stream, *counters: int) -> np.random.Generator:
    """A fresh generator that is a pure function of its arguments (Philox behind numpy's SeedSequence)."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, int(stream), *counters))))


def derive(seed: int, stream: Stream, *counters: int) -> int:
    """A seed below 2^31, a pure function of its arguments."""
    return int(np.random.SeedSequence((seed, int(stream), *counters)).generate_state(1)[0] >> 1)
