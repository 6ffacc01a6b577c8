"""Sample efficiency: the interquartile mean over runs and tasks during training (Agarwal et al. 2021)."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap, scoring, series
from analysis.figures import panels
from analysis.figures.lines import X_TITLES, lines
from analysis.figures.style import Look, handle, styled
from analysis.inputs import Inputs
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.series import Series
from analysis.settings import AnalysisSettings
from analysis.statistics import compared_tasks, interquartile_mean

Array = NDArray[np.float64]

COLUMNS = ["variant", "step", "value", "low", "high", "runs", "tasks"]
POINTS = 50
TITLE = "Sample efficiency"


def result(inputs: Inputs) -> Result | None:
    """The interquartile mean against steps as numbers and figure; None if the runs share no steps."""
    found = efficiency(scoring.normalize(inputs.evaluations, inputs.settings), inputs.settings)
    if found.empty:
        return None
    shows = (
        "Lines: interquartile mean (IQM) of the normalised returns over runs and common tasks, at up to 50 steps that "
        f"all runs of a variant reach; bands: {captions.interval(inputs)}."
    )
    shown = Plot(
        "efficiency", TITLE, shows,
        captions.brief(inputs, TITLE, f"Lines: IQM over runs and tasks; bands: {captions.interval(inputs)}"),
        partial(draw, found, inputs.looks),
        captions.notes(inputs),
    )  # fmt: skip
    return Result("overview", {"efficiency": found}, [shown])


def efficiency(table: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The interquartile mean of each variant's returns at each step, with its interval.

    Tasks are those that all variants have, or a variant's own tasks if there are none. If tasks differ in their number
    of seeds, each gives its lowest seeds, as many as the task with the fewest has. The steps are in the range that all
    these runs cover: of the steps at which any run was evaluated, those nearest to 50 evenly spaced ones. Between two
    evaluations, a run's return is interpolated linearly. A variant whose runs share no step is left out.

    Args:
        table: Evaluations: task, variant, seed, step, score; normalised, finite.
        settings: `repetitions` (at most 2,000 are used), `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, step, value, low, high, runs (per task), tasks. The bounds are NaN with a single run per task.
    """
    tasks = compared_tasks(table)
    runs: dict[str, dict[str, list[Series]]] = {}
    for (variant, task), of_task in series.groups(table, ["variant", "task"]):
        runs.setdefault(variant, {})[task] = of_task
    settings = bootstrap.for_bands(settings)
    frames = []
    for variant, of_variant in runs.items():
        scores_STR, steps_S = _resampled([of_variant[task] for task in tasks or sorted(of_variant)])
        if len(steps_S):
            value_S, (low_S, high_S) = _interval(scores_STR, settings)
            _, task_count, run_count = scores_STR.shape
            columns = [variant, steps_S, value_S, low_S, high_S, run_count, task_count]
            frames.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def _resampled(runs_T: list[list[Series]]) -> tuple[Array, Array]:
    """The returns of equally many runs per task at steps that all of them reach: steps x tasks x runs."""
    fewest = min(map(len, runs_T))
    used = [run for runs in runs_T for run in runs[:fewest]]
    steps_N = np.concatenate([run.places for run in used])
    start, end = max(run.places[0] for run in used), min(run.places[-1] for run in used)
    steps_S = series.thinned(steps_N[(steps_N >= start) & (steps_N <= end)], POINTS)
    scores = np.stack([np.interp(steps_S, *run) for run in used], axis=1)
    return scores.reshape(len(steps_S), len(runs_T), fewest), steps_S


def _interval(scores_STR: Array, settings: AnalysisSettings) -> tuple[Array, Array]:
    """The statistic and its bounds (2 x steps), at each step equal to rliable's bootstrap of that step.

    rliable resamples the indices of runs, so that one resample serves all steps.
    """
    _, tasks, runs = scores_STR.shape
    scores_SP = scores_STR.reshape(len(scores_STR), -1)
    first_T = np.arange(tasks) * runs  # the place of each task's first run

    def function(numbers_RT: NDArray[np.int64]) -> Array:
        return interquartile_mean(scores_SP.take((numbers_RT + first_T).ravel(), axis=1))

    return bootstrap.interval([np.tile(np.arange(runs)[:, None], tasks)], function, settings)


@styled
def draw(efficiency: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """The interquartile mean of normalised scores over all tasks against environment steps, with bands.

    Args:
        efficiency: Rows variant, step, value, low, high.
        looks: Variant -> look, in the order of the legend.
    """
    handles = [handle(name, look) for name, look in looks.items() if name in set(efficiency["variant"])]
    figure, [axis] = panels.grid(1, None, len(handles))
    lines(axis, efficiency.rename(columns={"value": "mean"}), looks, "step")
    panels.from_zero(axis)
    return panels.finish(figure, handles, X_TITLES["step"], "IQM of normalised scores")
