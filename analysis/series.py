"""The evaluations of each run over training as arrays: split from a table, binned, thinned, without restarts."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Series(NamedTuple):
    """One run's evaluations, in ascending order."""

    places: Array  # environment steps, or hours
    values: Array


def groups(table: pd.DataFrame, by: Sequence[str], x: str = "step") -> Iterator[tuple[tuple[Any, ...], list[Series]]]:
    """The runs of each group, sorted by seed; groups in order of first appearance.

    Args:
        table: Evaluations: the columns `by`, seed, score and `x`, finite.
        by: The columns that name a group.
        x: The column that orders a run's evaluations.
    """
    names = table[[*by]].drop_duplicates().itertuples(index=False, name=None)
    runs: dict[tuple[Any, ...], list[Series]] = {name: [] for name in names}
    ordered = table[[*by, "seed", x, "score"]].sort_values(["seed", x], kind="stable")
    for (*of_group, _), run in ordered.groupby([*by, "seed"], sort=False):
        runs[tuple(of_group)].append(Series(run[x].to_numpy(float), run["score"].to_numpy(float)))
    yield from runs.items()


def resampled(run: Series, grid_S: Array) -> Array:
    """The values of a run at the places of a grid, interpolated linearly.

    They are NaN beyond half an evaluation interval before the first and after the last evaluation.
    """
    margin = np.median(np.diff(run.places)) / 2 if len(run.places) > 1 else 0.0
    inside_S = (grid_S >= run.places[0] - margin) & (grid_S <= run.places[-1] + margin)
    return np.where(inside_S, np.interp(grid_S, *run), np.nan)


def binned(table: pd.DataFrame, width: float, by: Sequence[str]) -> pd.DataFrame:
    """The mean of each run's evaluations in each bin, at the middle of the bin.

    With width w, bin k holds the steps in (k w, (k + 1) w]: with an evaluation every 10,000 steps, a bin of 100,000 has
    ten. Step 0 is in the first bin.

    Args:
        table: Evaluations: the columns `by`, seed, step, score, hours.
        width: Environment steps of a bin.
        by: The columns that, with the seed, name a run.
    """
    bins = np.maximum(np.ceil(table["step"] / width) - 1, 0)
    keys = [*by, "seed", "step"]
    return table.assign(step=(bins + 0.5) * width).groupby(keys, as_index=False, sort=False)[["score", "hours"]].mean()


def thinned(places_N: Array, most: int) -> Array:
    """Distinct places, ascending; if more than `most`, those nearest to `most` evenly spaced ones."""
    distinct_N = np.unique(places_N)
    if len(distinct_N) <= most:
        return distinct_N
    even_S = np.linspace(distinct_N[0], distinct_N[-1], most)
    above_S = np.searchsorted(distinct_N, even_S).clip(1, len(distinct_N) - 1)
    nearer_below_S = even_S - distinct_N[above_S - 1] <= distinct_N[above_S] - even_S
    return distinct_N[np.unique(above_S - nearer_below_S)]


def replaced(series_N: NDArray[np.int64], steps_N: NDArray[np.float64]) -> tuple[Mask, Mask]:
    """Which values a restart replaced: those before it, from its first step on.

    A restart is a step that is lower than the one before. Where steps fall more often than every third time, the values
    are in another order than that of logging, and their order tells nothing.

    Args:
        series_N: The number of each value's series, such as one metric of one run; from 0 on.
        steps_N: The step of each value. The values of a series are in the order in which they were logged.

    Returns:
        Whether a restart replaced the value, and whether its series is in another order.
    """
    order_N = np.arange(len(series_N))
    if (np.diff(series_N) < 0).any():
        order_N = np.argsort(series_N, kind="stable")
    ordered_N, places_N = series_N[order_N], steps_N[order_N]
    falls = np.flatnonzero((np.diff(ordered_N) == 0) & (np.diff(places_N) < 0))
    gone_N, unordered_N = np.zeros((2, len(series_N)), bool)
    for series in np.unique(ordered_N[falls]):
        start, end = np.searchsorted(ordered_N, [series, series + 1])
        count = np.searchsorted(falls, end) - np.searchsorted(falls, start)
        rows = order_N[start:end]
        if 3 * count > end - start + 1:
            unordered_N[rows] = True
        else:
            lowest_later = np.minimum.accumulate(places_N[start:end][::-1])[::-1]
            gone_N[rows] = lowest_later < places_N[start:end]
    return gone_N, unordered_N
