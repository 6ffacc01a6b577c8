"""SD2, sub-dynamics discovery: which action dimensions affect the same part of the state.

Yuan et al., Environment dynamics decomposition (arXiv 2112.02817), in the version of their public code
(github.com/ED2-source-code/ED2). Actions are similar if they correlate with the same changes of the state. Groups of
actions are merged, the most related pair first, until no pair is related enough.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Groups = list[list[int]]  # sorted: indices within a group, and groups by their first index


class Correlation:
    """Pearson's correlation of each action dimension with each dimension of the state's change, in one pass over data.

    Moments of chunks are merged as in Chan, Golub and LeVeque (1979), all relative to the first sample, so that
    a column that never varies has a variance of exactly 0. Memory use is A x S numbers for any number of samples.

    Args:
        actions: A, the number of action dimensions.
        states: S, the number of state dimensions.
    """

    def __init__(self, actions: int, states: int) -> None:
        self._count = 0
        self._first: tuple[Array, Array] | None = None
        self._action_mean, self._change_mean = np.zeros(actions), np.zeros(states)
        self._action_squares, self._change_squares = np.zeros(actions), np.zeros(states)
        self._products = np.zeros((actions, states))

    def update(self, actions: ArrayLike, changes: ArrayLike) -> None:
        """Adds a chunk of samples: actions (N, A) and the changes (N, S) that followed them; N is at least 1."""
        actions, changes = np.asarray(actions, float), np.asarray(changes, float)
        if self._first is None:
            self._first = actions[0].copy(), changes[0].copy()
        actions, changes = actions - self._first[0], changes - self._first[1]
        action_mean, change_mean = actions.mean(0), changes.mean(0)
        actions -= action_mean
        changes -= change_mean
        action_shift, change_shift = action_mean - self._action_mean, change_mean - self._change_mean
        total = self._count + len(actions)
        weight = self._count * len(actions) / total
        self._action_squares += np.square(actions).sum(0) + weight * np.square(action_shift)
        self._change_squares += np.einsum("ns,ns->s", changes, changes) + weight * np.square(change_shift)
        self._products += actions.T @ changes + weight * np.outer(action_shift, change_shift)
        self._action_mean += action_shift * len(actions) / total
        self._change_mean += change_shift * len(actions) / total
        self._count = total

    @property
    def varying(self) -> NDArray[np.bool_]:
        """Whether the change of each state dimension (S,) ever varied; if not, its correlation is undefined."""
        return self._change_squares > 0

    def absolute(self) -> Array:
        """|correlation| of each action with each varying state dimension, (A, V); an action that never varied has 0."""
        varying = self.varying
        scale = np.sqrt(np.outer(self._action_squares, self._change_squares[varying]))
        products = np.abs(self._products[:, varying])
        return np.minimum(np.divide(products, scale, out=np.zeros_like(products), where=scale > 0), 1.0)


@dataclass(frozen=True)
class Merge:
    """Two groups that were merged, and their Rela."""

    a: tuple[int, ...]
    b: tuple[int, ...]
    rela: float


def distances(correlations: ArrayLike) -> Array:
    """Distance between actions (A, A), from -1 to 0: the negative cosine similarity of their |correlations| (A, V).

    The distance of an action to itself is -1; an action without any correlation has distance 0 to all others.
    """
    rows = np.asarray(correlations, float)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    found = -(rows @ rows.T)
    np.fill_diagonal(found, -1.0)
    return found


def merge_path(correlations: ArrayLike) -> list[Merge]:
    """All merges from single actions to one group; each merges the pair of groups with the greatest Rela.

    Let D(G, H) be the sum of distances over all pairs of an action in G and one in H, and ~G all actions outside of G
    (so ~H includes G). Then

        Rela(G, H) = (D(G, ~H) + D(H, ~G)) / (|G||~H| + |H||~G|) - D(G, H) / |G||H|.

    Among equal pairs, the first in the order of their first actions is merged. Rela need not fall along the path.

    Args:
        correlations: |correlation| of actions with state dimensions, (A, V).
    """
    between = distances(correlations)  # D of each pair of groups
    count = len(between)
    groups: list[tuple[int, ...]] = [(index,) for index in range(count)]
    path = []
    while len(groups) > 1:
        sizes = np.array([len(group) for group in groups])
        to_all = between.sum(1)
        outside = to_all[:, None] - between  # D(G, ~H)
        pairs = sizes[:, None] * (count - sizes)
        rela = (outside + outside.T) / (pairs + pairs.T) - between / np.outer(sizes, sizes)
        rela[np.tril_indices(len(groups))] = -np.inf
        i, j = divmod(int(rela.argmax()), len(groups))
        path.append(Merge(groups[i], groups[j], float(rela[i, j])))
        groups[i] = tuple(sorted(groups[i] + groups.pop(j)))
        between[i] += between[j]
        between[:, i] += between[:, j]
        between = np.delete(np.delete(between, j, 0), j, 1)
    return path


def groups(path: Sequence[Merge], size: int, eta: float) -> Groups:
    """The groups of `size` actions when merging stops at the first Rela below eta."""
    found = [[index] for index in range(size)]
    for merge in path[: _made(path, eta)]:
        found = [group for group in found if group[0] not in (merge.a[0], merge.b[0])]
        found.append(sorted(merge.a + merge.b))
    return sorted(found)


@dataclass(frozen=True)
class Margins:
    """The values of eta that give the same groups: above `rejected`, up to `accepted`.

    Attributes:
        accepted: The least Rela of the merges that were made; None if there is none.
        rejected: The Rela of the next merge; None if all were made.
    """

    accepted: float | None
    rejected: float | None


def margins(path: Sequence[Merge], eta: float) -> Margins:
    """How close the decision to stop merging was."""
    made = _made(path, eta)
    return Margins(
        min((merge.rela for merge in path[:made]), default=None), path[made].rela if made < len(path) else None
    )


def stability(groupings: Iterable[Groups], size: int) -> Array:
    """Share of the groupings in which each pair of actions is in the same group, (A, A)."""
    together = []
    for grouping in groupings:
        labels = np.empty(size, int)
        for label, group in enumerate(grouping):
            labels[group] = label
        together.append(labels[:, None] == labels)
    return np.asarray(np.mean(together, axis=0, dtype=float))


def _made(path: Sequence[Merge], eta: float) -> int:
    """The number of merges before the first with a Rela below eta."""
    return next((count for count, merge in enumerate(path) if merge.rela < eta), len(path))
