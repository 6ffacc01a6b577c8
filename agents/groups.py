"""Groups of action dimensions: a partition, one group for each sub-dynamics model of ED2."""

from collections import Counter
from collections.abc import Sequence

from common.text import spans


def action_groups(groups: str | Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """The action indices of each group.

    Args:
        groups: `single` (all in one), `full` (each on its own), or the lists themselves.
        size: number of action dimensions.

    Raises:
        ValueError: the lists are no partition of 0..size-1; names each index that is missing, doubled or out of range.
            Or the groups have a name that only means something for a task.
    """
    if groups == "single":
        return [list(range(size))]
    if groups == "full":
        return [[index] for index in range(size)]
    if isinstance(groups, str):
        raise ValueError(f"dynamics.groups: what {groups} stands for depends on the task, and is not settled yet")
    lists = [list(group) for group in groups]
    counts = Counter(index for group in lists for index in group)
    problems = [
        *_said([index for index in counts if not 0 <= index < size], "out of range"),
        *(
            problem
            for places in sorted(set(counts.values()) - {1})
            for problem in _said([index for index in counts if counts[index] == places], f"in {places} places")
        ),
        *_said([index for index in range(size) if index not in counts], "missing"),
        *("a group is empty" for group in lists if not group),
    ]
    if problems:
        raise ValueError(
            f"dynamics.groups: {'; '.join(problems)}. Each action index from 0 to {size - 1} must be in one group; "
            f"got {lists}"
        )
    return lists


def _said(indices: list[int], problem: str) -> list[str]:
    """What is wrong with some indices, in one clause: `index 3 is missing`, `indices 1, 4 to 6 are missing`."""
    if not indices:
        return []
    where = ", ".join(f"{first} to {last}" if last > first else f"{first}" for first, last in spans(sorted(indices)))
    return [f"index {where} is {problem}" if len(indices) == 1 else f"indices {where} are {problem}"]
