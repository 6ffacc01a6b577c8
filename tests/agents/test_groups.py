from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.groups import action_groups


def test_named_partitions() -> None:
    assert action_groups("single", 3) == [[0, 1, 2]]
    assert action_groups("full", 3) == [[0], [1], [2]]


@given(st.permutations(list(range(6))), st.sets(st.integers(1, 5)))
def test_every_partition_is_taken_as_it_is(order: list[int], cuts: set[int]) -> None:
    bounds = [0, *sorted(cuts), 6]
    groups = [order[a:b] for a, b in pairwise(bounds)]
    assert action_groups(groups, 6) == groups


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[0, 1]], "index 2 is missing"),
        ([[0, 1], [1, 2]], "index 1 is in 2 places"),
        ([[0, 1, 2, 3]], "index 3 is out of range"),
        ([[0, 1, 2], [-1]], "index -1 is out of range"),
        ([[0, 1, 2], []], "a group is empty"),
        ([], "groups: indices 0 to 2 are missing"),
        ([[1]], "groups: indices 0, 2 are missing"),
        ([[0, 0, 1, 1, 2]], "groups: indices 0 to 1 are in 2 places"),
        ([[0, 1, 2, 3, 5, 6]], "groups: indices 3, 5 to 6 are out of range"),
    ],
)
def test_no_partition_is_named(groups: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        action_groups(groups, 3)
