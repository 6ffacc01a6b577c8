"""Four statistics of each variant over all of its runs and tasks (Agarwal et al. 2021)."""

from collections.abc import Mapping
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
from analysis.statistics import interquartile_mean, score_matrices
from analysis.tables import Grid, Table, with_rule

Array = NDArray[np.float64]

STATISTICS = {"iqm": "IQM", "median": "Median", "mean": "Mean", "optimality_gap": "Optimality gap"}  # and their titles


def result(inputs: Inputs) -> Result:
    """The statistics as numbers, figure and table."""
    found = numbers(inputs)
    tasks = captions.counted_tasks(found["tasks"].max())
    shown = plot(inputs, "aggregates", "Aggregate scores", found, inputs.looks, f"the runs of {tasks}")
    return Result("overview", {"aggregates": found}, [shown], [table(found, inputs.scoring)])


@shared
def numbers(inputs: Inputs) -> pd.DataFrame:
    """The statistics of all variants."""
    return aggregates(inputs.normalized, inputs.settings)


def plot(inputs: Inputs, name: str, title: str, aggregates: pd.DataFrame, looks: Mapping[str, Look], over: str) -> Plot:
    """The figure of some variants' statistics with its captions; `over` says over which runs they are."""
    return Plot(
        name, title,
        captions.full(inputs, f"Marks: the statistic over {over}; bars: its interval."),
        captions.brief(inputs, title, f"Bars: {captions.interval(inputs)}"),
        partial(draw, aggregates, looks),
    )  # fmt: skip


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


def table(aggregates: pd.DataFrame, *notes: str) -> Table:
    """A row a variant, a column a statistic, each value with its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, runs, tasks.
        notes: Sentences to stand under the table, as in every function here.
    """
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    grid = Grid(aggregates, "value", ["variant"], "statistic", statistics, ".3f")
    sizes = aggregates.groupby("variant", sort=False)[["runs", "tasks"]].first()
    rows = [
        [*row, str(runs), str(tasks)] for row, runs, tasks in zip(grid.rows, sizes["runs"], sizes["tasks"], strict=True)
    ]
    columns = ["variant", *(STATISTICS[name] for name in statistics), "runs per task", "tasks"]
    bold = grid.bold(["statistic"], aggregates["statistic"] == "optimality_gap")
    noted = with_rule(notes, bold, "in each column the highest value (of optimality gaps the lowest)")
    return Table("Aggregate scores (normalised)", noted, columns, rows, bold=bold)


@styled
def draw(aggregates: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """The four statistics, a panel each: a mark for the value and a bar for its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, as `aggregates` gives them.
        looks: Variant -> look, from top to bottom.
    """
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    figure, names = rows(aggregates, looks, TWO)
    axes = figure.subplots(1, len(statistics), sharey=True, squeeze=False)[0]
    for axis, statistic in zip(axes, statistics, strict=True):
        marks(axis, aggregates[aggregates["statistic"] == statistic], looks, names)
        axis.set_title(STATISTICS.get(statistic, statistic))
        axis.margins(x=0.12)
        panels.ticks(axis, "x")
    return panels.finish(figure, [], "Normalised score")
