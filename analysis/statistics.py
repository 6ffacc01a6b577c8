"""Statistics over seeds and tasks, with intervals that say how far the seeds can be trusted (Agarwal et al. 2021).

Every function reseeds the bootstrap for each group that it resamples: equal input gives equal numbers, and another
variant or task in the table does not move the intervals of the rest.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rliable import library, metrics

from analysis.settings import AnalysisSettings

Array = NDArray[np.float64]

PAIR = ("task", "variant")
STATISTICS = {
    "iqm": metrics.aggregate_iqm,
    "median": metrics.aggregate_median,
    "mean": metrics.aggregate_mean,
    "optimality_gap": metrics.aggregate_optimality_gap,
}
BAND_REPETITIONS = 2000  # enough for a drawn band, which has a few hundred intervals and not one


def aggregates(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The four statistics of each variant over all of its runs and tasks.

    Args:
        finals: One row a run: task, variant, seed, score; normalised, finite.
        settings: `repetitions`, `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, statistic, value, low, high, runs (per task), tasks. The bounds are NaN for a single run a task,
        which has no spread to resample.
    """
    tasks = compared_tasks(finals)
    rows = []
    for variant, runs in finals.groupby("variant", sort=False):
        scores_RT = score_matrix(runs, tasks or sorted(set(runs["task"])))
        values, bounds = _interval(scores_RT, settings)
        for statistic, value, low, high in zip(STATISTICS, values, *bounds, strict=True):
            rows.append((variant, statistic, value, low, high, *scores_RT.shape))
    return pd.DataFrame(rows, columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"])


def compared_tasks(finals: pd.DataFrame) -> list[str]:
    """The tasks that every variant has a score on, sorted: averages over other tasks could not be compared."""
    return sorted(set.intersection(*(set(runs["task"]) for _, runs in finals.groupby("variant"))))


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
    rows = []
    for name, runs in finals.groupby([*by], sort=False):
        scores_R1 = runs.sort_values("seed")["score"].to_numpy(float)[:, None]
        low, high = mean_interval(scores_R1, settings)
        rows.append((*name, scores_R1.mean(), low[0], high[0], len(scores_R1)))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "seeds"])


def curves(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = PAIR) -> pd.DataFrame:
    """The mean return over seeds against environment steps, with its interval at each step.

    A run's return between two of its evaluations is taken from the line through them, so that seeds which were
    evaluated at different steps can be averaged; half an evaluation interval beyond its ends, a run no longer counts.

    Args:
        table: Evaluations: task, variant, seed, step, score; finite, sorted by step.
        settings: `confidence` and `seed` of the bootstrap.
        by: The columns that name what has one curve: task and variant, and what else tells scores apart.

    Returns:
        Rows of the columns `by`, step, mean, low, high, seeds (that the point rests on).
    """
    settings = settings.model_copy(update={"repetitions": min(settings.repetitions, BAND_REPETITIONS)})
    frames = []
    for name, runs in table.groupby([*by], sort=False):
        grid_S = np.unique(runs["step"].to_numpy(float))
        returns_RS = np.stack([_resample(run, grid_S) for _, run in runs.groupby("seed")])
        low_S, high_S = np.full((2, len(grid_S)), np.nan)
        present_RS = ~np.isnan(returns_RS)
        for pattern_R in np.unique(present_RS, axis=1).T:  # steps that rest on the same seeds
            steps_S = (present_RS == pattern_R[:, None]).all(axis=0)
            low_S[steps_S], high_S[steps_S] = mean_interval(returns_RS[np.ix_(pattern_R, steps_S)], settings)
        columns = {"step": grid_S, "mean": np.nanmean(returns_RS, axis=0), "low": low_S, "high": high_S}
        named = dict(zip(by, name, strict=True))
        frames.append(pd.DataFrame({**named, **columns, "seeds": present_RS.sum(axis=0)}))
    return pd.concat(frames, ignore_index=True)


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
    if runs == 1:
        return np.full(points, np.nan), np.full(points, np.nan)
    counts_BR = _resamples(runs, settings.repetitions, settings.seed)
    tail = (1 - settings.confidence) / 2
    low_P, high_P = np.quantile(counts_BR @ values_RP / runs, [tail, 1 - tail], axis=0)
    return low_P, high_P


@lru_cache(maxsize=2)  # most groups have equally many runs, and drawing takes longer than the rest of the bootstrap
def _resamples(runs: int, repetitions: int, seed: int) -> NDArray[np.int64]:
    """How often each of the runs appears in each resample: repetitions x runs."""
    return np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), repetitions)


def _resample(run: pd.DataFrame, grid_S: Array) -> Array:
    """One run's returns at the given steps, NaN where it does not reach."""
    steps, scores = run["step"].to_numpy(float), run["score"].to_numpy(float)
    margin = np.median(np.diff(steps)) / 2 if len(steps) > 1 else 0.0
    inside_S = (grid_S >= steps[0] - margin) & (grid_S <= steps[-1] + margin)
    return np.where(inside_S, np.interp(grid_S, steps, scores), np.nan)


def _interval(scores_RT: Array, settings: AnalysisSettings) -> tuple[Array, Array]:
    """All four statistics and their bounds (2 x 4) from one bootstrap, which is what takes the time."""

    def statistics(scores: Array) -> Array:
        return np.array([statistic(scores) for statistic in STATISTICS.values()])

    if len(scores_RT) == 1:
        return statistics(scores_RT), np.full((2, len(STATISTICS)), np.nan)
    with _global_seed(settings.seed):
        values, bounds = library.get_interval_estimates(
            {"": scores_RT}, statistics, reps=settings.repetitions, confidence_interval_size=settings.confidence
        )
    return values[""], bounds[""]


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seeds numpy's global generator for a while: rliable 1.2.0 draws from it, whatever its `random_state`."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
