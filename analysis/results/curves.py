"""Learning curves: the mean return over seeds in the course of training, with a band."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap, series
from analysis.errors import AnalysisError
from analysis.figures import panels
from analysis.figures.lines import X_TITLES, lines
from analysis.figures.style import Look, handle, styled, titled
from analysis.inputs import Inputs, shared
from analysis.published import Published
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.series import Series
from analysis.settings import AnalysisSettings
from analysis.statistics import PAIR, mean_interval

Array = NDArray[np.float64]
Axis = Literal["steps", "hours"]

POINTS = 200  # of a curve at most: more than a panel has room for


def result(inputs: Inputs) -> Result:
    """The curves against what the settings say, and where runs know their hours, against these."""
    settings = inputs.settings
    shown = [plot(inputs, "curves", "Learning curves", numbers(inputs), inputs.looks, settings.x)]
    if settings.x == "steps":
        hours = curves(inputs.evaluations, settings.model_copy(update={"x": "hours", "bin": None}))
        if hours["hours"].nunique() > 1:
            shown.append(plot(inputs, "curves_hours", "Learning curves against time", hours, inputs.looks, "hours"))
    return Result("tasks", plots=shown)


@shared
def numbers(inputs: Inputs) -> pd.DataFrame:
    """The curves of all variants.

    Raises:
        AnalysisError: They are to be drawn against hours, and no run knows them.
    """
    found = curves(inputs.evaluations, inputs.settings)
    if found.empty:
        raise AnalysisError(
            f"{inputs.scores.source}: no run knows its hours of training: draw against steps, by --x steps"
        )
    return found


def plot(inputs: Inputs, name: str, title: str, curves: pd.DataFrame, looks: Mapping[str, Look], x: Axis) -> Plot:
    """The figure of some variants' curves, with its captions."""
    settings = inputs.settings
    shows = f"Lines: mean over seeds; dotted: fewer than n seeds. {describe(settings)}"
    band = {
        "interval": f", bands: {captions.interval(inputs)}", "std": ", bands: ± standard deviation",
        "range": ", bands: lowest to highest seed", "none": "",
    }[settings.band]  # fmt: skip
    axis: Literal["step", "hours"] = "step" if x == "steps" else "hours"
    return Plot(
        name, title, captions.full(inputs, shows), captions.brief(inputs, title, f"Lines: mean over seeds{band}"),
        partial(draw, curves, looks, inputs.published, axis, settings.columns, settings.quantity),
    )  # fmt: skip


def curves(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = PAIR) -> pd.DataFrame:
    """The mean return over seeds in the course of training, with a band.

    A run's return between two of its evaluations is taken from the line through them, so that seeds which were
    evaluated at different steps can be averaged; half an evaluation interval beyond its ends, a run no longer counts.
    In bins (`series.binned`) a seed counts only where it has evaluations. A curve has at most 200 points: of more
    distinct steps those that are nearest to 200 evenly spaced ones. `describe` says so to a reader.

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


def describe(settings: AnalysisSettings) -> str:
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


@styled
def draw(
    curves: pd.DataFrame,
    looks: Mapping[str, Look],
    published: Sequence[Published] = (),
    x: Literal["step", "hours"] = "step",
    columns: int | None = None,
    quantity: str = "return",
) -> Figure:
    """Return over training, a panel a task, with bands and the number of seeds; dotted where seeds are missing.

    Args:
        curves: Rows task, variant, mean, low, high, seeds and the column `x`, as `curves` gives them.
        looks: Variant -> look, in the order of the legend.
        published: Methods whose scores are drawn as horizontal lines on the tasks that they have.
        x: The column to draw against.
        columns: Panels in a row; by default a good number.
        quantity: What is measured, in words or by its name in the logs.
    """
    handles = [handle(name, look) for name, look in looks.items() if name in set(curves["variant"])]

    def draw(axis: Axes, panel: pd.DataFrame) -> None:
        lines(axis, panel, looks, x)
        panels.from_zero(axis)
        panels.headroom(axis)
        panels.seeds(axis, panel.groupby("variant")["seeds"].max(), "left")

    return panels.by_task(curves, handles, published, columns, (X_TITLES[x], titled(quantity)), draw)


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
