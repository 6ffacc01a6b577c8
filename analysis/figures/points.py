"""Means at a few values of a setting or horizon with interval bars, variants side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

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
    points, where = pd.concat(rows), np.concatenate(places)
    axis.vlines(where, points["low"], points["high"], colors=colors, linewidth=1.0)
    few = np.flatnonzero(points["seeds"] < points["seeds"].max())
    if len(few):
        edges = [colors[i] for i in few]
        axis.scatter(
            where[few], points["mean"].iloc[few], s=7, facecolor="white", edgecolor=edges, linewidth=0.8, zorder=3
        )
    panels.seeds(axis, data["seeds"], "left")
    if logarithmic:
        axis.set_xscale("log")
    margin = max(0.4 * room, 0.05 * (spots[-1] - spots[0]))
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(place(spots[0] - margin), place(spots[-1] + margin))


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
