"""Figures from tables: each function takes data and returns a matplotlib figure, in one style and palette."""

import io
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from analysis.protocol import span
from analysis.published import Published

Dashes = Literal["-", "--", "-.", ":"]
DASHES: tuple[Dashes, ...] = get_args(Dashes)
KINDS = ("png", "pdf")  # of files
PANEL = (2.6, 2.0)  # inches of a panel
AXIS = PANEL[0] - 0.6  # inches of its x axis
CHARACTER = 0.07  # inches of a digit at an axis
LIGHTEST, DARKEST = 0.5, 0.45  # shares of white and of black in the shades of a colour
FEW = 6  # lines whose legend fits over a narrow figure
HEADROOM = 0.12  # of a panel's height
WIDE = 10  # the ratio of values from which on a logarithmic axis shows more
STYLE: Any = {
    **sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.92"}),
    **sns.plotting_context("paper", rc={"lines.linewidth": 1.4}),
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "svg.hashsalt": "dreamer-ablations",
    "text.parse_math": False,  # a dollar in a variant's name is a dollar
}
STATISTIC_TITLES = {"iqm": "IQM", "median": "Median", "mean": "Mean", "optimality_gap": "Optimality gap"}
MEASURE_TITLES = {"image": "Image error (MSE)", "reward": "Reward error (MAE)", "kl": "KL from prior (nats)"}


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


def shaded(variants: Iterable[str], families: Mapping[str, str], looks: Mapping[str, Look]) -> dict[str, Look]:
    """The look of each variant's family, in shades from light to dark where several variants share it.

    Args:
        variants: Their names, once or more, in the order of the legend and of the shades.
        families: Variant -> family; one that is absent is a family of its own.
        looks: Family -> look.
    """
    members: dict[str, list[str]] = {}
    for name in dict.fromkeys(variants):
        members.setdefault(families.get(name, name), []).append(name)

    def shade(name: str) -> Look:
        family = families.get(name, name)
        names, look = members[family], looks[family]
        place = 2 * names.index(name) / (len(names) - 1) - 1 if len(names) > 1 else 0.0  # -1 light, 1 dark
        end, share = (1, -place * LIGHTEST) if place < 0 else (0, place * DARKEST)
        red, green, blue = (part + (end - part) * share for part in look.color)
        return Look((red, green, blue), look.dashes)

    return {name: shade(name) for name in dict.fromkeys(variants)}


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
    return _by_task(
        curves, looks, caption, published, "Environment steps", lambda axis, panel: _curves(axis, panel, looks, "left")
    )


def sweep(
    points: pd.DataFrame, looks: Mapping[str, Look], key: str, caption: str, published: Sequence[Published] = ()
) -> Figure:
    """Final return against a swept setting, a panel a task, with a bar for the interval and the number of seeds.

    The axis of the setting is logarithmic if its values are positive and span a factor of ten or more.

    Args:
        points: Rows value, task, variant, mean, low, high, seeds: those of one setting of `design.swept`.
        looks: Variant -> look, in the order of the legend.
        key: The setting's name.
        caption: Stands under the figure.
        published: Methods whose scores are drawn as horizontal lines on the tasks that they have.
    """
    drawn = {name: look for name, look in looks.items() if name in set(points["variant"])}
    ticks = sorted(set(points["value"]))

    def draw(axis: Axes, panel: pd.DataFrame) -> None:
        _side_by_side(axis, panel, drawn, "value", ticks, logarithmic=0 < WIDE * ticks[0] <= ticks[-1])

    figure = _by_task(points, drawn, caption, published, key, draw)
    for axis in figure.axes:
        _headroom(axis)
    return figure


def model_errors(
    errors: pd.DataFrame, looks: Mapping[str, Look], x: Literal["horizon", "step"], caption: str
) -> Figure:
    """Model error against the prediction horizon or environment steps, a row a task and a column a measure.

    A panel whose values are positive and differ by a factor of ten or more has a logarithmic axis.

    Args:
        errors: Rows task, variant, measure, mean, low, high, seeds, and the column `x`: the `finals` or the `curves` of
            `model_errors.summarize`.
        looks: Variant -> look, in the order of the legend.
        x: The column to draw against.
        caption: Stands under the figure.
    """
    tasks = sorted(set(errors["task"]))
    measures = [measure for measure in MEASURE_TITLES if measure in set(errors["measure"])]
    drawn = {name: look for name, look in looks.items() if name in set(errors["variant"])}
    with matplotlib.rc_context(STYLE):
        size = (max(PANEL[0] * len(measures), 4.5), PANEL[1] * len(tasks) + 0.3)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(tasks), len(measures), squeeze=False)
        for j, measure in enumerate(measures):
            measured = errors[errors["measure"] == measure]
            for axis, task in zip(axes[:, j], tasks, strict=True):
                panel = measured[measured["task"] == task]
                if panel.empty:
                    axis.set_axis_off()
                    continue
                if x == "step":
                    _curves(axis, panel, drawn, "right")
                else:
                    _side_by_side(axis, panel, drawn, "horizon", sorted(set(errors["horizon"])), logarithmic=True)
                values = panel[["mean", "low", "high"]]
                if 0 < WIDE * values.min(axis=None) <= values.max(axis=None):
                    _logarithmic(axis)
                _headroom(axis)
            axes[0, j].set_title(MEASURE_TITLES[measure], fontsize="medium")
            axes[-1, j].set_xlabel("Environment steps" if x == "step" else "Agent steps ahead")
        for axis, task in zip(axes[:, 0], tasks, strict=True):
            axis.set_ylabel(textwrap.fill(task, 22))
        sns.despine(fig=figure)
        _legend(figure, [_handle(name, look) for name, look in drawn.items()])
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


def _by_task(
    data: pd.DataFrame,
    looks: Mapping[str, Look],
    caption: str,
    published: Sequence[Published],
    label: str,
    draw: Callable[[Axes, pd.DataFrame], None],
) -> Figure:
    """Returns, a panel a task, with published scores as horizontal lines, one legend and a caption.

    Args:
        data: Rows task, variant and what `draw` needs.
        looks: Variant -> look, in the order of the legend.
        caption: Stands under the figure.
        published: Methods whose scores are drawn on the tasks that they have.
        label: What the x axis holds.
        draw: Draws the rows of one task into its panel.
    """
    tasks = sorted(set(data["task"]))
    columns = min(len(tasks), 4) if len(tasks) != 6 else 3
    rows = math.ceil(len(tasks) / columns)
    with matplotlib.rc_context(STYLE):
        width = max(PANEL[0] * columns, 4.5 if data["variant"].nunique() <= FEW else 7.0)
        figure = Figure(figsize=(width, PANEL[1] * rows + 0.3), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
        for axis, task in zip(axes, tasks, strict=False):
            draw(axis, data[data["task"] == task])
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
                axis.set_xlabel(label)
        sns.despine(fig=figure)
        handles = [_handle(name, look) for name, look in looks.items() if name in set(data["variant"])]
        handles += [
            Line2D([], [], **_published_look(i), label=method.label)
            for i, method in enumerate(published)
            if any(method.score(task) is not None for task in tasks)
        ]
        _legend(figure, handles)
        _caption(figure, caption)
    return figure


def _curves(axis: Axes, curves: pd.DataFrame, looks: Mapping[str, Look], corner: Literal["left", "right"]) -> None:
    """Means against environment steps with bands, dotted where seeds are missing; the number of seeds in a corner."""
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
    _seeds(axis, curves.groupby("variant")["seeds"].max(), corner)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.margins(x=0.02)


def _side_by_side(
    axis: Axes, data: pd.DataFrame, looks: Mapping[str, Look], x: str, ticks: Sequence[float], *, logarithmic: bool
) -> None:
    """Means against a few values with a bar for the interval; variants stand side by side at each value.

    A point that rests on fewer seeds than others of the panel is hollow.

    Args:
        axis: Where to draw.
        data: Rows variant, the column `x`, mean, low, high, seeds of one panel.
        looks: The variants of the figure, from left to right.
        x: The column to draw against.
        ticks: Its values, equal in all panels, ascending.
        logarithmic: Whether the x axis is.
    """

    def spot(values: Any) -> Any:
        return np.log(values) if logarithmic else values

    def place(spots: Any) -> Any:
        return np.exp(spots) if logarithmic else spots

    spots = spot(np.array(ticks, float))
    room = np.diff(spots).min() if len(spots) > 1 else spot(2.0)
    spread = min(0.5 * room, 0.02 * len(looks) * (spots[-1] - spots[0] + room))
    hollow = []
    for i, (name, look) in enumerate(looks.items()):
        line = data[data["variant"] == name]
        places = place(spot(line[x].to_numpy(float)) + spread * ((i + 0.5) / len(looks) - 0.5))
        axis.plot(
            places, line["mean"], color=look.color, linestyle=look.dashes, marker="o", markersize=2.5, linewidth=1.0,
            label=name,
        )  # fmt: skip
        axis.vlines(places, line["low"], line["high"], color=look.color, linewidth=1.4)
        hollow.append((places, line, look))
    for places, line, look in hollow:
        few = (line["seeds"] < data["seeds"].max()).to_numpy()
        if few.any():
            axis.scatter(places[few], line["mean"][few], s=9, facecolor="white", edgecolor=look.color, zorder=3)
    _seeds(axis, data["seeds"], "left")
    if logarithmic:
        axis.set_xscale("log")
    margin = max(0.4 * room, 0.05 * (spots[-1] - spots[0]))
    axis.set_xticks(ticks, _labels(ticks, spots / (spots[-1] - spots[0] + 2 * margin)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(place(spots[0] - margin), place(spots[-1] + margin))


def _labels(ticks: Sequence[float], places: Sequence[float]) -> list[str]:
    """The ticks as text, without those that would touch the one before; places are shares of a panel's width."""
    labels: list[str] = []
    last = (-math.inf, 0)  # where the last label stands, and its number of characters
    for tick, place in zip(ticks, places, strict=True):
        text = f"{tick:g}"
        fits = (place - last[0]) * AXIS >= CHARACTER * ((len(text) + last[1]) / 2 + 1)
        labels.append(text if fits else "")
        last = (place, len(text)) if fits else last
    return labels


def _headroom(axis: Axes) -> None:
    """Lifts the top of a finished panel above its data by the height of the line that tells the number of seeds."""
    (low, high), log = axis.get_ylim(), axis.get_yscale() == "log"
    axis.set_ylim(top=high * (high / low) ** HEADROOM if log else high + (high - low) * HEADROOM)


def _seeds(axis: Axes, seeds: pd.Series, corner: Literal["left", "right"]) -> None:
    """How many seeds a panel rests on, in the upper corner where lines seldom are, and behind them if they are."""
    axis.text(
        0.03 if corner == "left" else 0.97, 0.96, f"n={span(seeds)}", transform=axis.transAxes, ha=corner, va="top",
        fontsize="small", color="0.4", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        zorder=0.9,
    )  # fmt: skip


def _logarithmic(axis: Axes) -> None:
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())


def _handle(name: str, look: Look) -> Line2D:
    """A variant's line in the legend."""
    return Line2D([], [], color=look.color, linestyle=look.dashes, label=name)


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
