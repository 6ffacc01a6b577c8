"""Sample efficiency: the interquartile mean over runs and tasks during training (Agarwal et al. 2021)."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap, scoring, series
from analysis.figures import panels
from analysis.figures.lines import lines
from analysis.figures.style import Look, handle, styled
from analysis.inputs import Inputs
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.scores import ENVIRONMENT_STEPS
from analysis.series import Series
from analysis.settings import AnalysisSettings
from analysis.statistics import compared_tasks, interquartile_mean, per_task

Array = NDArray[np.float64]

COLUMNS = ["variant", "step", "value", "low", "high", "runs", "tasks", "missing", "without"]
POINTS = 50
TITLE = "Sample efficiency"


def result(inputs: Inputs) -> Result:
    """The interquartile mean against steps as numbers and figure."""
    found = efficiency(scoring.normalize(inputs.evaluations, inputs.settings), inputs.settings)
    shows = (
        f"Lines: interquartile mean (IQM) of the {inputs.settings.score}s over runs and common tasks, at up to 50 "
        f"steps; dotted where runs are missing{_missing(found)}; bands: {captions.interval(inputs)}."
    )
    shown = Plot(
        "efficiency", TITLE, shows,
        captions.brief(inputs, TITLE, f"Lines: IQM over runs and tasks; bands: {captions.interval(inputs)}"),
        partial(draw, found, inputs.looks, inputs.settings.score, inputs.scores.unit),
        captions.notes(inputs),
    )  # fmt: skip
    return Result("overview", {"efficiency": found}, [shown])


def efficiency(table: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The interquartile mean of each variant's returns at each step, with its interval.

    Tasks are those that all variants have, or a variant's own tasks if there are none. Of the steps at which any run
    was evaluated, those nearest to 50 evenly spaced ones are shown. Between two evaluations, a run's return is
    interpolated linearly. A run counts up to half an evaluation interval beyond its first and last evaluation, and at
    each step the runs that there are count, resampled within each task.

    Args:
        table: Evaluations: task, variant, seed, step, score; normalised, finite.
        settings: `repetitions` (at most 2,000 are used), `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, step, value, low, high, runs (per task, such as 5 or `3 to 5`), tasks (that have a run at the
        step), missing (number of the variant's runs that do not reach the step), without (names of its tasks without
        a run there). The bounds are NaN with a single run of every task.
    """
    tasks = compared_tasks(table)
    runs: dict[str, dict[str, list[Series]]] = {}
    for (variant, task), of_task in series.groups(table, ["variant", "task"]):
        runs.setdefault(variant, {})[task] = of_task
    settings = bootstrap.for_bands(settings)
    frames = []
    for variant, of_variant in runs.items():
        curve = _curve({task: of_variant[task] for task in tasks or sorted(of_variant)}, settings)
        frames.append(curve.assign(variant=variant)[COLUMNS])
    return pd.concat(frames, ignore_index=True)


def _curve(runs_of: Mapping[str, Sequence[Series]], settings: AnalysisSettings) -> pd.DataFrame:
    """The rows of one variant, from the runs of each task."""
    runs = [run for of_task in runs_of.values() for run in of_task]
    task_N = np.repeat(np.arange(len(runs_of)), [len(of_task) for of_task in runs_of.values()])
    steps_S = series.thinned(np.concatenate([run.places for run in runs]), POINTS)
    scores_SN = np.stack([series.resampled(run, steps_S) for run in runs], axis=1)
    present_SN = ~np.isnan(scores_SN)
    parts = []
    for pattern_N in np.unique(present_SN, axis=0):  # steps with the same runs
        if not pattern_N.any():  # a gap between runs that were evaluated at different times
            continue
        at_S = (present_SN == pattern_N).all(axis=1)
        strata = [np.flatnonzero(pattern_N & (task_N == task)) for task in np.unique(task_N[pattern_N])]
        value, (low, high) = _interval(scores_SN[at_S], strata, settings)
        without = [name for task, name in enumerate(runs_of) if not pattern_N[task_N == task].any()]
        columns = {"step": steps_S[at_S], "value": value, "low": low, "high": high, "runs": per_task(strata)}
        columns |= {"tasks": len(strata), "missing": np.sum(~pattern_N), "without": ", ".join(without)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts).sort_values("step")


def _interval(scores_SN: Array, strata: Sequence[NDArray[np.int64]], settings: AnalysisSettings) -> tuple[Array, Array]:
    """The statistic and its bounds (2 x steps), at each step equal to rliable's bootstrap of that step.

    rliable resamples the indices of runs, so that one resample serves all steps.
    """

    def function(runs_N: NDArray[np.int64]) -> Array:
        return interquartile_mean(scores_SN.take(runs_N, axis=1))

    return bootstrap.interval([strata], function, settings)


def _missing(efficiency: pd.DataFrame) -> str:
    """The number of runs at the last step, for variants where some are missing; empty if none are."""
    last = efficiency.groupby("variant", sort=False)[["step", "missing"]].last()
    parts = [
        f"{variant}: {missing} of its runs do not reach {step:,.0f} steps"
        for variant, missing, step in zip(last.index, last["missing"], last["step"], strict=True)
        if missing
    ]
    return f" ({'; '.join(parts)})" if parts else ""


@styled
def draw(
    efficiency: pd.DataFrame,
    looks: Mapping[str, Look],
    score: str = "normalised score",
    unit: str = ENVIRONMENT_STEPS,
) -> Figure:
    """The interquartile mean of scores over all tasks against steps, with bands.

    It is dotted where runs are missing.

    Args:
        efficiency: Rows variant, step, value, low, high, missing.
        looks: Variant -> look, in the order of the legend.
        score: What the scores are.
        unit: What the steps count.
    """
    handles = [handle(name, look) for name, look in looks.items() if name in set(efficiency["variant"])]
    figure, [axis] = panels.grid(1, None, len(handles))
    curves = efficiency.rename(columns={"value": "mean"}).assign(seeds=-efficiency["missing"])
    lines(axis, curves, looks, "step")
    panels.from_zero(axis)
    return panels.finish(figure, handles, unit.capitalize(), f"IQM of {score}s")
