"""rliable's stratified bootstrap (Agarwal et al. 2021), reseeded at each call.

Called once for each variant, it gives equal numbers for equal scores, whatever other variants there are.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rliable import library

from analysis.settings import AnalysisSettings

Array = NDArray[np.float64]
Strata = Sequence[NDArray[Any]]  # the scores of each task's runs, or their places

BAND_REPETITIONS = 2000  # for bands, which consist of many intervals; rliable's default for profiles
WORDS = 2**18  # random words in memory at once


def interval(
    samples: Sequence[Strata], function: Callable[..., Array], settings: AnalysisSettings
) -> tuple[Array, Array]:
    """A statistic and its percentile bootstrap interval; runs are resampled within each task.

    The numbers are those of `rliable.library.get_interval_estimates`: called with one matrix of runs x tasks for each
    sample, if each has equally many runs of every task; otherwise with each task's runs as an array of their own, in
    the order of samples and tasks. The second form takes rliable half a minute, so its draws are made here.

    Args:
        samples: The scores of each task's runs; several samples are resampled independently.
        function: Maps samples to K values. A sample is one array: the runs of the first task, then of the second, ...
        settings: `repetitions`, `confidence` and `seed`.

    Returns:
        The values (K) and their lower and upper bounds (2 x K). The bounds are NaN if any sample has a single run of
        every task, which has no spread to resample.
    """
    flat = [np.concatenate(strata) for strata in samples]
    values_K = function(*flat)
    if any(max(map(len, strata)) == 1 for strata in samples):
        return values_K, np.full((2, len(values_K)), np.nan)
    if all(len(set(map(len, strata))) == 1 for strata in samples):
        matrices = [np.stack(strata, axis=1) for strata in samples]
        with global_seed(settings.seed):
            _, bounds = library.get_interval_estimates(
                {"": matrices[0] if len(matrices) == 1 else matrices},
                lambda *resampled: function(*(matrix.T.ravel() for matrix in resampled)),
                reps=settings.repetitions,
                confidence_interval_size=settings.confidence,
            )
        return values_K, bounds[""]
    scores_N, ends = np.concatenate(flat), np.cumsum([len(scores) for scores in flat])[:-1]
    sizes = [len(scores) for strata in samples for scores in strata]
    drawn = (function(*np.split(scores_N[places_N], ends)) for places_N in _draws(sizes, settings))
    tail = 50 * (1 - settings.confidence)
    return values_K, np.percentile(np.stack(list(drawn)), [tail, 100 - tail], axis=0)


def for_bands(settings: AnalysisSettings) -> AnalysisSettings:
    """The settings with at most `BAND_REPETITIONS` repetitions."""
    return settings.model_copy(update={"repetitions": min(settings.repetitions, BAND_REPETITIONS)})


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seeds numpy's global generator within the context: rliable 1.2.0 draws from it and ignores `random_state`."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _draws(sizes: Sequence[int], settings: AnalysisSettings) -> Iterator[NDArray[np.int64]]:
    """The runs of each resample, as places among all runs: what `np.random.choice` draws for one task after the other.

    `choice` of n runs reads 32-bit words, of each as many low bits as n - 1 has, and skips those from n on; of a single
    run it reads none. Where the draws of each task lie in the words is found once per task, the values all at once.
    """
    firsts_N = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    requests = [(size, sum(alike)) for size, alike in groupby(sizes)]  # tasks of one size, one after the other, are one
    masks = {size: (1 << (size - 1).bit_length()) - 1 for size in sizes if size > 1}
    words = sum(count * (masks[size] + 1) / size for size, count in requests if size > 1)
    generator = np.random.RandomState(settings.seed)
    buffer, left = np.empty(0, np.uint32), settings.repetitions
    while left:
        more = max(1, min(left, int(WORDS / words))) * words
        fresh = generator.randint(0, 2**32, int(1.1 * more) + 100, dtype=np.uint32)
        buffer = np.concatenate([buffer, fresh])
        low = {size: buffer & mask for size, mask in masks.items()}
        taken = {size: np.flatnonzero(bits < size) for size, bits in low.items()}
        starts, end = _starts(requests, {size: places.tolist() for size, places in taken.items()}, left)
        parts = [
            low[size][taken[size][starts_B[:, None] + np.arange(count)]]
            if size > 1
            else np.zeros((len(starts_B), count), np.uint32)
            for (size, count), starts_B in zip(requests, starts, strict=True)
        ]
        yield from np.concatenate(parts, axis=1) + firsts_N
        left -= len(starts[0])
        buffer = buffer[end:]


def _starts(
    requests: Sequence[tuple[int, int]], taken: dict[int, list[int]], most: int
) -> tuple[list[NDArray[np.int64]], int]:
    """Where the draws of each request begin among the words taken for its size, and the first unused word.

    One entry for each whole resample that the words suffice for, at most `most`.
    """
    found: list[list[int]] = []
    used = 0
    while len(found) < most:
        word, row = used, []
        for size, count in requests:
            first = bisect_left(taken[size], word) if size > 1 else 0
            row.append(first)
            if size > 1:
                if first + count > len(taken[size]):
                    return _columns(found, len(requests)), used
                word = taken[size][first + count - 1] + 1
        found.append(row)
        used = word
    return _columns(found, len(requests)), used


def _columns(rows: list[list[int]], width: int) -> list[NDArray[np.int64]]:
    return list(np.array(rows, int).reshape(-1, width).T)
