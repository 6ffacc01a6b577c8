"""Figures from tables: each function takes data and returns a matplotlib figure, in one style and palette."""

import io
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

from analysis.published import Published

Dashes = Literal["-", "--", "-.", ":"]
DASHES: tuple[Dashes, ...] = get_args(Dashes)
PANEL = (2.6, 2.0)  # inches of a panel
STYLE: Any = {
    **sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.92"}),
    **sns.plotting_context("paper", rc={"lines.linewidth": 1.4}),
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "svg.hashsalt": "dreamer-ablations",
    "text.parse_math": False,  # a dollar in a variant's name is a dollar
}
STATISTIC_TITLES = {"iqm": "IQM", "median": "Median", "mean": "Mean", "optimality_gap": "Optimality gap"}


@dataclass(frozen=True)
class Look:
    """How a variant is drawn, the same in every figure."""

    color: tuple[float, float, float]
    dashes: Dashes


def looks(variants: Iterable[str]) -> dict[str, Look]:
    """A look for each variant: seaborn's ten colours for the colour-blind, then the same with other dashes."""
    palette = sns.color_palette("colorblind")
    names = list(dict.fromkeys(variants))
    return {
        name: Look(palette[i % len(palette)], DASHES[i // len(palette) % len(DASHES)]) for i, name in enumerate(names)
    }


def learning_curves(
    curves: pd.DataFrame, looks: Mapping[str, Look], caption: str, published: Sequence[Published] = ()
) -> Figure:
    """Return against environment steps, a panel a task, with bands and the number of seeds.

    Args:
        curves: Rows task, variant, step, mean, low, high, seeds, as `statistics.curves` gives them.
        looks: Variant -> look, in the order of the legend.
        caption: Stands under the figure.
        published: Methods whose scores are drawn as horizontal lines on the tasks that they have.
    """
    tasks = sorted(set(curves["task"]))
    columns = min(len(tasks), 4) if len(tasks) != 6 else 3
    rows = math.ceil(len(tasks) / columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(PANEL[0] * columns, 4.5), PANEL[1] * rows + 0.3), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
        for axis, task in zip(axes, tasks, strict=False):
            _learning_curve(axis, curves[curves["task"] == task], looks)
            for i, method in enumerate(published):
                if (score := method.score(task)) is not None:
                    axis.axhline(score, **_published_look(i), label=method.label)
            axis.set_title(textwrap.fill(task, 28), fontsize="medium")
        for axis in axes[len(tasks) :]:
            axis.remove()
        for row, axis in enumerate(figure.axes):
            if row % columns == 0:
                axis.set_ylabel("Return")
            if row + columns >= len(tasks):
                axis.set_xlabel("Environment steps")
        sns.despine(fig=figure)
        drawn = [name for name in looks if name in set(curves["variant"])]
        handles = [Line2D([], [], color=looks[name].color, linestyle=looks[name].dashes, label=name) for name in drawn]
        handles += [
            Line2D([], [], **_published_look(i), label=method.label)
            for i, method in enumerate(published)
            if any(method.score(task) is not None for task in tasks)
        ]
        _legend(figure, handles)
        _caption(figure, caption)
    return figure


def aggregate_intervals(aggregates: pd.DataFrame, looks: Mapping[str, Look], caption: str) -> Figure:
    """The four statistics, a panel each: a point for the value and a bar for its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, as `statistics.aggregates` gives them.
        looks: Variant -> look, from top to bottom.
        caption: Stands under the figure.
    """
    variants = [name for name in looks if name in set(aggregates["variant"])]
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 1.4 + 0.32 * len(variants)), layout="constrained")
        axes = figure.subplots(1, len(statistics), sharey=True, squeeze=False)[0]
        for axis, statistic in zip(axes, statistics, strict=True):
            rows = aggregates[aggregates["statistic"] == statistic].set_index("variant")
            for height, name in enumerate(variants):
                row, color = rows.loc[name], looks[name].color
                axis.hlines(height, row["low"], row["high"], color=color, alpha=0.4, linewidth=8)
                axis.plot(row["value"], height, "|", color=color, markersize=11, markeredgewidth=2.2)
            axis.set_title(STATISTIC_TITLES.get(statistic, statistic), fontsize="medium")
            axis.xaxis.set_major_locator(MaxNLocator(4))
            axis.margins(x=0.12)
            axis.set_xlabel("Score")
        axes[0].set_yticks(range(len(variants)), [textwrap.fill(name, 34) for name in variants])
        axes[0].set_ylim(len(variants) - 0.4, -0.6)
        sns.despine(fig=figure)
        _caption(figure, caption)
    return figure


def render(figure: Figure, kind: str) -> bytes:
    """The figure as a PNG or PDF file, free of dates, so that equal figures are equal files."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        metadata = {"CreationDate": None} if kind == "pdf" else {}
        figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def _learning_curve(axis: Axes, curves: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    for name, look in looks.items():
        curve = curves[curves["variant"] == name]
        if curve.empty:
            continue
        marker = "o" if len(curve) <= 10 else None
        whole = curve["seeds"] == curve["seeds"].max()
        style: Any = {"color": look.color, "marker": marker, "markersize": 2.5}
        if not whole.all():
            axis.plot(curve["step"], curve["mean"], **style, linestyle=":", linewidth=1.0)
        axis.plot(curve["step"], curve["mean"].where(whole), **style, linestyle=look.dashes, label=name)
        axis.fill_between(curve["step"], curve["low"], curve["high"], color=look.color, alpha=0.2, linewidth=0)
    seeds = curves.groupby("variant")["seeds"].max()
    spread = f"{seeds.min()}" if seeds.nunique() == 1 else f"{seeds.min()}-{seeds.max()}"
    axis.text(  # in the upper left, where learning curves seldom are
        0.03, 0.96, f"n={spread}", transform=axis.transAxes, ha="left", va="top", fontsize="small", color="0.4",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
    )  # fmt: skip
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.margins(x=0.02)


def _published_look(index: int) -> dict[str, Any]:
    """Grey, so that what was not measured here looks different; told apart by shade and dashes."""
    return {"color": ("0.1", "0.55")[index % 2], "linestyle": ("--", "-.", ":", (0, (6, 3)))[index % 4], "linewidth": 1}


def _legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """One legend above the panels, in as many columns as the longest name allows; the figure grows by its height."""
    width, height = figure.get_size_inches()
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = min(max(1, int(width / (0.5 + 0.075 * longest))), len(handles))
    figure.set_size_inches(width, height + 0.17 * math.ceil(len(handles) / columns) + 0.1)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, frameon=False)


def _caption(figure: Figure, caption: str) -> None:
    """Small print at the bottom, wrapped to the figure's width."""
    text = "\n".join(textwrap.wrap(caption, int(figure.get_figwidth() * 20)))
    height = 0.13 * (text.count("\n") + 1) + 0.08
    width, total = figure.get_figwidth(), figure.get_figheight() + height
    figure.set_size_inches(width, total)
    figure.get_layout_engine().set(rect=(0, height / total, 1, 1 - height / total))  # type: ignore[union-attr, call-arg]
    figure.text(0.05 / width, 0.04 / total, text, ha="left", va="bottom", fontsize=6.5, color="0.3")
