"""Means at values of a setting or horizon with interval bars: at a few, variants side by side, or at any."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from analysis.figures import panels
from analysis.figures.style import SMALL, Look, text_width

GAP = 0.05  # inches between two labels


def side_by_side(
    axis: Axes, data: pd.DataFrame, looks: Mapping[str, Look], x: str, ticks: Sequence[float], *, logarithmic: bool
) -> None:
    """Means at a few values with interval bars; variants are side by side at each value.

    A point is hollow if it averages fewer seeds than other points of the panel.

    Args:
        axis: The axes of the panel.
        data: Rows of one panel: variant, the column `x`, mean, low, high, seeds.
        looks: The variants of the figure, from left to right.
        x: The column of the x axis.
        ticks: Its values in ascending order, equal in all panels.
        logarithmic: Whether the x axis is logarithmic.
    """

    def spot(values: Any) -> Any:
        return np.log(values) if logarithmic else values

    def place(spots: Any) -> Any:
        return np.exp(spots) if logarithmic else spots

    spots = spot(np.array(ticks, float))
    room = np.diff(spots).min() if len(spots) > 1 else spot(2.0)
    spread = min(0.5 * room, 0.02 * len(looks) * (spots[-1] - spots[0] + room))
    line_of = dict(list(data.groupby("variant")))
    rows, places, colors = [], [], []
    for i, (name, look) in enumerate(looks.items()):
        if name not in line_of:
            continue
        line = line_of[name]
        rows.append(line)
        places.append(place(spot(line[x].to_numpy(float)) + spread * ((i + 0.5) / len(looks) - 0.5)))
        colors += [look.color] * len(line)
        axis.plot(
            places[-1], line["mean"], color=look.color, linestyle=look.dashes, marker="o", markersize=2.2,
            linewidth=0.9, label=name,
        )  # fmt: skip
    _bars(axis, pd.concat(rows), np.concatenate(places), colors)
    panels.seeds(axis, data["seeds"], "left")
    if logarithmic:
        axis.set_xscale("log")
    margin = max(0.4 * room, 0.05 * (spots[-1] - spots[0]))
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(place(spots[0] - margin), place(spots[-1] + margin))


def scattered(axis: Axes, data: pd.DataFrame, looks: Mapping[str, Look], x: str, *, logarithmic: bool) -> None:
    """Means at any values with interval bars, without lines; hollow where fewer seeds than at other points.

    Args:
        axis: The axes of the panel.
        data: Rows of one panel: variant, the column `x`, mean, low, high, seeds.
        looks: Variant -> look.
        x: The column of the x axis.
        logarithmic: Whether the x axis is logarithmic.
    """
    for name, rows in data.groupby("variant", sort=False):
        color, where = looks[str(name)].color, rows[x].to_numpy(float)
        axis.plot(where, rows["mean"], color=color, linestyle="", marker="o", markersize=2.6, label=str(name))
    _bars(axis, data, data[x].to_numpy(float), [looks[name].color for name in data["variant"]])
    panels.seeds(axis, data["seeds"], "left")
    if logarithmic:
        panels.logarithmic(axis, "x")
    else:
        panels.ticks(axis, "x")


def _bars(
    axis: Axes, points: pd.DataFrame, where: NDArray[np.float64], colors: Sequence[tuple[float, float, float]]
) -> None:
    """The intervals of points as bars; a point that averages fewer seeds than others becomes hollow.

    Args:
        axis: The axes of the panel.
        points: Rows mean, low, high, seeds.
        where: The place of each point on the x axis.
        colors: The color of each point.
    """
    axis.vlines(where, points["low"], points["high"], colors=colors, linewidth=1.0)
    few = np.flatnonzero(points["seeds"] < points["seeds"].max())
    if len(few):
        edges = [colors[int(i)] for i in few]
        axis.scatter(
            where[few], points["mean"].iloc[few], s=7, facecolor="white", edgecolor=edges, linewidth=0.8, zorder=3
        )


def label_ticks(axes: Sequence[Axes], ticks: Sequence[float]) -> None:
    """Labels the ticks of finished panels; omits a label that would touch the previous one."""
    narrow = min(axes, key=lambda axis: axis.get_position().width)
    places = narrow.get_xaxis_transform().transform([(tick, 0) for tick in ticks])[:, 0] / narrow.figure.dpi
    labels: list[str] = []
    end = -math.inf  # of the last label
    for tick, place in zip(ticks, places, strict=True):
        text = f"{tick:g}"
        half = text_width(text, SMALL) / 2
        labels.append(text if place - half >= end + GAP else "")
        end = place + half if labels[-1] else end
    for axis in axes:
        axis.set_xticks(ticks, labels)
