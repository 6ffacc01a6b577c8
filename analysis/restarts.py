"""Runs that were restarted from an earlier step and logged some steps again."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


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
