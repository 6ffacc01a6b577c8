"""Statistics over seeds and tasks with bootstrap intervals (Agarwal et al. 2021).

The bootstrap is reseeded for each group: equal input gives equal numbers, and the interval of a variant or task does
not depend on other variants or tasks.
"""

from collections.abc import Iterator, Sequence, Sized
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.settings import AnalysisSettings

Array = NDArray[np.float64]

PAIR = ("task", "variant")
RESAMPLED = 2**20  # resampled means in memory at once


def interquartile_mean(scores: Array) -> Array:
    """The mean along the last axis without the lowest and highest quarter of the scores; a quarter is rounded down."""
    cut = scores.shape[-1] // 4
    kept = np.sort(scores, axis=-1)[..., cut : scores.shape[-1] - cut]
    return kept.sum(axis=-1) / kept.shape[-1]


def compared_tasks(finals: pd.DataFrame) -> list[str]:
    """The tasks on which every variant has a score, sorted; averages over other tasks are not comparable."""
    return sorted(set.intersection(*(set(runs["task"]) for _, runs in finals.groupby("variant"))))


def strata(finals: pd.DataFrame) -> Iterator[tuple[str, list[Array]]]:
    """Each variant's scores by task, on the tasks that all variants have, or on its own tasks if there are none.

    Args:
        finals: One row per run: task, variant, seed, score.
    """
    tasks = compared_tasks(finals)
    for variant, runs in finals.groupby("variant", sort=False):
        yield str(variant), by_task(runs, tasks or sorted(set(runs["task"])))


def by_task(runs: pd.DataFrame, tasks: Sequence[str]) -> list[Array]:
    """One variant's scores on each of the tasks, in the order of seeds.

    Args:
        runs: One row per run of one variant: task, seed, score.
        tasks: The tasks.
    """
    scores_of = {task: group.to_numpy(float) for task, group in runs.sort_values("seed").groupby("task")["score"]}
    return [scores_of[task] for task in tasks]


def per_task(scores_T: Sequence[Sized]) -> int | str:
    """The number of runs per task: one number, or text such as `3 to 5`."""
    fewest, most = min(map(len, scores_T)), max(map(len, scores_T))
    return fewest if fewest == most else f"{fewest} to {most}"


def task_means(finals: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = PAIR) -> pd.DataFrame:
    """The mean over seeds of each task and variant, with its interval.

    Args:
        finals: One row per run: task, variant, seed, score; finite.
        settings: `repetitions`, `confidence` and `seed` of the bootstrap.
        by: The columns that name the group of one mean: task, variant, and others if any.

    Returns:
        Rows of the columns `by`, mean, low, high, seeds.
    """
    place = finals.groupby([*by], sort=False).ngroup()
    scores_N = finals["score"].to_numpy(float)[np.lexsort((finals["seed"], place))]
    seeds_P = np.bincount(place)
    mean_P, low_P, high_P = np.empty((3, len(seeds_P)))
    for seeds in np.unique(seeds_P):
        alike_P = seeds_P == seeds
        scores_RP = scores_N[np.repeat(alike_P, seeds_P)].reshape(-1, seeds).T
        mean_P[alike_P] = scores_RP.mean(axis=0)
        low_P[alike_P], high_P[alike_P] = mean_interval(scores_RP, settings)
    names = finals[[*by]].drop_duplicates(ignore_index=True)
    return names.assign(mean=mean_P, low=low_P, high=high_P, seeds=seeds_P)


def mean_interval(values_RP: Array, settings: AnalysisSettings) -> tuple[Array, Array]:
    """Percentile bootstrap intervals of the mean over runs, for many points at once.

    A resample of R runs is a vector of how often each run appears, so all resampled means are one matrix product.

    Args:
        values_RP: Runs x points.
        settings: `repetitions`, `confidence` and `seed`.

    Returns:
        The lower and the upper bounds of the points; NaN for a single run.
    """
    runs, points = values_RP.shape
    low_P, high_P = np.full((2, points), np.nan)
    if runs == 1:
        return low_P, high_P
    shares_RB = _resamples(runs, settings.repetitions, settings.seed)
    tail = (1 - settings.confidence) / 2
    size = max(1, RESAMPLED // settings.repetitions)
    for start in range(0, points, size):
        part = slice(start, start + size)
        means_PB = np.sort(values_RP[:, part].T @ shares_RB, axis=1)
        low_P[part], high_P[part] = _quantile(means_PB, tail), _quantile(means_PB, 1 - tail)
    return low_P, high_P


def _quantile(sorted_PB: Array, share: float) -> Array:
    """The quantile along the last axis of sorted values, interpolated as in numpy."""
    place = share * (sorted_PB.shape[1] - 1)
    below = int(place)
    above = min(below + 1, sorted_PB.shape[1] - 1)
    return sorted_PB[:, below] + (place - below) * (sorted_PB[:, above] - sorted_PB[:, below])


@lru_cache(maxsize=8)  # most groups have the same number of runs, and sampling is the slowest part of the bootstrap
def _resamples(runs: int, repetitions: int, seed: int) -> Array:
    """The share of each of the runs in each resample: runs x repetitions."""
    counts_BR = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), repetitions)
    return np.ascontiguousarray(counts_BR.T / runs)
