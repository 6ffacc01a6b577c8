"""Four statistics of each variant over all its runs and tasks (Agarwal et al. 2021)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap
from analysis.figures import panels
from analysis.figures.marks import marks, rows
from analysis.figures.style import TWO, Look, styled
from analysis.inputs import Inputs, shared
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.settings import AnalysisSettings
from analysis.statistics import interquartile_mean, per_task, strata
from analysis.tables import Grid, Table, with_rule
from common.text import counted

Array = NDArray[np.float64]

STATISTICS = {"iqm": "IQM", "median": "Median", "mean": "Mean", "optimality_gap": "Optimality gap"}  # name -> title


def result(inputs: Inputs) -> Result:
    """The statistics as numbers, figure and table."""
    found = numbers(inputs)
    tasks = counted(found["tasks"].max(), "task")
    shown = plot(inputs, "aggregates", "Aggregate scores", found, inputs.looks, f"the runs on {tasks}")
    shown_table = table(found, inputs.scoring, normalized=inputs.settings.normalization != "none")
    return Result("overview", {"aggregates": found}, [shown], [shown_table])


@shared
def numbers(inputs: Inputs) -> pd.DataFrame:
    """The statistics of all variants."""
    return aggregates(inputs.normalized, inputs.settings)


def plot(inputs: Inputs, name: str, title: str, aggregates: pd.DataFrame, looks: Mapping[str, Look], over: str) -> Plot:
    """The figure of some variants' statistics with its captions; `over` names the runs."""
    shows = (
        f"Marks: interquartile mean (IQM), median, mean and optimality gap of the {inputs.settings.score}s of {over}; "
        f"bars: {captions.interval(inputs)}."
    )
    return Plot(
        name, title, shows,
        captions.brief(inputs, title, f"Marks: statistic; bars: {captions.interval(inputs)}"),
        partial(draw, aggregates, looks, inputs.settings.score),
        captions.notes(inputs),
    )  # fmt: skip


def aggregates(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The four statistics of each variant over all its runs and tasks.

    Args:
        finals: One row per run: task, variant, seed, score; normalised, finite.
        settings: `repetitions`, `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, statistic, value, low, high, runs (per task, such as 5 or `3 to 5`), tasks. The bounds are NaN
        with a single run of every task, which cannot be resampled.
    """
    rows = []
    for variant, scores_T in strata(finals):
        function = summary([len(scores) for scores in scores_T])
        values, bounds = bootstrap.interval([scores_T], function, settings)
        for statistic, value, low, high in zip(STATISTICS, values, *bounds, strict=True):
            rows.append((variant, statistic, value, low, high, per_task(scores_T), len(scores_T)))
    return pd.DataFrame(rows, columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"])


def summary(sizes: Sequence[int]) -> Callable[[Array], Array]:
    """The four statistics, for equally many runs per task equal to those of `rliable.metrics`, from one sort.

    They are the 25 % trimmed mean of all scores, the median and mean of the tasks' means, and the mean shortfall of all
    scores from 1. Of unequally many runs, a task with more weighs more in the first and the last.

    Args:
        sizes: The number of runs of each task.

    Returns:
        Maps the scores of the first task's runs, then of the second's, ..., to the statistics.
    """
    sizes_T, middle = np.array(sizes), slice((len(sizes) - 1) // 2, len(sizes) // 2 + 1)
    firsts_T = np.cumsum(sizes_T) - sizes_T

    def function(scores_N: Array) -> Array:
        means_T = np.add.reduceat(scores_N, firsts_T) / sizes_T
        middle_T = np.sort(means_T)[middle]
        gap = 1 - np.minimum(scores_N, 1).sum() / scores_N.size
        mean = means_T.sum() / len(means_T)
        return np.array([interquartile_mean(scores_N), middle_T.sum() / len(middle_T), mean, gap])

    return function


def table(aggregates: pd.DataFrame, *notes: str, normalized: bool = True) -> Table:
    """One row per variant, one column per statistic; each value has its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, runs, tasks.
        notes: Sentences under the table.
        normalized: Whether the scores are normalised.
    """
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    grid = Grid(aggregates, "value", ["variant"], "statistic", statistics, ".3f")
    sizes = aggregates.groupby("variant", sort=False)[["runs", "tasks"]].first()
    rows = [
        [*row, str(runs), str(tasks)] for row, runs, tasks in zip(grid.rows, sizes["runs"], sizes["tasks"], strict=True)
    ]
    columns = ["variant", *(STATISTICS[name] for name in statistics), "runs per task", "tasks"]
    bold = grid.bold(["statistic"], aggregates["statistic"] == "optimality_gap")
    noted = with_rule(notes, bold, "the highest value of each column (the lowest optimality gap)")
    heading = f"Aggregate scores ({'' if normalized else 'not '}normalised)"
    return Table(heading, noted, columns, rows, bold=bold)


@styled
def draw(aggregates: pd.DataFrame, looks: Mapping[str, Look], score: str = "normalised score") -> Figure:
    """One panel per statistic, with a mark for the value and a bar for its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, from `aggregates`.
        looks: Variant -> look, from top to bottom.
        score: What the scores are.
    """
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    figure, names = rows(aggregates, looks, TWO)
    axes = figure.subplots(1, len(statistics), sharey=True, squeeze=False)[0]
    for axis, statistic in zip(axes, statistics, strict=True):
        marks(axis, aggregates[aggregates["statistic"] == statistic], looks, names)
        axis.set_title(STATISTICS.get(statistic, statistic))
        axis.margins(x=0.12)
        panels.ticks(axis, "x")
    return panels.finish(figure, [], score.capitalize())
