"""The grid of variants and swept settings: every variant name of the plan, with its settings."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.yaml_reader import Key, Node
from suites.catalog import Layer, text
from suites.names import check_apart, check_name


@dataclass(frozen=True)
class Sweep:
    """The values of a swept setting, and the variants with which they are crossed.

    Attributes:
        values: The values, in the order of the plan.
        of: Names of the variants.
        sampled: Whether the values were drawn. Settings that were drawn for the same variants are not crossed with each
            other: their values belong together, one by one.
    """

    values: Sequence[Node]
    of: frozenset[str]
    sampled: bool = False


@dataclass(frozen=True)
class Entry:
    """A variant at a point of the sweep.

    Attributes:
        variant: Name of the variant.
        swept: The point of the sweep: setting -> value. Empty for a variant that is not swept.
        settings: Settings of the variant and of the point.
    """

    variant: str
    swept: Layer
    settings: Layer


class Grid(Mapping[str, Entry]):
    """Name -> entry, ordered by variant and then by point of the sweep."""

    def __init__(self, variants: Mapping[Key, Layer], sweep: Mapping[Key, Sweep]) -> None:
        """Crosses each variant with the settings that are swept for it.

        Raises:
            UserError: For a name that cannot be a folder's name, or two names of the same folder.
        """
        self.sweep = sweep
        self.short = _short(sweep)
        self._named = len(variants) > 1
        self._entries: dict[str, Entry] = {}
        seen: dict[str, Key] = {}
        for variant, layer in variants.items():
            axes = _axes(variant, sweep)
            keys = list(itertools.chain(*axes))
            places = (zip(*(sweep[key].values for key in axis), strict=True) for axis in axes)
            for parts in itertools.product(*places):
                point = list(itertools.chain(*parts))
                swept = dict(zip(keys, point, strict=True))
                name = Key(self.name(variant, swept), point[-1].place if point else variant.place)
                check_name(name, "variant", name.place)
                check_apart(seen, name, "variant")
                self._entries[str(name)] = Entry(str(variant), swept, {**layer, **swept})

    def name(self, variant: str, swept: Layer) -> str:
        """Returns the name of a variant at a point of the sweep, or of all its points that share some values.

        If there is only one variant and a setting is swept, the variant's name is omitted.
        """
        parts = [variant] if self._named or not swept else []
        return "+".join([*parts, *(f"{self.short[key]}={text(node.plain())}" for key, node in swept.items())])

    def drawn_with(self, key: Key) -> frozenset[Key]:
        """Returns a swept setting, and those that were drawn together with it."""
        together = next(axis for variant in self.sweep[key].of for axis in _axes(variant, self.sweep) if key in axis)
        return frozenset(together)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def count(variants: Mapping[Key, Layer], sweep: Mapping[Key, Sweep]) -> int:
    """Returns the number of names in the grid, without building it."""
    return sum(math.prod(len(sweep[axis[0]].values) for axis in _axes(variant, sweep)) for variant in variants)


def _axes(variant: str, sweep: Mapping[Key, Sweep]) -> list[list[Key]]:
    """Returns the settings that are swept for a variant; those that were drawn together are one axis of the grid."""
    axes: dict[object, list[Key]] = {}
    for key, own in sweep.items():
        if variant in own.of:
            axes.setdefault(own.of if own.sampled else key, []).append(key)
    return list(axes.values())


def _short(keys: Mapping[Key, object]) -> dict[str, str]:
    """Returns the shortest dotted suffix of each key that is not a suffix of any other key."""

    def suffix(key: str, parts: int) -> str:
        return ".".join(key.split(".")[-parts:])

    short = {}
    for key in keys:
        others = [other for other in keys if other != key]
        lengths = range(1, key.count(".") + 2)
        short[str(key)] = next(
            (suffix(key, n) for n in lengths if all(suffix(key, n) != suffix(other, n) for other in others)), str(key)
        )
    return short
