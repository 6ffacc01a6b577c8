"""Marks with interval bars, one row per variant."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import SMALL, Look, wrapped

NAMES = 1.4  # inches for the names of variants
LINE = 0.125  # inches per line of a name


def rows(data: pd.DataFrame, looks: Mapping[str, Look], width: float) -> tuple[Figure, dict[str, str]]:
    """A figure with one row per variant, as high as its name, and variant -> its wrapped name."""
    names = {name: wrapped(name, NAMES, SMALL) for name in looks if name in set(data["variant"])}
    return Figure(figsize=(width, 0.55 + max(0.5, sum(map(_height, names.values()))))), names


def _height(name: str) -> float:
    """Inches of a row."""
    return LINE * (name.count("\n") + 1) + 0.08


def marks(axis: Axes, data: pd.DataFrame, looks: Mapping[str, Look], names: Mapping[str, str]) -> None:
    """One row per variant, from top to bottom; the y axis is in inches."""
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
