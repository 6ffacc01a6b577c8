"""What one check found, and the words that all checks say it with."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from analysis.scores import RUN

Severity = Literal["serious", "minor", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "minor", "note")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked for, in a few words.
        severity: `serious` where scores may be wrong or differ for another reason than the variants do, `minor` where
            a comparison is weaker than it seems, `note` where there is only something to know.
        count: How often it was found; 0 is good news.
        title: What was found, with its count, as a sentence.
        rule: What the analysis does about it.
        items: Where it was found, all of it.
    """

    check: str
    severity: Severity
    count: int
    title: str
    rule: str
    items: tuple[str, ...] = ()

    @property
    def warning(self) -> bool:
        """Whether it was found, and is more than a note."""
        return self.count > 0 and self.severity != "note"


def names(runs: pd.DataFrame) -> tuple[str, ...]:
    """Runs as `task/variant/seed`."""
    return tuple("/".join(map(str, name)) for name in runs[RUN].itertuples(index=False))


def plural(count: int, noun: str) -> str:
    """The count and what is counted: `1 run`, `2,000 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(items: Iterable[object]) -> str:
    """Items in one line."""
    return ", ".join(map(str, items))


def shares(runs: pd.DataFrame) -> str:
    """How many runs, and of which variants: `3 runs (2 of dreamer, 1 of no_value)`."""
    return f"{plural(len(runs), 'run')} ({by_variant(runs)})"


def by_variant(runs: pd.DataFrame) -> str:
    """How many runs of which variants: `2 of dreamer, 1 of no_value`."""
    return listed(f"{count} of {variant}" for variant, count in runs["variant"].value_counts(sort=False).items())


def grouped(found: Iterable[tuple[Hashable, str]]) -> Mapping[Any, list[str]]:
    """What was found alike in several places -> these places."""
    places: dict[Any, list[str]] = {}
    for thing, place in found:
        places.setdefault(thing, []).append(place)
    return places


def mixed(runs: pd.DataFrame, column: str, text: Callable[[Any], str] = str) -> tuple[int, tuple[str, ...]]:
    """Counts the tasks whose runs differ in a column, what is unknown passed over; an item for each value there."""
    known = runs[runs[column].notna() & (runs[column] != "")]
    values = known.groupby("task", sort=False)[column].nunique()
    tasks = set(values.index[values > 1])
    items = []
    for value, group in known[known["task"].isin(tasks)].groupby(column):
        on = list(dict.fromkeys(group["task"]))
        where = f" on {listed(on)}" if len(on) < runs["task"].nunique() else ""
        items.append(f"{text(value)}: {shares(group)}{where}")
    return len(tasks), tuple(items)
