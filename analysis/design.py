"""How the variants of a suite belong together: as points of a sweep, and in comparisons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

SWEPT = ["key", "value", "task", "variant", "mean", "low", "high", "seeds"]


@dataclass(frozen=True)
class Point:
    """Where a variant stands among those that differ from it in one swept setting.

    Attributes:
        line: What they have in common: the name of the variant that was swept, and other settings swept with it.
        value: Its value of the setting.
    """

    line: str
    value: float


@dataclass(frozen=True)
class Design:
    """What figures have to know of a suite; variants go by their full names, the point of the sweep included.

    Attributes:
        families: Variant, or line of a sweep -> the variant that was swept; those that share one share a colour. One
            that is absent is a family of its own.
        sweeps: Swept setting whose values are numbers -> variant -> its point.
        comparisons: Name -> variants that have figures of their own.
    """

    families: Mapping[str, str] = field(default_factory=dict)
    sweeps: Mapping[str, Mapping[str, Point]] = field(default_factory=dict)
    comparisons: Mapping[str, Sequence[str]] = field(default_factory=dict)


def swept(tasks: pd.DataFrame, design: Design) -> pd.DataFrame:
    """The final returns of a suite's sweeps, by swept setting and task, then line by line.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds, as `statistics.task_means` gives them.
        design: Its sweeps.

    Returns:
        Rows key, value, task, variant (the line), mean, low, high, seeds; none for a variant without a score.
    """
    rows = []
    for key, points in design.sweeps.items():
        lines = list(dict.fromkeys(point.line for point in points.values()))
        found = [(points[row["variant"]], row) for row in tasks.to_dict("records") if row["variant"] in points]
        found.sort(key=lambda pair: (pair[1]["task"], lines.index(pair[0].line), pair[0].value))
        rows += [{**row, "key": key, "value": point.value, "variant": point.line} for point, row in found]
    table = pd.DataFrame(rows, columns=SWEPT)
    return table.assign(value=pd.Series([row["value"] for row in rows], dtype=object))  # 3 is not written as 3.0


def renamed(design: Design, suite: str, names: Collection[str]) -> Design:
    """The design of one suite where some of its variants go by `suite/variant`, since another suite has their names."""

    def name(variant: str) -> str:
        return f"{suite}/{variant}" if variant in names else variant

    return Design(
        {name(variant): family for variant, family in design.families.items()},
        {key: {name(variant): point for variant, point in points.items()} for key, points in design.sweeps.items()},
        {title: [name(variant) for variant in variants] for title, variants in design.comparisons.items()},
    )


def joined(designs: Mapping[str, Design]) -> Design:
    """The design of several suites together; comparisons are named by their suite where there is more than one suite.

    Args:
        designs: Suite -> its design, its variants called as in the scores.
    """
    sweeps: dict[str, dict[str, Point]] = {}
    for design in designs.values():
        for key, points in design.sweeps.items():
            sweeps.setdefault(key, {}).update(points)
    return Design(
        {variant: family for design in designs.values() for variant, family in design.families.items()},
        sweeps,
        {
            title if len(designs) == 1 else f"{suite}_{title}": variants
            for suite, design in designs.items()
            for title, variants in design.comparisons.items()
        },
    )
