"""Final returns by task: means over seeds with published returns, as bars and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis import families, statistics
from analysis.figures import panels
from analysis.figures.panels import WIDE
from analysis.figures.style import DASHES, LARGE, ONE, SMALL, TWO, Look, styled, text_width, wrapped
from analysis.inputs import Inputs, shared
from analysis.published import Published
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.tables import Grid, Table, with_rule

HATCHES = dict(zip(DASHES, ("", "/////", ".....", "xxxxx"), strict=True))
GROUPS = 11  # most groups per row
BARS = 140  # most bars per row
FEW = 20  # bars that fit in one column of a paper
GROUP = 0.84  # share of a group's width for its bars
AVERAGE = "average"  # the group that is not a task
GREYS = ("0.6", "0.85", "0.4", "1.0")  # of published scores


def result(inputs: Inputs) -> Result:
    """The means as numbers, figure and table."""
    found, settings = numbers(inputs), inputs.settings
    title = f"Final {settings.quantity} by task"
    shows = (
        f"Bars: mean final {settings.quantity} over seeds, not normalised; whiskers: {captions.interval(inputs)}. "
        "Averages over tasks have no interval."
    )
    grey = f" Grey bars: {captions.published(inputs)}" if inputs.published else ""
    shown = Plot(
        "final", title, shows + grey,
        captions.brief(inputs, title, f"Bars: mean over seeds; whiskers: {captions.interval(inputs)}"),
        partial(draw, found, inputs.looks, inputs.published, settings.columns, settings.quantity),
        captions.notes(inputs),
    )  # fmt: skip
    return Result("tasks", {"tasks": found}, [shown], [table(found, inputs.scoring)])


@shared
def numbers(inputs: Inputs) -> pd.DataFrame:
    """The mean final return of each task and variant, not normalised."""
    return statistics.task_means(inputs.finals, inputs.settings)


def table(tasks: pd.DataFrame, *notes: str) -> Table:
    """One row per task, one column per variant: the mean return, its interval and the number of seeds.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds.
        notes: Sentences under the table.
    """
    variants = list(dict.fromkeys(tasks["variant"]))
    grid = Grid(tasks, "mean", ["task"], "variant", variants, ".1f", [f", n={seeds}" for seeds in tasks["seeds"]])
    bold = grid.bold(["task"])
    noted = with_rule(notes, bold, "the highest value of each row")
    return Table("Final scores by task (not normalised)", noted, ["task", *variants], grid.rows, bold=bold)


@dataclass(frozen=True)
class Method:
    """A variant or published method, with one bar in each group.

    Attributes:
        label: Its label in the legend.
        look: The style of its bars.
        bars: Task -> mean, low, high; the bounds are NaN without an interval.
    """

    label: str
    look: Mapping[str, Any]
    bars: Mapping[str, tuple[float, float, float]]

    def with_average(self, tasks: Sequence[str]) -> Self:
        """The method with a bar for the mean over tasks, without an interval."""
        mean = float(np.mean([self.bars[task][0] for task in tasks]))
        return replace(self, bars={**self.bars, AVERAGE: (mean, np.nan, np.nan)})


@styled
def draw(
    tasks: pd.DataFrame,
    looks: Mapping[str, Look],
    published: Sequence[Published] = (),
    columns: int | None = None,
    quantity: str = "return",
) -> Figure:
    """Final returns as bars from zero with whiskers for the intervals, one group per task; published scores are grey.

    The last group is the average over the tasks on which every shown method has a score; it has no interval. Tasks
    with returns on very different scales have separate axes and no average.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds.
        looks: Variant -> look, in the order of the legend and of a group's bars.
        published: Methods whose scores are drawn, on the tasks that have them.
        columns: Groups per row; default: as many as are legible.
        quantity: The measured quantity, or its name in the logs.
    """
    names = sorted(set(tasks["task"]))
    methods = _methods(tasks, looks, published, names)
    if not _alike(methods, names):
        return _apart(methods, names, columns, quantity)
    groups = {name: families.title(name) for name in names}
    common = [name for name in names if all(name in method.bars for method in methods)]
    if len(names) > 1 and common:
        groups[AVERAGE] = f"Average ({len(common)})"
        methods = [method.with_average(common) for method in methods]
    return _together(methods, groups, columns, quantity)


def _methods(
    tasks: pd.DataFrame, looks: Mapping[str, Look], published: Sequence[Published], names: Sequence[str]
) -> list[Method]:
    methods = []
    for name, look in looks.items():
        rows = tasks[tasks["variant"] == name]
        if not rows.empty:
            style = {"facecolor": look.color, "hatch": HATCHES[look.dashes], "edgecolor": "white", "linewidth": 0}
            bars = zip(rows["mean"], rows["low"], rows["high"], strict=True)
            methods.append(Method(name, style, dict(zip(rows["task"], bars, strict=True))))
    shown = [method for method in published if any(method.score(name) is not None for name in names)]
    for i, each in enumerate(shown):
        known = {name: (score, np.nan, np.nan) for name in names if (score := each.score(name)) is not None}
        methods.append(
            Method(each.label, {"facecolor": GREYS[i % len(GREYS)], "edgecolor": "0.2", "linewidth": 0.4}, known)
        )
    return methods


def _alike(methods: Sequence[Method], names: Sequence[str]) -> bool:
    """Whether the tasks' returns can share an axis: by a common bound, or by similar size."""
    if all(map(families.has_common_scale, names)):
        return True
    tops = [max(abs(method.bars[name][0]) for method in methods if name in method.bars) for name in names]
    return max(tops) <= WIDE * min(tops)


def _together(methods: Sequence[Method], groups: Mapping[str, str], columns: int | None, quantity: str) -> Figure:
    """Several groups per axis, in rows of equal length; `groups` maps tasks to titles."""
    rows = -(-len(groups) // (columns or max(1, min(GROUPS, BARS // len(methods)))))
    columns = columns or -(-len(groups) // rows)
    width = ONE if len(groups) * len(methods) <= FEW and len(groups) <= FEW // 4 else TWO
    room = (width - 0.65) / columns - 0.02
    words = [word for title in groups.values() for word in title.split()]
    level = max(text_width(word, SMALL) for word in words) <= room
    figure = Figure(figsize=(width, rows * (1.75 if level else 2.0) + 0.1))
    axes = figure.subplots(rows, sharey=True, squeeze=False)[:, 0]
    names = list(groups)
    for row, axis in enumerate(axes):
        members = names[row * columns : (row + 1) * columns]
        _bars(axis, methods, members)
        axis.set_xlim(-0.5, columns - 0.5)
        if level:
            axis.set_xticks(range(len(members)), [wrapped(groups[name], room, SMALL) for name in members])
        else:
            axis.set_xticks(
                range(len(members)), [groups[name] for name in members], rotation=30, ha="right", rotation_mode="anchor"
            )
        if AVERAGE in members:
            axis.axvspan(len(members) - 1.5, len(members) - 0.5, color="0.95", zorder=0, linewidth=0)
    return panels.finish(figure, _legend(methods), y=f"Final {quantity}")


def _apart(methods: Sequence[Method], names: Sequence[str], columns: int | None, quantity: str) -> Figure:
    """One panel per task, each with its own axis."""
    figure, axes = panels.grid(len(names), columns, len(methods))
    room = figure.get_figwidth() / axes[0].get_gridspec().ncols - 0.42  # type: ignore[union-attr]
    for axis, name in zip(axes, names, strict=True):
        _bars(axis, methods, [name])
        axis.set_xticks([])
        axis.set_title(wrapped(families.title(name), room, LARGE))
    panels.make_room(figure)
    return panels.finish(figure, _legend(methods), y=f"Final {quantity}")


def _bars(axis: Axes, methods: Sequence[Method], names: Sequence[str]) -> None:
    """Groups of bars at 0, 1, 2, ...; the place of a method without a score is empty."""
    size = GROUP / len(methods)
    lowest = 0.0
    for i, method in enumerate(methods):
        places = np.array([place for place, name in enumerate(names) if name in method.bars], float)
        places += size * (i - (len(methods) - 1) / 2)
        means, lows, highs = np.array([method.bars[name] for name in names if name in method.bars]).reshape(-1, 3).T
        axis.bar(places, means, 0.94 * size, label=method.label, **method.look)
        axis.vlines(places, lows, highs, color="0.15", linewidth=0.7)
        lowest = min([lowest, *means, *lows[~np.isnan(lows)]])
    axis.grid(visible=False, axis="x")
    axis.set_axisbelow(True)
    axis.tick_params(axis="x", length=0)
    panels.ticks(axis, "y")
    if lowest < 0:
        axis.axhline(0, color="0.3", linewidth=0.6)
    else:
        axis.set_ylim(bottom=0)


def _legend(methods: Sequence[Method]) -> list[Patch]:
    return [Patch(label=method.label, **method.look) for method in methods]
