"""How the variants of suites relate: as points of a sweep, and in comparisons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Point:
    """A variant's place among those that differ from it in one swept setting.

    Attributes:
        line: What they have in common: the name of the variant that was swept, and other settings swept with it.
        value: Its value of the setting.
    """

    line: str
    value: float


@dataclass(frozen=True)
class Relations:
    """What results have to know of a suite; variants go by their full names, the point of the sweep included.

    Attributes:
        families: Variant, or line of a sweep -> the variant that was swept; those that share one share a colour. One
            that is absent is a family of its own.
        sweeps: Swept setting whose values are numbers -> variant -> its point.
        comparisons: Name -> variants that have figures of their own.
    """

    families: Mapping[str, str] = field(default_factory=dict)
    sweeps: Mapping[str, Mapping[str, Point]] = field(default_factory=dict)
    comparisons: Mapping[str, Sequence[str]] = field(default_factory=dict)


def renamed(relations: Relations, suite: str, names: Collection[str]) -> Relations:
    """The relations in one suite where some variants go by `suite/variant`, since another suite has their names."""

    def name(variant: str) -> str:
        return f"{suite}/{variant}" if variant in names else variant

    return Relations(
        {name(variant): family for variant, family in relations.families.items()},
        {key: {name(variant): point for variant, point in points.items()} for key, points in relations.sweeps.items()},
        {title: [name(variant) for variant in variants] for title, variants in relations.comparisons.items()},
    )


def joined(relations: Mapping[str, Relations]) -> Relations:
    """The relations of several suites together; of more than one suite, comparisons are named by their suite.

    Args:
        relations: Suite -> the relations in it, its variants called as in the scores.
    """
    sweeps: dict[str, dict[str, Point]] = {}
    for each in relations.values():
        for key, points in each.sweeps.items():
            sweeps.setdefault(key, {}).update(points)
    return Relations(
        {variant: family for each in relations.values() for variant, family in each.families.items()},
        sweeps,
        {
            title if len(relations) == 1 else f"{suite}_{title}": variants
            for suite, each in relations.items()
            for title, variants in each.comparisons.items()
        },
    )
