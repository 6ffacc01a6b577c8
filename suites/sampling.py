"""Sampled sweeps: settings whose values are drawn at random, once, as numbers of the plan.

A draw is a pure function of the suite's `sweep_seed`, the setting's name and the sample's number. So the plan is the
same on every machine, and more samples, or another sampled setting, leave the draws of a setting as they are.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from common.yaml_reader import Key, Node, Place
from suites.catalog import allowed
from suites.settings import SETTINGS

DISTRIBUTIONS = ("uniform", "log_uniform")
SAMPLES = "samples"
MAX_SAMPLES = 10_000
DIGITS = 4  # of a drawn number: it becomes part of a folder's name, and logarithms of all machines agree on them
ATTEMPTS = 100  # draws for each sample, before a range counts as too narrow


@dataclass(frozen=True)
class Range:
    """A distribution from which a setting is drawn; both ends are included.

    Attributes:
        key: The setting.
        low: The lower end.
        high: The upper end.
        logarithmic: Whether the logarithm is distributed uniformly, instead of the value.
        whole: Whether only integers are drawn.
        samples: The number of samples.
        place: Where the suite gives it.
    """

    key: Key
    low: float
    high: float
    logarithmic: bool
    whole: bool
    samples: int
    place: Place

    def draw(self, seed: int, number: int) -> float:
        """Returns a draw; an integer if only these are drawn."""
        digest = hashlib.sha256(f"{seed} {self.key} {number}".encode()).digest()
        share = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
        high = self.high + self.whole  # the last integer is as wide as the others
        if self.logarithmic:
            value = math.exp(math.log(self.low) + share * (math.log(high) - math.log(self.low)))
        else:
            value = self.low + share * (high - self.low)
        rounded = math.floor(value) if self.whole else float(f"{value:.{DIGITS}g}")
        clipped = min(max(rounded, self.low), self.high)
        return int(clipped) if clipped == int(clipped) else clipped  # as the YAML reader gives a listed value


def read(key: Key, block: Node) -> Range:
    """Returns the range of a setting from a mapping with `uniform` or `log_uniform`, and `samples`.

    Raises:
        UserError: At the wrong part.
    """
    leaf = SETTINGS.leaves[key]
    if not leaf.numeric:
        raise key.place.error(f"{key!s} cannot be sampled, since its values are no numbers; sweep a list of values")
    given = [name for name in DISTRIBUTIONS if name in block.value]
    if len(given) != 1:
        what = " and ".join(given) if given else f"{SAMPLES}, but neither {' nor '.join(DISTRIBUTIONS)}"
        raise block.place.error(f"sweep of {key!s} has {what}; allowed: one of {' and '.join(DISTRIBUTIONS)}")
    ends, samples = block.value[given[0]], block.value.get(SAMPLES)
    if samples is None:
        raise block.place.error(f"sweep of {key!s} has no {SAMPLES}; allowed: an integer from 1 to {MAX_SAMPLES:,}")
    if type(samples.value) is not int or not 1 <= samples.value <= MAX_SAMPLES:
        raise samples.place.error(f"{SAMPLES} is {samples.described()}; allowed: an integer from 1 to {MAX_SAMPLES:,}")
    if not isinstance(ends.value, list) or len(ends.value) != 2:
        raise ends.place.error(f"{given[0]} of {key!s} is {ends.described()}; allowed: [lowest, highest]")
    for end in ends.value:
        if type(end.value) not in (int, float):
            raise end.place.error(f"an end of {given[0]} is {end.described()}; allowed: {allowed(leaf.schema)}")
        leaf.check(end)
    low, high = ends.plain()
    logarithmic = given[0] == "log_uniform"
    if low >= high or (logarithmic and low <= 0):
        rule = "numbers above 0, the lower one first" if logarithmic else "two numbers, the lower one first"
        raise ends.place.error(f"{given[0]} of {key!s} is [{low}, {high}]; allowed: {rule}")
    return Range(key, low, high, logarithmic, "number" not in leaf.types, samples.value, ends.place)


def together(ranges: Sequence[Range], seed: int) -> dict[Key, list[Node]]:
    """Returns the values of settings that are drawn together: sample by sample, and no point twice.

    Raises:
        UserError: For different numbers of samples, or ranges with too few points.
    """
    first = ranges[0]
    for other in ranges[1:]:
        if other.samples != first.samples:
            raise other.place.error(
                f"{other.key!s} has {other.samples:,} samples, and {first.key!s} at {first.place}, which is drawn "
                f"together with it, has {first.samples:,}; give both the same number"
            )
    points: dict[tuple[float, ...], None] = {}
    for number in range(ATTEMPTS * first.samples):
        points[tuple(each.draw(seed, number) for each in ranges)] = None
        if len(points) == first.samples:
            columns = zip(*points, strict=True)
            return {
                each.key: [Node(value, each.place) for value in column]
                for each, column in zip(ranges, columns, strict=True)
            }
    raise first.place.error(
        f"{first.samples:,} samples of {first.key!s}, but only {len(points):,} different ones were found; "
        "allowed: fewer samples, or a wider range"
    )
