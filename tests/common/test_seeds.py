import itertools
import subprocess
import sys

import numpy as np
import pytest

from common import seeds
from common.seeds import COUNTERS, Stream, derive, generator


def test_keys_are_independent_and_repeat() -> None:
    keys = [(seed, Stream.TRAIN, i, k) for seed in (0, 1) for i in range(30) for k in range(50)]
    derived = [derive(*key) for key in keys]
    assert len(set(derived)) == len(keys)  # 31 bits: a collision among 3000 would be a chance of 0.2 %
    assert derived == [derive(*key) for key in keys]
    assert all(0 <= seed < 2**31 for seed in derived)
    assert generator(*keys[3]).random(4).tolist() == generator(*keys[3]).random(4).tolist()
    assert generator(*keys[3]).random() != generator(*keys[4]).random()


def test_seeds_do_not_depend_on_the_process() -> None:
    code = "from common.seeds import Stream, derive; print(derive(5, Stream.TRAIN, 1, 2))"
    for hash_seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
        )
        assert int(answer.stdout) == derive(5, Stream.TRAIN, 1, 2)


def test_no_two_keys_of_all_streams_share_a_seed_sequence() -> None:
    """For numpy, (5, 7) and (5, 7, 0) are one key: it fills short ones up with zeros."""
    states: dict[tuple[int, ...], tuple[int, ...]] = {}
    ambiguous = 0
    for seed, stream in itertools.product((0, 1, 2**32 - 1), Stream):
        for length in COUNTERS[stream]:
            for counters in itertools.product((0, 1, 2**32 - 1), repeat=length):
                try:
                    key = seeds._key(seed, stream, counters)
                except ValueError:
                    ambiguous += 1
                    continue
                state = tuple(np.random.SeedSequence(key).generate_state(8).tolist())
                assert states.setdefault(state, key) == key
    assert len(states) == 3 * (9 + 3 + 1 + 27 + 3 + 3 + 1 + 1 + 2)
    assert ambiguous == 3
    assert np.array_equal(np.random.SeedSequence((5, 7)).pool, np.random.SeedSequence((5, 7, 0)).pool)


@pytest.mark.parametrize(
    ("stream", "counters"),
    [
        (Stream.DISCOVERY, (0,)), (Stream.TRAIN, (1,)), (Stream.GROUPS, (0,)), (Stream.EVAL, (2**32,)),
        (Stream.EVAL, (-1,)),
    ],
)  # fmt: skip
def test_keys_that_could_be_others_are_refused(stream: Stream, counters: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"counters of|without its last zero"):
        generator(0, stream, *counters)


def test_numbers_of_all_keys_are_those_of_plain_seed_sequences() -> None:
    """Results depend on them."""
    for stream, *counters in [
        (Stream.TRAIN, 0, 0), (Stream.EVAL, 0), (Stream.PREFILL, 0, 0, 0), (Stream.DISCOVERY,), (Stream.DISCOVERY, 5),
    ]:  # fmt: skip
        key = (3, int(stream), *counters)
        assert derive(3, Stream(stream), *counters) == np.random.SeedSequence(key).generate_state(1)[0] >> 1
