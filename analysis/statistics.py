"""Statistics over seeds and tasks, with intervals that say how far the seeds can be trusted (Agarwal et al. 2021).

Every function reseeds the bootstrap for each group that it resamples: equal input gives equal numbers, and another
variant or task in the table does not move the intervals of the rest.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import bootstrap, series
from analysis.series import Series
from analysis.settings import AnalysisSettings

Array = NDArray[np.float64]

PAIR = ("task", "variant")
STATISTICS = ("iqm", "median", "mean", "optimality_gap")
POINTS = 200  # of a curve at most: more than a panel has room for
RESAMPLED = 2**20  # means that are held at once


def aggregates(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The four statistics of each variant over all of its runs and tasks.

    Args:
        finals: One row a run: task, variant, seed, score; normalised, finite.
        settings: `repetitions`, `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, statistic, value, low, high, runs (per task), tasks. The bounds are NaN for a single run a task,
        which has no spread to resample.
    """
    rows = []
    for variant, scores_RT in score_matrices(finals):
        values, bounds = bootstrap.interval([scores_RT], summary, settings)
        for statistic, value, low, high in zip(STATISTICS, values, *bounds, strict=True):
            rows.append((variant, statistic, value, low, high, *scores_RT.shape))
    return pd.DataFrame(rows, columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"])


def summary(scores_RT: Array) -> Array:
    """The four statistics, equal to `rliable.metrics` but from one sort and one mean by task.

    They are the 25 % trimmed mean of all scores, the median and mean of the tasks' means, and the mean distance to 1
    from below.
    """
    means_T = scores_RT.sum(axis=0) / len(scores_RT)
    middle_T = np.sort(means_T)[(len(means_T) - 1) // 2 : len(means_T) // 2 + 1]
    gap = 1 - np.minimum(scores_RT, 1).sum() / scores_RT.size
    return np.array([interquartile_mean(scores_RT.ravel()), middle_T.sum() / len(middle_T), means_T.mean(), gap])


def interquartile_mean(scores: Array) -> Array:
    """The mean along the last axis without the lowest and the highest quarter, rounded down, of the scores."""
    cut = scores.shape[-1] // 4
    kept = np.sort(scores, axis=-1)[..., cut : scores.shape[-1] - cut]
    return kept.sum(axis=-1) / kept.shape[-1]


def compared_tasks(finals: pd.DataFrame) -> list[str]:
    """The tasks that every variant has a score on, sorted: averages over other tasks could not be compared."""
    return sorted(set.intersection(*(set(runs["task"]) for _, runs in finals.groupby("variant"))))


def score_matrices(finals: pd.DataFrame) -> Iterator[tuple[str, Array]]:
    """Each variant's scores on the compared tasks, or on its own where there are none that all variants have.

    Args:
        finals: One row a run: task, variant, seed, score.
    """
    tasks = compared_tasks(finals)
    for variant, runs in finals.groupby("variant", sort=False):
        yield str(variant), score_matrix(runs, tasks or sorted(set(runs["task"])))


def score_matrix(runs: pd.DataFrame, tasks: Sequence[str]) -> Array:
    """One variant's scores as rliable wants them: runs x tasks.

    Where tasks have unequal numbers of seeds, each gives its lowest seeds, as many as the poorest task has.

    Args:
        runs: One row a run of one variant: task, seed, score.
        tasks: The columns.
    """
    by_task = [runs[runs["task"] == task].sort_values("seed")["score"].to_numpy(float) for task in tasks]
    fewest = min(map(len, by_task))
    return np.stack([scores[:fewest] for scores in by_task], axis=1)


def task_means(finals: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = PAIR) -> pd.DataFrame:
    """The mean over seeds of each task and variant, with its interval.

    Args:
        finals: One row a run: task, variant, seed, score; finite.
        settings: `repetitions`, `confidence` and `seed` of the bootstrap.
        by: The columns that name what has one mean: task and variant, and what else tells scores apart.

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


def curves(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = PAIR) -> pd.DataFrame:
    """The mean return over seeds in the course of training, with a band.

    A run's return between two of its evaluations is taken from the line through them, so that seeds which were
    evaluated at different steps can be averaged; half an evaluation interval beyond its ends, a run no longer counts.
    In bins (`series.binned`) a seed counts only where it has evaluations. A curve has at most 200 points: of more
    distinct steps those that are nearest to 200 evenly spaced ones. `describe_curves` says so to a reader.

    Args:
        table: Evaluations: task, variant, seed, step, score; finite; and hours for `x: hours` or bins.
        settings: `x`, `bin` and `band`; `confidence` and `seed` of the bootstrap. Against hours, runs that know none
            are left out, and a bin stands at the mean of its hours.
        by: The columns that name what has one curve: task and variant, and what else tells scores apart.

    Returns:
        Rows of the columns `by`, step (or hours, for `x: hours`), mean, low, high, seeds (that the point rests on).
        The bounds are NaN for a single seed and for `band: none`.
    """
    x = "hours" if settings.x == "hours" else "step"
    table = table[table[x].notna()]
    if settings.bin is not None:
        table = series.binned(table, settings.bin, by)
    alone = settings.bin is not None and x == "step"
    names, columns = [], []
    for name, runs in series.groups(table, by, x):
        grid_S = series.thinned(np.concatenate([run.places for run in runs]), POINTS)
        returns_RS = np.stack([_resample(run, grid_S, alone) for run in runs])
        seeds_S = (~np.isnan(returns_RS)).sum(axis=0)
        names += [name] * len(grid_S)
        columns.append(np.stack([grid_S, np.nanmean(returns_RS, axis=0), *_band(returns_RS, settings), seeds_S]))
    points = np.concatenate(columns, axis=1).T if columns else np.empty((0, 5))
    found = pd.DataFrame(points, columns=[x, "mean", "low", "high", "seeds"]).astype({"seeds": int})
    return pd.concat([pd.DataFrame(names, columns=[*by]), found], axis=1)


def describe_curves(settings: AnalysisSettings) -> str:
    """What a point of a curve is and what its band shows, for captions."""
    if settings.bin is None:
        values = (
            "Between evaluations a run's return is interpolated; "
            f"a curve has at most {POINTS} points, spaced as evenly as the evaluations allow."
        )
    else:
        values = (
            f"Returns are means of a run's evaluations in bins of {settings.bin:,.10g} environment steps; "
            f"of more than {POINTS} bins so many are shown, evenly spaced."
        )
    repetitions = bootstrap.for_bands(settings).repetitions
    band = {
        "interval": f"{100 * settings.confidence:g} % bootstrap interval of the mean, {repetitions:,} repetitions",
        "std": "mean ± standard deviation over seeds (of the population: divided by n, not n - 1)",
        "range": "lowest to highest seed",
        "none": "",
    }[settings.band]
    return f"{values} Bands: {band}." if band else values


def mean_interval(values_RP: Array, settings: AnalysisSettings) -> tuple[Array, Array]:
    """Percentile bootstrap interval of the mean over runs, for many points at once.

    Drawing R runs with replacement is drawing how often each appears, so all resampled means are one product.

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
    """The quantile along the last axis, as numpy interpolates it, of values that are sorted already."""
    place = share * (sorted_PB.shape[1] - 1)
    below = int(place)
    above = min(below + 1, sorted_PB.shape[1] - 1)
    return sorted_PB[:, below] + (place - below) * (sorted_PB[:, above] - sorted_PB[:, below])


@lru_cache(maxsize=8)  # most groups have equally many runs, and drawing takes longer than the rest of the bootstrap
def _resamples(runs: int, repetitions: int, seed: int) -> Array:
    """The share of each of the runs in each resample: runs x repetitions."""
    counts_BR = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), repetitions)
    return np.ascontiguousarray(counts_BR.T / runs)


def _resample(run: Series, grid_S: Array, alone: bool) -> Array:
    """One run's returns at the given places, NaN where it does not reach, or, `alone`, where it was not evaluated."""
    if alone:
        inside_S = np.isin(grid_S, run.places)
    else:
        margin = np.median(np.diff(run.places)) / 2 if len(run.places) > 1 else 0.0
        inside_S = (grid_S >= run.places[0] - margin) & (grid_S <= run.places[-1] + margin)
    return np.where(inside_S, np.interp(grid_S, *run), np.nan)


def _band(returns_RS: Array, settings: AnalysisSettings) -> tuple[Array, Array]:
    """The ends of the band at each point; NaN where a single run, or none, has a return."""
    present_RS = ~np.isnan(returns_RS)
    low_S, high_S = np.full((2, returns_RS.shape[1]), np.nan)
    if settings.band == "interval":
        for pattern_R in np.unique(present_RS, axis=1).T:  # points that rest on the same runs
            points_S = (present_RS == pattern_R[:, None]).all(axis=0)
            bounds = mean_interval(returns_RS[np.ix_(pattern_R, points_S)], bootstrap.for_bands(settings))
            low_S[points_S], high_S[points_S] = bounds
    elif settings.band != "none":
        many_S = present_RS.sum(axis=0) > 1
        returns_RS = returns_RS[:, many_S]
        mean, spread = np.nanmean(returns_RS, axis=0), np.nanstd(returns_RS, axis=0)
        is_std = settings.band == "std"
        low_S[many_S] = mean - spread if is_std else np.nanmin(returns_RS, axis=0)
        high_S[many_S] = mean + spread if is_std else np.nanmax(returns_RS, axis=0)
    return low_S, high_S
