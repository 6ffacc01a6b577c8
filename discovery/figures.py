"""Figures of a discovery of action groups: what each action changes, and how the groups were merged."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, groupby
from pathlib import Path

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.figures import panels
from analysis.figures.style import ONE, SMALL, STYLE, TWO, render, wrapped
from analysis.result import CAPTIONS, Plot, captions
from common import files
from discovery.discovery import Discovery

DRAWN = ("png", "pdf")  # file types in a discovery's folder
COLORS = "rocket_r"
ROW = 0.16  # inches of an action's row
FEW = 24  # state dimensions that fit into one column of a paper
Color = str | tuple[float, float, float]
LONE = "0.45"  # the colour of an action that is alone in its group


def plots(found: Discovery) -> list[Plot]:
    """The figures of a discovery: `correlations`, and `dendrogram` if anything merged."""
    pixels = found.settings.input == "pixels"
    colors = (
        "one picture of the pixels per action; mean over channels; white: never changed"
        if pixels
        else "rows: actions, by group; columns: state dimensions"
    )
    figures = [
        _plot(
            found, "correlations", "What each action changes",
            "Colours: absolute correlation of an action with the change that follows it in one environment step (SD2); "
            f"{colors}. Names in grey: actions that are alone in their group; in other colours: the groups.",
            "Colours: absolute correlation with the changes that follow",
            partial(correlations, found),
        )
    ]  # fmt: skip
    if found.merges:
        figures.append(
            _plot(
                found, "dendrogram", "How the groups were merged",
                "Branches: groups of actions, merged from left to right at their Rela (SD2); grey: not merged. "
                f"Dashed line: eta {found.settings.eta:g}, where merging stops.",
                "Branches: groups, which merge at their Rela; dashed line: where merging stops",
                partial(dendrogram, found),
            )
        )  # fmt: skip
    return figures


def _plot(found: Discovery, name: str, title: str, shows: str, brief: str, draw: Callable[[], Figure]) -> Plot:
    """A figure with captions in the form of those of an analysis."""
    settings = found.settings
    amount = f"seed {settings.seed}, {settings.steps:,} environment steps"
    note = f"Data: random actions, observed as {settings.input}; {found.task}, {amount}. One seed has no interval."
    brief = f"{title}. {brief}. Data: {found.task}, {settings.input}; {amount}. No interval."
    return Plot(name, f"{title}: {found.title}", shows, brief, draw, [note])


def for_analysis(found: Discovery) -> Iterator[Plot]:
    """The same figures, under names that differ between discoveries."""
    stem = re.sub(r"[^\w.-]+", "_", f"sd2 {found.title.replace(',', '')} eta {found.settings.eta:g}")
    return (replace(plot, name=f"{stem}_{plot.name}") for plot in plots(found))


def draw(found: Discovery, folder: Path) -> list[Path]:
    """Draws the figures as PNG, with a brief caption, and PDF, and writes the captions; existing files are kept.

    Returns:
        The paths of the new files.
    """
    figures, drawn = plots(found), []
    for plot in figures:
        missing = {kind: path for kind in DRAWN if not (path := folder / f"{plot.name}.{kind}").exists()}
        if not missing:
            continue
        picture = plot.draw()
        for kind, path in missing.items():
            files.write_bytes(path, render(picture, kind, plot.brief))
            drawn.append(path)
    if not (path := folder / CAPTIONS).exists():
        files.write_text(path, captions(figures))
        drawn.append(path)
    return drawn


def correlations(found: Discovery) -> Figure:
    """What each action changes: rows of a heat map, ordered by group; for pixels an image of each action."""
    return _pictures(found) if found.settings.input == "pixels" else _rows(found)


def dendrogram(found: Discovery) -> Figure:
    """The merge path over Rela, with a line at eta.

    Merges that were made have the colour of their group. Rela need not fall along the path, so a branch may turn back.
    """
    order = _order(found)
    relas = [merge.rela for merge in found.merges]
    low, high = min([*relas, found.settings.eta]), max([*relas, found.settings.eta])
    start = high + 0.15 * max(high - low, 0.1)
    end = low - 0.05 * (start - low)
    place: dict[tuple[int, ...], tuple[float, float]] = {
        (action,): (start, float(row)) for row, action in enumerate(order)
    }
    made = {action: tuple(group) for group in found.groups for action in group}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(ONE, 0.85 + ROW * len(order)))
        axis = figure.subplots()
        for merge in found.merges:
            a, b, rela = merge.a, merge.b, merge.rela
            (left, top), (right, bottom) = place[a], place[b]
            whole = tuple(sorted(a + b))
            kept = set(whole) <= set(made[whole[0]])
            color = _colors(found)[whole[0]] if kept else "0.7"
            axis.plot([left, rela, rela, right], [top, top, bottom, bottom], color=color, solid_joinstyle="miter")
            place[whole] = (rela, (top + bottom) / 2)
        axis.axvline(found.settings.eta, color="0.1", linestyle="--", linewidth=0.8)
        side = "left" if start - found.settings.eta < 0.7 * (start - end) else "right"  # keeps the text inside the axes
        axis.text(found.settings.eta, len(order) - 0.3, f" eta {found.settings.eta:g} ", va="bottom", ha=side)
        axis.set_xlim(start, end)
        axis.set_ylim(len(order) - 0.3, -0.6)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("Rela")
        panels.ticks(axis, "x")
        _label_rows(axis, found, order)
        sns.despine(fig=figure, left=True)
        _title(figure, found.title)
    return figure


def _rows(found: Discovery) -> Figure:
    order = [action for group in found.groups for action in group]
    spans = list(_spans(found.state_names))
    width = ONE if len(found.state_names) <= FEW else TWO
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(width, 1.0 + ROW * len(order)))
        axis = figure.subplots()
        image = axis.imshow(found.correlations[order], cmap=COLORS, vmin=0, aspect="auto", interpolation="nearest")
        for _, _, end in spans[:-1]:
            axis.axvline(end - 0.5, color="0.5", linewidth=0.6)
        row = 0
        for group in found.groups[:-1]:
            row += len(group)
            axis.axhline(row - 0.5, color="0.1", linewidth=0.8)
        middles = [(start + end - 1) / 2 for _, start, end in spans]
        axis.set_xticks(middles, [name for name, *_ in spans], rotation=35, ha="right", rotation_mode="anchor")
        axis.tick_params(length=0)
        _label_rows(axis, found, order)
        _colorbar(figure, image, [axis])
        _title(figure, found.title)
    return figure


def _pictures(found: Discovery) -> Figure:
    order = [action for group in found.groups for action in group]
    pictures = _mean_over_channels(found.pictures)
    width, columns = (ONE, len(order)) if len(order) <= 2 else (TWO, min(len(order), 6))
    rows = -(-len(order) // columns)
    room = (width - 0.6) / columns
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(width, (min(room, 1.4) + 0.2) * rows + 0.1))
        axes = figure.subplots(rows, columns, squeeze=False)
        top = float(np.nanmax(pictures))
        for axis in axes.flat[len(order) :]:
            axis.remove()
        for axis, action in zip(axes.flat, order, strict=False):
            image = axis.imshow(pictures[action], cmap=COLORS, vmin=0, vmax=top, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            title = wrapped(_label(found.action_names[action], action), room, SMALL)
            axis.set_title(title, fontsize=SMALL, color=_colors(found)[action], pad=2)
        _colorbar(figure, image, figure.axes)
        _title(figure, f"{found.title}; mean over channels, white: never changed")
    return figure


def _colors(found: Discovery) -> dict[int, Color]:
    """Action -> colour of its group; grey for an action alone in its group."""
    larger = [group for group in found.groups if len(group) > 1]
    palette = [color for color in sns.color_palette("colorblind") if len(set(color)) > 1]  # its grey is taken by LONE
    colors: dict[int, Color] = {action: LONE for group in found.groups for action in group}
    return colors | {action: color for group, color in zip(larger, cycle(palette), strict=False) for action in group}


def _colorbar(figure: Figure, image: AxesImage, axes: Sequence[Axes]) -> None:
    ticks = MaxNLocator(3, steps=[1, 2, 5, 10])
    bar = figure.colorbar(image, ax=axes, label="|correlation|", pad=0.02, aspect=15, ticks=ticks)
    bar.outline.set_visible(False)


def _title(figure: Figure, title: str) -> None:
    """Writes the title over the figure's width, grows the figure by the title's height, and sets the layout."""
    width, height = figure.get_size_inches()
    lines = wrapped(title, width - 0.2, SMALL)
    figure.set_size_inches(width, height + 0.15 * (lines.count("\n") + 1))
    figure.suptitle(lines, x=0.02, ha="left", fontsize=SMALL)
    panels.settle(figure)


def _mean_over_channels(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images (A, H, W); the mean leaves out channels that never changed."""
    seen = (~np.isnan(pictures)).sum(-1)
    return np.where(seen > 0, np.nansum(pictures, -1) / np.maximum(seen, 1), np.nan)


def _order(found: Discovery) -> list[int]:
    """The actions, ordered so that no two branches cross."""
    trees: dict[tuple[int, ...], list[int]] = {(action,): [action] for action in range(len(found.action_names))}
    for merge in found.merges:
        trees[tuple(sorted(merge.a + merge.b))] = trees.pop(merge.a) + trees.pop(merge.b)
    [order] = trees.values()
    return order


def _spans(columns: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Consecutive state dimensions of one name, as `velocity[0]`, `velocity[1]`: name, start, end (exclusive)."""
    start = 0
    for name, members in groupby(columns, key=lambda column: column.partition("[")[0]):
        end = start + len(list(members))
        yield name, start, end
        start = end


def _label_rows(axis: Axes, found: Discovery, order: Sequence[int]) -> None:
    axis.set_yticks(range(len(order)), [_label(found.action_names[action], action) for action in order])
    for text, action in zip(axis.get_yticklabels(), order, strict=True):
        text.set_color(_colors(found)[action])
    axis.tick_params(axis="y", length=0)


def _label(name: str, action: int) -> str:
    return f"{name} {action}" if str(action) not in name.split() else name
