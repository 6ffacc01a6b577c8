"""Learning curves: the mean return over seeds during training, with a band."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap, scoring, series
from analysis.figures import panels
from analysis.figures.lines import HOURS, lines
from analysis.figures.style import Look, handle, styled, titled
from analysis.inputs import Inputs, shared
from analysis.published import Published
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.scores import ENVIRONMENT_STEPS
from analysis.series import Series
from analysis.settings import AnalysisSettings
from analysis.statistics import PAIR, mean_interval
from common.errors import UserError

Array = NDArray[np.float64]
Axis = Literal["steps", "hours"]

POINTS = 200  # most points of a curve; a panel cannot show more


def result(inputs: Inputs) -> Result:
    """The curves against the x axis of the settings and, if runs logged hours, also against hours."""
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
        UserError: The x axis is hours, and no run logged them.
    """
    found = curves(inputs.evaluations, inputs.settings)
    if found.empty:
        raise UserError(f"{inputs.scores.source}: no run has logged its hours of training: use --x steps")
    return found


def plot(inputs: Inputs, name: str, title: str, curves: pd.DataFrame, looks: Mapping[str, Look], x: Axis) -> Plot:
    """The figure of some variants' curves, with its captions."""
    settings = inputs.settings
    grey = f" Grey lines: {captions.published(inputs)}" if inputs.published else ""
    shows = (
        f"Lines: mean {settings.quantity} over n seeds, not normalised; dotted: fewer than n seeds.{grey} "
        f"{describe(settings, captions.interval(inputs))}"
    )
    band = {
        "interval": f"; bands: {captions.interval(inputs)}", "std": "; bands: ± standard deviation over seeds",
        "range": "; bands: lowest to highest seed", "none": "",
    }[settings.band]  # fmt: skip
    axis: Literal["step", "hours"] = "step" if x == "steps" else "hours"
    return Plot(
        name, title, shows,
        captions.brief(inputs, title, f"Lines: mean over seeds{band}"),
        partial(draw, curves, looks, inputs.published, axis, settings.columns, settings.quantity, inputs.scores.unit),
        captions.notes(inputs, scoring.intervals(settings, inputs.finals)),
    )  # fmt: skip


def curves(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = PAIR) -> pd.DataFrame:
    """The mean return over seeds during training, with a band.

    Between two evaluations, a run's return is interpolated linearly, so that seeds evaluated at different steps can be
    averaged. A run counts up to half an evaluation interval beyond its first and last evaluation. In bins
    (`series.binned`), a seed counts only where it has evaluations. A curve has at most 200 points: of more distinct
    steps, those nearest to 200 evenly spaced ones. `describe` is the text for captions.

    Args:
        table: Evaluations: task, variant, seed, step, score; finite; and hours for `x: hours` or bins.
        settings: `x`, `bin` and `band`; `confidence` and `seed` of the bootstrap. Against hours, runs without hours
            are left out, and a bin is placed at the mean of its hours.
        by: The columns that name one curve: task, variant, and others if any.

    Returns:
        Rows of the columns `by`, step (or hours, for `x: hours`), mean, low, high, seeds (behind the point).
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


def describe(settings: AnalysisSettings, interval: str) -> str:
    """How points and bands of a curve are computed, for captions; `interval` is the text of `captions.interval`."""
    if settings.bin is None:
        values = (
            "Between evaluations, the values of a run are interpolated linearly; "
            f"a curve has at most {POINTS} points, spaced as evenly as the evaluations allow."
        )
    else:
        values = (
            f"The evaluations of a run are averaged in bins of {settings.bin:,.10g} environment steps; "
            f"a curve has at most {POINTS} bins, evenly spaced."
        )
    band = {
        "interval": interval,
        "std": "mean ± standard deviation over seeds (population: divided by n, not n - 1)",
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
    unit: str = ENVIRONMENT_STEPS,
) -> Figure:
    """Return during training: one panel per task, with bands and the number of seeds; dotted where seeds are missing.

    Args:
        curves: Rows task, variant, mean, low, high, seeds and the column `x`, from `curves`.
        looks: Variant -> look, in the order of the legend.
        published: Methods whose scores are drawn as horizontal lines, on the tasks that have them.
        x: The column of the x axis.
        columns: Panels per row; default: `panels.columns_of`.
        quantity: The measured quantity, or its name in the logs.
        unit: What the steps count.
    """
    title = (HOURS if x == "hours" else unit).capitalize()
    handles = [handle(name, look) for name, look in looks.items() if name in set(curves["variant"])]

    def draw(axis: Axes, panel: pd.DataFrame) -> None:
        lines(axis, panel, looks, x)
        panels.from_zero(axis)
        panels.headroom(axis)
        panels.seeds(axis, panel.groupby("variant")["seeds"].max(), "left")

    return panels.by_task(curves, handles, published, columns, (title, titled(quantity)), draw)


def _resample(run: Series, grid_S: Array, alone: bool) -> Array:
    """One run's returns at the places of the grid; NaN beyond its range or, if `alone`, where it was not evaluated."""
    if alone:
        return np.where(np.isin(grid_S, run.places), np.interp(grid_S, *run), np.nan)
    return series.resampled(run, grid_S)


def _band(returns_RS: Array, settings: AnalysisSettings) -> tuple[Array, Array]:
    """The bounds of the band at each point; NaN with fewer than two runs."""
    present_RS = ~np.isnan(returns_RS)
    low_S, high_S = np.full((2, returns_RS.shape[1]), np.nan)
    if settings.band == "interval":
        for pattern_R in np.unique(present_RS, axis=1).T:  # points with the same runs
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
