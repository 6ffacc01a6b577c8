"""SD2 compared with its definition, computed pair by pair on small data."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from discovery.sd2 import Correlation, Margins, Merge, distances, groups, margins, merge_path, stability

Array = NDArray[np.float64]
# Rela of 0.3, 0.1, -0.2 and then 0.05: merging stops at the first below eta, whatever comes later.
PATH = [
    Merge((1,), (3,), 0.3),
    Merge((0,), (4,), 0.1),
    Merge((0, 4), (2,), -0.2),
    Merge((0, 2, 4), (1, 3), 0.05),
]


def absolute(actions: Array, changes: Array, chunk: int) -> Array:
    correlation = Correlation(actions.shape[1], changes.shape[1])
    for start in range(0, len(actions), chunk):
        correlation.update(actions[start : start + chunk], changes[start : start + chunk])
    return correlation.absolute()


def defined(actions: Array, changes: Array) -> Array:
    """The block of actions against changes of numpy's correlation matrix."""
    return np.abs(np.corrcoef(actions, changes, rowvar=False)[: actions.shape[1], actions.shape[1] :])


def defined_path(table: Array) -> list[tuple[set[int], set[int], float]]:
    """The merge path by its definition, from |correlations| of actions (rows)."""
    all_actions = set(range(len(table)))

    def distance(i: int, j: int) -> float:
        return -float(table[i] @ table[j]) / float(np.sqrt((table[i] @ table[i]) * (table[j] @ table[j])))

    def weight(one: set[int], other: set[int]) -> int:
        return len(one) * len(other)

    def mean(one: set[int], other: set[int]) -> float:
        return float(np.mean([distance(i, j) for i in one for j in other]))

    def rela(one: set[int], other: set[int]) -> float:
        not_one, not_other = all_actions - one, all_actions - other
        weighted = weight(one, not_other) * mean(one, not_other) + weight(other, not_one) * mean(other, not_one)
        return weighted / (weight(one, not_other) + weight(other, not_one)) - mean(one, other)

    clusters = [{i} for i in all_actions]
    path = []
    while len(clusters) > 1:
        best = max(combinations(clusters, 2), key=lambda pair: rela(*pair))
        path.append((*best, rela(*best)))
        clusters = [cluster for cluster in clusters if cluster not in best] + [best[0] | best[1]]
    return path


@given(
    seed=st.integers(0, 2**32 - 1),
    actions=st.integers(1, 5),
    states=st.integers(1, 6),
    count=st.integers(3, 40),
    chunk=st.integers(1, 40),
)
@settings(max_examples=60)
def test_correlations_of_chunks_are_numpys_of_all(seed: int, actions: int, states: int, count: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    acted = rng.uniform(-1, 1, (count, actions))
    changed = rng.normal(size=(count, states)) * 10.0 ** rng.integers(-6, 7, states) + acted @ rng.normal(
        size=(actions, states)
    )
    found = absolute(acted, changed, chunk)
    np.testing.assert_allclose(found, defined(acted, changed), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found, absolute(acted, changed, count), rtol=1e-9, atol=1e-11)


def test_correlations_survive_a_large_offset() -> None:
    rng = np.random.default_rng(0)
    actions, noise = rng.uniform(-1, 1, (5000, 2)), rng.normal(size=(5000, 3))
    far = noise + 1e7
    np.testing.assert_allclose(absolute(actions, far, 77), defined(actions, far - 1e7), atol=1e-7)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e30])
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_columns_that_never_vary_are_left_out(constant: float, chunk: int) -> None:
    rng = np.random.default_rng(0)
    actions, changes = rng.uniform(-1, 1, (100, 2)), rng.normal(size=(100, 3))
    changes[:, 1] = constant
    correlation = Correlation(2, 3)
    for start in range(0, 100, chunk):
        correlation.update(actions[start : start + chunk], changes[start : start + chunk])
    assert correlation.varying.tolist() == [True, False, True]
    np.testing.assert_allclose(correlation.absolute(), defined(actions, changes[:, [0, 2]]), atol=1e-12)


def test_chunks_are_left_as_they_were() -> None:
    actions, changes = np.ones((2, 1)), np.ones((2, 1))
    Correlation(1, 1).update(actions, changes)
    assert (actions == 1).all()
    assert (changes == 1).all()


def test_distance_is_the_negative_cosine() -> None:
    table = np.array([[3.0, 4.0], [4.0, 3.0], [0.0, 5.0], [0.0, 0.0]])
    expected = np.array([[-1, -0.96, -0.8, 0], [-0.96, -1, -0.6, 0], [-0.8, -0.6, -1, 0], [0, 0, 0, -1]])
    np.testing.assert_allclose(distances(table), expected)


@given(seed=st.integers(0, 2**32 - 1), actions=st.integers(1, 8), states=st.integers(1, 6))
@settings(max_examples=60)
def test_merge_path_is_the_defined_one(seed: int, actions: int, states: int) -> None:
    table = np.random.default_rng(seed).uniform(0, 1, (actions, states)) ** 3
    if states == 1:
        table = np.hstack([table, np.full_like(table, 0.5)])  # else all actions are equally near
    expected = defined_path(table)
    found = merge_path(table)
    assert [{frozenset(merge.a), frozenset(merge.b)} for merge in found] == [
        {frozenset(one), frozenset(other)} for one, other, _ in expected
    ]
    np.testing.assert_allclose([merge.rela for merge in found], [rela for *_, rela in expected], atol=1e-12)
    assert all(merge.a[0] < merge.b[0] and list(merge.a) == sorted(merge.a) for merge in found)


def test_two_actions_are_as_related_as_they_are_similar() -> None:
    """The complement of one group is the other, with distance -1 to itself: Rela is the cosine less 1."""
    [merge] = merge_path([[3.0, 4.0], [4.0, 3.0]])
    assert merge.rela == pytest.approx(0.96 - 1)


def test_equal_pairs_are_merged_in_order() -> None:
    found = merge_path([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert [(merge.a, merge.b) for merge in found] == [((0,), (2,)), ((1,), (3,)), ((0, 2), (1, 3))]


def test_one_action_has_nothing_to_merge_with() -> None:
    assert merge_path([[0.5, 0.1]]) == []
    assert groups([], 1, 0.0) == [[0]]
    assert margins([], 0.0) == Margins(None, None)


@pytest.mark.parametrize(
    ("eta", "expected", "between"),
    [
        (0.4, [[0], [1], [2], [3], [4]], Margins(None, 0.3)),
        (0.3, [[0], [1, 3], [2], [4]], Margins(0.3, 0.1)),
        (0.0, [[0, 4], [1, 3], [2]], Margins(0.1, -0.2)),
        (-0.1, [[0, 4], [1, 3], [2]], Margins(0.1, -0.2)),
        (-0.2, [[0, 1, 2, 3, 4]], Margins(-0.2, None)),
    ],
)
def test_merging_stops_at_the_first_below_eta(eta: float, expected: list[list[int]], between: Margins) -> None:
    assert groups(PATH, 5, eta) == expected
    assert margins(PATH, eta) == between


def test_any_eta_between_the_margins_gives_the_same_groups() -> None:
    table = np.random.default_rng(3).uniform(0, 1, (9, 5)) ** 3
    path = merge_path(table)
    for eta in np.linspace(-0.3, 0.3, 25):
        found, edges = groups(path, 9, eta), margins(path, eta)
        if edges.accepted is not None:
            assert groups(path, 9, edges.accepted) == found
            assert groups(path, 9, np.nextafter(edges.accepted, 1)) != found
        if edges.rejected is not None:
            assert groups(path, 9, np.nextafter(edges.rejected, 1)) == found
            assert groups(path, 9, edges.rejected) != found


def test_stability_is_the_share_of_groupings_with_both() -> None:
    found = stability([[[0, 1], [2]], [[0], [1, 2]], [[0, 1, 2]], [[0, 1], [2]]], 3)
    np.testing.assert_allclose(found, [[1, 0.75, 0.25], [0.75, 1, 0.5], [0.25, 0.5, 1]])
