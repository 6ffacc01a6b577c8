"""Figures of a discovery of action groups: what each action moves, and how the groups came about."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby
from pathlib import Path

import matplotlib
import numpy as np
import seaborn as sns
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis import files
from analysis.errors import AnalysisError
from analysis.figures import panels
from analysis.figures.style import ONE, SMALL, STYLE, TWO, render, wrapped

DRAWN = ("png", "pdf")  # kinds of files in a discovery's folder
CORRELATIONS, MERGES, GROUPS = "correlations.csv", "merges.csv", "groups.yaml"
NAME = re.compile(r"(state|pixels)_\d+_eta-?[\d.]+_seed\d+")  # of a discovery's folder
PIXEL = re.compile(r"pixel\[(\d+),(\d+),(\d+)\]")
PICTURE = (64, 64, 3)  # as the environments draw them
COLORS = "rocket_r"
ROW = 0.16  # inches of an action
FEW = 24  # state dimensions that one column of a paper has room for
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


def find(root: Path) -> list[Path]:
    """The folders of discoveries of a root of results, or of the folder `sd2` in it, sorted."""
    files = [*root.glob(f"*/*/{CORRELATIONS}"), *root.glob(f"sd2/*/*/{CORRELATIONS}")]
    return sorted(path.parent for path in files if NAME.fullmatch(path.parent.name))


def read(folder: Path) -> Drawing:
    """What is drawn of a discovery, from its files.

    Raises:
        AnalysisError: A file is absent, or does not hold what a discovery's does.
    """
    try:
        found = yaml.safe_load((folder / GROUPS).read_text(encoding="utf-8"))
        (_, *states), *rows = _table(folder / CORRELATIONS)
        _, *merges = _table(folder / MERGES)
        source = found["source"]
        correlations = np.array([row[1:] for row in rows], float).reshape(len(rows), len(states))
        if source["input"] == "pixels":
            correlations = _at_their_places(correlations, states)
        return Drawing(
            f"{found['task']}, {source['input']}, {source['steps']:,} random steps, seed {source['seed']}",
            [row[0] for row in rows],
            states,
            correlations,
            [(_indices(a), _indices(b), float(rela)) for a, b, rela in merges],
            found["groups"],
            float(found["eta"]),
        )
    except OSError as error:
        raise AnalysisError(
            f"{error.filename}: cannot be read: {error.strerror}; a discovery has {CORRELATIONS}, {MERGES} and {GROUPS}"
        ) from None
    except (ValueError, KeyError, TypeError, IndexError, csv.Error, yaml.YAMLError) as error:
        raise AnalysisError(
            f"{folder}: is no discovery, or a damaged one ({type(error).__name__}: {error}); "
            "remove it and discover anew with `launch.py discover`"
        ) from None


def _table(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def _indices(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


def _at_their_places(correlations: NDArray[np.float64], states: Sequence[str]) -> NDArray[np.float64]:
    """Correlations (A, V) of pixels as pictures (A, H, W, C); NaN where a pixel never changed."""
    matches = [PIXEL.fullmatch(name) for name in states]
    if None in matches:
        raise ValueError("a state dimension is no pixel")
    pictures = np.full((len(correlations), *PICTURE), np.nan)
    rows, columns, channels = np.array([match.groups() for match in matches if match], int).T
    pictures[:, rows, columns, channels] = correlations
    return pictures


def draw(found: Drawing, folder: Path) -> list[Path]:
    """Draws `correlations`, and `dendrogram` if anything merged, as PNG and PDF into a folder that lacks them.

    Returns:
        The paths of what was drawn.
    """
    figures = {"correlations": correlations, **({"dendrogram": dendrogram} if found.merges else {})}
    drawn = []
    for name, figure in figures.items():
        absent = {kind: path for kind in DRAWN if not (path := folder / f"{name}.{kind}").exists()}
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
    end = low - 0.05 * (start - low)
    place: dict[tuple[int, ...], tuple[float, float]] = {
        (action,): (start, float(row)) for row, action in enumerate(order)
    }
    made = {action: tuple(group) for group in found.groups for action in group}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(ONE, 0.85 + ROW * len(order)))
        axis = figure.subplots()
        for a, b, rela in found.merges:
            (left, top), (right, bottom) = place[a], place[b]
            whole = tuple(sorted(a + b))
            kept = set(whole) <= set(made[whole[0]])
            color = found.colors[whole[0]] if kept else "0.7"
            axis.plot([left, rela, rela, right], [top, top, bottom, bottom], color=color, solid_joinstyle="miter")
            place[whole] = (rela, (top + bottom) / 2)
        axis.axvline(found.eta, color="0.1", linestyle="--", linewidth=0.8)
        side = "left" if start - found.eta < 0.7 * (start - end) else "right"  # so that the text is inside
        axis.text(found.eta, len(order) - 0.3, f" eta {found.eta:g} ", va="bottom", ha=side)
        axis.set_xlim(start, end)
        axis.set_ylim(len(order) - 0.3, -0.6)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("Rela")
        panels.ticks(axis, "x")
        _label_rows(axis, found, order)
        sns.despine(fig=figure, left=True)
        _title(figure, found.title)
    return figure


def _rows(found: Drawing) -> Figure:
    order = [action for group in found.groups for action in group]
    spans = list(_spans(found.states))
    width = ONE if len(found.states) <= FEW else TWO
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


def _pictures(found: Drawing) -> Figure:
    order = [action for group in found.groups for action in group]
    pictures = _mean_over_channels(found.correlations)
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
            title = wrapped(_label(found.actions[action], action), room, SMALL)
            axis.set_title(title, fontsize=SMALL, color=found.colors[action], pad=2)
        _colorbar(figure, image, figure.axes)
        _title(figure, f"{found.title}; mean over channels, white: never changed")
    return figure


def _colorbar(figure: Figure, image: AxesImage, axes: Sequence[Axes]) -> None:
    ticks = MaxNLocator(3, steps=[1, 2, 5, 10])
    bar = figure.colorbar(image, ax=axes, label="|correlation|", pad=0.02, aspect=15, ticks=ticks)
    bar.outline.set_visible(False)


def _title(figure: Figure, title: str) -> None:
    """Writes the title over the figure's width, which grows by its height, and finds the layout."""
    width, height = figure.get_size_inches()
    lines = wrapped(title, width - 0.2, SMALL)
    figure.set_size_inches(width, height + 0.15 * (lines.count("\n") + 1))
    figure.suptitle(lines, x=0.02, ha="left", fontsize=SMALL)
    panels.settle(figure)


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
