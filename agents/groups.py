"""Groups of action dimensions: a partition, one group for each sub-dynamics model of ED2."""

from collections import Counter
from collections.abc import Sequence

from common.text import spans


def action_groups(groups: str | Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """The action indices of each group.

    Args:
        groups: `single` (all in one group), `full` (one group for each), or the lists themselves.
        size: number of action dimensions.

    Raises:
        ValueError: the lists are not a partition of 0..size-1; the message has each index that is missing, repeated or
            out of range. Or the groups have a name whose meaning depends on the task.
    """
    if groups == "single":
        return [list(range(size))]
    if groups == "full":
        return [[index] for index in range(size)]
    if isinstance(groups, str):
        raise ValueError(f"dynamics.groups: {groups} depends on the task and has not been resolved to lists of indices")
    lists = [list(group) for group in groups]
    counts = Counter(index for group in lists for index in group)
    problems = [
        *_describe([index for index in counts if not 0 <= index < size], "out of range"),
        *(
            problem
            for places in sorted(set(counts.values()) - {1})
            for problem in _describe([index for index in counts if counts[index] == places], f"in {places} places")
        ),
        *_describe([index for index in range(size) if index not in counts], "missing"),
        *("a group is empty" for group in lists if not group),
    ]
    if problems:
        raise ValueError(
            f"dynamics.groups: {'; '.join(problems)}. Each action index from 0 to {size - 1} must be in one group; "
            f"got {lists}"
        )
    return lists


def _describe(indices: list[int], problem: str) -> list[str]:
    """A problem of some indices in one clause: `index 3 is missing`, `indices 1, 4 to 6 are missing`."""
    if not indices:
        return []
    where = ", ".join(f"{first} to {last}" if last > first else f"{first}" for first, last in spans(sorted(indices)))
    return [f"index {where} is {problem}" if len(indices) == 1 else f"indices {where} are {problem}"]
