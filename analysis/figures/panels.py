"""Panels of a figure: their grid, the legend above them, and shared labels."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from analysis import families
from analysis.figures.style import LARGE, ONE, SMALL, TWO, wrapped
from analysis.published import Published
from analysis.scoring import span

FEW = 5  # lines that fit in a panel of one column's width
LINE = 0.13  # inches per line of a title or label
HEADROOM = 0.12  # inches above the data of a panel
NAME = 2.6  # inches per line of a name in the legend
WIDE = 10  # smallest ratio of values for a logarithmic axis
GREYS = ("0.15", "0.55", "0.35", "0.7")  # of published scores
GREY_DASHES: tuple[Any, ...] = ("--", "-.", ":", (0, (6, 3)))
Corner = Literal["left", "right"]


def columns_of(panels: int) -> int:
    """The default number of panels per row: mostly 3 to 5, with few empty places."""
    if panels <= 5:
        return panels
    if panels > 20:
        return 6
    return min((5, 4, 3) if panels <= 12 else (5, 4), key=lambda columns: -panels % columns)


def width_of(panels: int, lines: int) -> float:
    """Inches of a figure: one column of a paper for a panel with few lines, else two."""
    return ONE if panels == 1 and lines <= FEW else TWO


def grid(panels: int, columns: int | None, lines: int) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row; `finish` completes it.

    Args:
        panels: The number of panels.
        columns: Panels per row; default: `columns_of`.
        lines: The number of lines in the legend.
    """
    columns = min(columns or columns_of(panels), panels)
    width = width_of(panels, lines)
    rows = math.ceil(panels / columns)
    panel = min(0.62 * width / columns, 2.3) if columns > 1 else min(0.62 * width, 2.4)
    figure = Figure(figsize=(width, rows * max(panel, 0.95) + 0.35))
    axes = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axis in axes[panels:]:
        axis.remove()
    return figure, axes[:panels]


def by_task(
    data: pd.DataFrame,
    handles: Sequence[Line2D],
    published: Sequence[Published],
    columns: int | None,
    labels: tuple[str, str],
    draw: Callable[[Axes, pd.DataFrame], None],
) -> Figure:
    """One panel per task, with published scores as horizontal lines.

    Args:
        data: Rows task, variant and the columns that `draw` needs.
        handles: The legend.
        published: Methods whose scores are drawn, on the tasks that have them.
        columns: Panels per row; default: `columns_of`.
        labels: The labels of x and y.
        draw: Draws the rows of one task into its panel, above the published scores.
    """
    tasks = sorted(set(data["task"]))
    shown = [method for method in published if any(method.score(task) is not None for task in tasks)]
    handles = [*handles, *(Line2D([], [], label=method.label, **published_look(i)) for i, method in enumerate(shown))]
    figure, axes = grid(len(tasks), columns, len(handles))
    room = figure.get_figwidth() / axes[0].get_gridspec().ncols - 0.42  # type: ignore[union-attr]
    rows_of = dict(list(data.groupby("task")))
    for axis, task in zip(axes, tasks, strict=True):
        for i, method in enumerate(shown):
            if (score := method.score(task)) is not None:
                axis.axhline(score, label=method.label, **published_look(i))
        draw(axis, rows_of[task])
        axis.set_title(wrapped(families.title(task), room, LARGE))
    make_room(figure)
    share_x(axes)
    return finish(figure, handles, *labels)


def make_room(figure: Figure) -> None:
    """Increases the height of the figure for titles of more than one line."""
    lines: dict[int, int] = {}  # row -> most lines of its titles
    for axis in figure.axes:
        row, _ = _place(axis)
        lines[row] = max(lines.get(row, 1), axis.get_title().count("\n") + 1)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + LINE * sum(count - 1 for count in lines.values()))


def share_x(axes: Sequence[Axes]) -> None:
    """Keeps the tick labels of x only on the lowest panel of each column, if all panels have nearly the same x axis."""
    shown = {_place(axis): axis for axis in axes if axis.axison}
    lows, highs = zip(*(axis.get_xlim() for axis in shown.values()), strict=True)
    slack = 0.1 * (max(highs) - min(lows))
    if max(highs) - min(highs) > slack or max(lows) - min(lows) > slack:
        return
    for (row, column), axis in shown.items():
        axis.set_xlim(min(lows), max(highs))
        axis.tick_params(axis="x", labelbottom=(row + 1, column) not in shown)


def _place(axis: Axes) -> tuple[int, int]:
    """Row and column of a panel."""
    spec = axis.get_subplotspec()
    assert spec is not None
    return spec.rowspan.start, spec.colspan.start


def finish(figure: Figure, handles: Sequence[Line2D | Patch], x: str = "", y: str = "") -> Figure:
    """Adds labels, legend and layout to a figure with drawn panels; its height grows by that of the legend.

    Args:
        figure: The figure, with titles of its panels.
        handles: The legend above the panels; no legend if empty.
        x: The shared label of x, below the panels.
        y: The shared label of y, left of the panels.
    """
    sns.despine(fig=figure)
    if handles:
        _legend(figure, handles)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + LINE * x.count("\n"))
    x_label = figure.supxlabel(x) if x else None
    y_label = figure.supylabel(y) if y else None
    settle(figure)
    boxes = [axis.get_position() for axis in figure.axes]
    if x_label:  # centred on the panels, not on the figure
        x_label.set_x((min(box.x0 for box in boxes) + max(box.x1 for box in boxes)) / 2)
    if y_label:
        y_label.set_y((min(box.y0 for box in boxes) + max(box.y1 for box in boxes)) / 2)
    return figure


def settle(figure: Figure) -> None:
    """Computes the layout once: computing it for each file would take longer than drawing."""
    FigureCanvasAgg(figure)
    engine = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure.set_layout_engine(engine)
    engine.execute(figure)
    figure.set_layout_engine(None)


def _legend(figure: Figure, handles: Sequence[Line2D | Patch]) -> None:
    """Adds the legend in as few rows as the names allow."""
    width, height = figure.get_size_inches()
    labels = [wrapped(str(handle.get_label()), min(width - 0.5, NAME), SMALL) for handle in handles]
    for rows in range(1, len(handles) + 1):
        legend = figure.legend(
            handles=handles, labels=labels, loc="outside upper center", ncols=math.ceil(len(handles) / rows),
            frameon=False, handlelength=1.8, handletextpad=0.5, columnspacing=1.2, labelspacing=0.3, borderpad=0.0,
            borderaxespad=0.4,
        )  # fmt: skip
        box = legend.get_window_extent()
        if box.width <= (width - 0.1) * figure.dpi:
            break
        if rows < len(handles):
            legend.remove()
    figure.set_size_inches(width, height + box.height / figure.dpi + 0.04)


def published_look(index: int) -> dict[str, Any]:
    """Grey, because these scores were not measured here; methods differ in shade and dashes."""
    return {
        "color": GREYS[index % len(GREYS)], "linestyle": GREY_DASHES[index % len(GREY_DASHES)], "linewidth": 0.9
    }  # fmt: skip


def seeds(axis: Axes, counts: pd.Series, corner: Corner) -> None:
    """Writes the number of seeds of a panel into an upper corner, behind the lines."""
    axis.text(
        0.03 if corner == "left" else 0.97, 0.97, f"n={span(counts)}", transform=axis.transAxes, ha=corner, va="top",
        fontsize=SMALL, color="0.4", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        zorder=0.9,
    )  # fmt: skip


def headroom(axis: Axes) -> None:
    """Raises the top of a finished panel by the height of the line with the number of seeds."""
    (low, high), log = axis.get_ylim(), axis.get_yscale() == "log"
    share = HEADROOM / _inches(axis)[1]
    axis.set_ylim(top=high * (high / low) ** share if log else high + (high - low) * share)


def compact(value: float, _: object = None) -> str:
    """The number of a tick, with k or M if it is long."""
    return (f"{value:g}" if abs(value) < 10_000 else str(EngFormatter(sep="")(value))).replace("-", "\N{MINUS SIGN}")


def ticks(axis: Axes, which: Literal["x", "y"]) -> None:
    """Sets round numbers as ticks of an axis, as many as fit."""
    width, height = _inches(axis)
    side, count = (axis.xaxis, width / 0.45) if which == "x" else (axis.yaxis, height / 0.25)
    side.set_major_locator(MaxNLocator(min(max(3, int(count) + 1), 9), steps=[1, 2, 2.5, 5, 10]))
    side.set_major_formatter(compact)


def _inches(axis: Axes) -> NDArray[np.float64]:
    """The approximate width and height of a panel."""
    return np.array(axis.get_window_extent().size) / axis.figure.dpi


def from_zero(axis: Axes) -> None:
    """Starts the y axis of a finished panel at zero, unless values are below."""
    if axis.dataLim.y0 >= 0:
        axis.set_ylim(bottom=-0.03 * axis.get_ylim()[1])


def logarithmic(axis: Axes, which: Literal["x", "y"]) -> None:
    """Makes an axis of a finished panel logarithmic, with at least two labels."""
    axis.set(**{f"{which}scale": "log"})
    side = axis.xaxis if which == "x" else axis.yaxis
    low, high = side.get_view_interval()
    side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    side.set_major_formatter("{x:g}")
    side.set_minor_locator(NullLocator())
