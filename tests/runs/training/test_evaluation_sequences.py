"""Held-out sequences against the episodes that they were cut from."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runs.training.episode import EpisodeBuilder
from runs.training.evaluation_sequences import evaluation_sequences


def trace(number: int, records: int) -> EpisodeBuilder:
    """An episode whose reward tells the episode and the record."""
    made = EpisodeBuilder(number)
    observation = {"image": np.zeros((2, 2, 3), np.uint8)}
    made.start(observation, 1)
    made.rewards[0] = 1000.0 * number
    for record in range(1, records):
        made.append(observation, np.zeros(1, np.float32), 1000.0 * number + record, 1.0, 1)
    return made


@given(st.lists(st.integers(2, 160), min_size=1, max_size=6))
def test_sequences_are_whole_stretches_one_after_the_other(lengths: list[int]) -> None:
    length = max((room for room in (5 + 1, 5 + 5, 5 + 15, 5 + 45) if room <= max(lengths)), default=None)
    batch = evaluation_sequences([trace(number, records) for number, records in enumerate(lengths)])
    if length is None:
        assert batch is None
        return
    expected = [
        [1000.0 * number + record for record in range(start, start + length)]
        for number, records in enumerate(lengths)
        for start in range(0, records, length)
        if start + length <= records
    ]
    assert batch is not None
    assert batch["reward"].tolist() == expected
    assert batch["image"].shape == (len(expected), length, 2, 2, 3)
