"""How the variants of suites relate: points of a sweep, and comparisons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Point:
    """The position of a variant in a sweep of one setting.

    Attributes:
        line: What the points of one line share: the swept variant, and the values of other swept settings.
        value: The variant's value of the setting.
    """

    line: str
    value: float


@dataclass(frozen=True)
class Relations:
    """What results need from a suite; variants have their full names, including the point of the sweep.

    Attributes:
        families: Variant, or line of a sweep -> the variant that was swept; a family shares one colour. An
            absent variant is its own family.
        sweeps: Swept setting with numeric values -> variant -> its point.
        comparisons: Name -> variants that are compared in separate figures.
        sampled: The swept settings whose values were drawn at random.
    """

    families: Mapping[str, str] = field(default_factory=dict)
    sweeps: Mapping[str, Mapping[str, Point]] = field(default_factory=dict)
    comparisons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sampled: frozenset[str] = frozenset()


def renamed(relations: Relations, suite: str, names: Collection[str]) -> Relations:
    """The relations of one suite, with the variants in `names`, which another suite also has, as `suite/variant`."""

    def name(variant: str) -> str:
        return f"{suite}/{variant}" if variant in names else variant

    return Relations(
        {name(variant): family for variant, family in relations.families.items()},
        {key: {name(variant): point for variant, point in points.items()} for key, points in relations.sweeps.items()},
        {title: [name(variant) for variant in variants] for title, variants in relations.comparisons.items()},
        relations.sampled,
    )


def joined(relations: Mapping[str, Relations]) -> Relations:
    """The relations of several suites; with more than one, the names of comparisons begin with their suite.

    Args:
        relations: Suite -> its relations, with the variant names of the scores.
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
        frozenset().union(*(each.sampled for each in relations.values())),
    )
