"""The finding of a check, and texts that all checks share."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from analysis.scores import RUN
from common.text import counted

Severity = Literal["serious", "minor", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "minor", "note")


@dataclass(frozen=True)
class Finding:
    """The finding of one check.

    Attributes:
        check: The name of the check.
        severity: `serious` if scores may be wrong or differ for another reason than the variants, `minor` if a
            comparison is weaker than it seems, `note` for information.
        count: Number of occurrences; 0 if the check passed.
        title: The finding with its count, as a sentence.
        rule: How the analysis treats it.
        items: All places where it was found.
    """

    check: str
    severity: Severity
    count: int
    title: str
    rule: str
    items: tuple[str, ...] = ()

    @property
    def warning(self) -> bool:
        """Whether there are occurrences and they are more than a note."""
        return self.count > 0 and self.severity != "note"


def names(runs: pd.DataFrame) -> tuple[str, ...]:
    """Runs as `task/variant/seed`."""
    return tuple("/".join(map(str, name)) for name in runs[RUN].itertuples(index=False))


def listed(items: Iterable[object]) -> str:
    """Items on one line."""
    return ", ".join(map(str, items))


def shares(runs: pd.DataFrame) -> str:
    """The number of runs, in total and by variant: `3 runs (2 of dreamer, 1 of no_value)`."""
    return f"{counted(len(runs), 'run')} ({by_variant(runs)})"


def by_variant(runs: pd.DataFrame) -> str:
    """The number of runs by variant: `2 of dreamer, 1 of no_value`."""
    return listed(f"{count} of {variant}" for variant, count in runs["variant"].value_counts(sort=False).items())


def grouped(found: Iterable[tuple[Hashable, str]]) -> Mapping[Any, list[str]]:
    """Finding -> the places where it was found."""
    places: dict[Any, list[str]] = {}
    for thing, place in found:
        places.setdefault(thing, []).append(place)
    return places


def mixed(runs: pd.DataFrame, column: str, text: Callable[[Any], str] = str) -> tuple[int, tuple[str, ...]]:
    """The number of tasks whose runs differ in a column, and an item for each value; unknown values are ignored."""
    known = runs[runs[column].notna() & (runs[column] != "")]
    values = known.groupby("task", sort=False)[column].nunique()
    tasks = set(values.index[values > 1])
    items = []
    for value, group in known[known["task"].isin(tasks)].groupby(column):
        on = list(dict.fromkeys(group["task"]))
        where = f" on {listed(on)}" if len(on) < runs["task"].nunique() else ""
        items.append(f"{text(value)}: {shares(group)}{where}")
    return len(tasks), tuple(items)
