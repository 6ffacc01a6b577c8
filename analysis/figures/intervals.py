"""Marks with interval bars: the statistics of each variant, and how likely it beats another."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import panels
from analysis.figures.style import LARGE, ONE, SMALL, TWO, Look, styled, wrapped

STATISTIC_TITLES = {"iqm": "IQM", "median": "Median", "mean": "Mean", "optimality_gap": "Optimality gap"}
NAMES = 1.4  # inches for the names of variants
LINE = 0.125  # inches of a line of a name


@styled
def aggregate_intervals(aggregates: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """The four statistics, a panel each: a mark for the value and a bar for its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, as `statistics.aggregates` gives them.
        looks: Variant -> look, from top to bottom.
    """
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    figure, names = _rows(aggregates, looks, TWO)
    axes = figure.subplots(1, len(statistics), sharey=True, squeeze=False)[0]
    for axis, statistic in zip(axes, statistics, strict=True):
        _marks(axis, aggregates[aggregates["statistic"] == statistic], looks, names)
        axis.set_title(STATISTIC_TITLES.get(statistic, statistic))
        axis.margins(x=0.12)
        panels.ticks(axis, "x")
    return panels.finish(figure, [], "Normalised score")


@styled
def improvement(improvement: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """How likely a run of each variant beats one of the reference on the same task, with a line where neither does.

    Args:
        improvement: Rows variant, reference, value, low, high; one reference.
        looks: Variant -> look, from top to bottom.
    """
    [reference] = set(improvement["reference"])
    figure, names = _rows(improvement, looks, ONE)
    axis = figure.subplots()
    axis.axvline(0.5, color="0.3", linestyle=":", linewidth=0.9)
    _marks(axis, improvement, looks, names)
    axis.set_xlim(-0.02, 1.02)
    panels.ticks(axis, "x")
    return panels.finish(figure, [], wrapped(f"P(variant > {reference})", ONE - NAMES - 0.2, LARGE))


def _rows(data: pd.DataFrame, looks: Mapping[str, Look], width: float) -> tuple[Figure, dict[str, str]]:
    """A figure with a row a variant, as high as its name needs, and variant -> its name in lines."""
    names = {name: wrapped(name, NAMES, SMALL) for name in looks if name in set(data["variant"])}
    return Figure(figsize=(width, 0.55 + max(0.5, sum(map(_height, names.values()))))), names


def _height(name: str) -> float:
    """Inches of a row."""
    return LINE * (name.count("\n") + 1) + 0.08


def _marks(axis: Axes, data: pd.DataFrame, looks: Mapping[str, Look], names: Mapping[str, str]) -> None:
    """A row a variant, from top to bottom; the y axis is inches."""
    rows = data.set_index("variant")
    heights = np.array([_height(name) for name in names.values()])
    places = np.cumsum(heights) - heights / 2
    for place, name in zip(places, names, strict=True):
        if name not in rows.index:
            continue
        row, color = rows.loc[name], looks[name].color
        axis.hlines(place, row["low"], row["high"], color=color, alpha=0.4, linewidth=6)
        axis.plot(row["value"], place, "|", color=color, markersize=8, markeredgewidth=1.8)
    axis.set_yticks(places, list(names.values()))
    axis.set_ylim(heights.sum(), 0)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
