"""Figures of a discovery of action groups: what each action moves, and how the groups came about."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby
from pathlib import Path

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import files
from analysis.figures import KINDS, STYLE, render

COLORS = "rocket_r"
Color = str | tuple[float, float, float]
LONE = "0.45"  # the colour of an action that is a group of its own


@dataclass(frozen=True)
class Drawing:
    """What is drawn of a discovery.

    Attributes:
        title: Task, input, steps and seed, in words.
        actions: What each action drives; A names.
        states: The state dimensions that ever changed; V names.
        correlations: |correlation| of each action with the change of each of them, (A, V); or, where these are pixels,
            pictures (A, H, W, C) with NaN where a pixel never changed.
        merges: The merge path: both groups of action indices and their Rela.
        groups: The groups of action indices.
        eta: Where merging stopped.
    """

    title: str
    actions: Sequence[str]
    states: Sequence[str]
    correlations: NDArray[np.float64]
    merges: Sequence[tuple[tuple[int, ...], tuple[int, ...], float]]
    groups: Sequence[Sequence[int]]
    eta: float

    @property
    def colors(self) -> dict[int, Color]:
        """Action -> its group's colour, grey for an action alone."""
        larger = [group for group in self.groups if len(group) > 1]
        palette = [color for color in sns.color_palette("colorblind") if len(set(color)) > 1]  # its grey means lone
        colors: dict[int, Color] = {action: LONE for group in self.groups for action in group}
        return colors | {
            action: color for group, color in zip(larger, cycle(palette), strict=False) for action in group
        }


def draw(found: Drawing, folder: Path) -> list[Path]:
    """Draws `correlations`, and `dendrogram` if anything merged, as PNG and PDF into a folder that lacks them.

    Returns:
        The paths of what was drawn.
    """
    figures = {"correlations": correlations, **({"dendrogram": dendrogram} if found.merges else {})}
    drawn = []
    for name, figure in figures.items():
        absent = {kind: path for kind in KINDS if not (path := folder / f"{name}.{kind}").exists()}
        if not absent:
            continue
        picture = figure(found)
        for kind, path in absent.items():
            files.write(path, render(picture, kind))
            drawn.append(path)
    return drawn


def correlations(found: Drawing) -> Figure:
    """What each action moves: rows of a heat map, group by group; or for pixels a picture of each action."""
    return _pictures(found) if found.correlations.ndim == 4 else _rows(found)


def dendrogram(found: Drawing) -> Figure:
    """The merge path against Rela, with the line at eta.

    Merges that were made have their group's colour. Rela need not fall along the path, so a branch may turn back.
    """
    order = _order(found)
    relas = [rela for *_, rela in found.merges]
    low, high = min([*relas, found.eta]), max([*relas, found.eta])
    start = high + 0.15 * max(high - low, 0.1)
    place: dict[tuple[int, ...], tuple[float, float]] = {
        (action,): (start, float(row)) for row, action in enumerate(order)
    }
    made = {action: tuple(group) for group in found.groups for action in group}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 1.2 + 0.22 * len(order)), layout="constrained")
        axis = figure.subplots()
        for a, b, rela in found.merges:
            (left, top), (right, bottom) = place[a], place[b]
            whole = tuple(sorted(a + b))
            kept = set(whole) <= set(made[whole[0]])
            color = found.colors[whole[0]] if kept else "0.7"
            axis.plot([left, rela, rela, right], [top, top, bottom, bottom], color=color, solid_joinstyle="miter")
            place[whole] = (rela, (top + bottom) / 2)
        axis.axvline(found.eta, color="0.1", linestyle="--", linewidth=0.8)
        axis.text(found.eta, len(order) - 0.4, f" eta {found.eta:g}", fontsize="small", va="bottom")
        axis.set_xlim(start, low - 0.05 * (start - low))
        axis.set_ylim(len(order) - 0.4, -0.6)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("Rela")
        _label_rows(axis, found, order)
        axis.set_title(found.title, fontsize="small", loc="left")
        sns.despine(fig=figure, left=True)
    return figure


def _rows(found: Drawing) -> Figure:
    order = [action for group in found.groups for action in group]
    columns = len(found.states)
    spans = list(_spans(found.states))
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(max(4.8, 2.0 + 0.11 * columns), 1.5 + 0.2 * len(order)), layout="constrained")
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
        axis.set_title(found.title, fontsize="small", loc="left")
        figure.colorbar(image, ax=axis, label="|correlation|", pad=0.02)
    return figure


def _pictures(found: Drawing) -> Figure:
    order = [action for group in found.groups for action in group]
    pictures = _mean_over_channels(found.correlations)
    columns = min(len(order), 6)
    rows = -(-len(order) // columns)
    width = 1.3 * columns + 0.9
    title = textwrap.wrap(f"{found.title}; mean over channels, white: never changed", int(width * 14))
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(width, 1.45 * rows + 0.25 + 0.15 * len(title)), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        top = float(np.nanmax(pictures))
        for axis in axes.flat[len(order) :]:
            axis.remove()
        for axis, action in zip(axes.flat, order, strict=False):
            image = axis.imshow(pictures[action], cmap=COLORS, vmin=0, vmax=top, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(_label(found.actions[action], action), fontsize="small", color=found.colors[action], pad=2)
        figure.suptitle("\n".join(title), fontsize="small", x=0.01, ha="left")
        figure.colorbar(image, ax=axes, label="|correlation|", pad=0.02)
    return figure


def _mean_over_channels(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pictures (A, H, W); a channel that never changed has no part in the mean."""
    seen = (~np.isnan(pictures)).sum(-1)
    return np.where(seen > 0, np.nansum(pictures, -1) / np.maximum(seen, 1), np.nan)


def _order(found: Drawing) -> list[int]:
    """The actions in an order in which no two branches cross."""
    trees: dict[tuple[int, ...], list[int]] = {(action,): [action] for action in range(len(found.actions))}
    for a, b, _ in found.merges:
        trees[tuple(sorted(a + b))] = trees.pop(a) + trees.pop(b)
    [order] = trees.values()
    return order


def _spans(columns: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Neighbouring state dimensions of one name, `velocity[0]` and `velocity[1]`: name, first and behind the last."""
    start = 0
    for name, members in groupby(columns, key=lambda column: column.partition("[")[0]):
        end = start + len(list(members))
        yield name, start, end
        start = end


def _label_rows(axis: Axes, found: Drawing, order: Sequence[int]) -> None:
    axis.set_yticks(range(len(order)), [_label(found.actions[action], action) for action in order])
    for text, action in zip(axis.get_yticklabels(), order, strict=True):
        text.set_color(found.colors[action])
    axis.tick_params(axis="y", length=0)


def _label(name: str, action: int) -> str:
    return f"{name} {action}" if str(action) not in name.split() else name
