"""Synthetic tables like those of the statistics, and the visible parts of a figure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis.figures.style import looks
from analysis.published import Published
from analysis.results.aggregates import STATISTICS

LONG = "horizon=5+dynamics.kind=ed2+dynamics.groups=full+precision=mixed_float16"
VARIANTS = ["dreamer", "ed2", LONG, "matched", "wide"]
NAMES = ["dreamer", LONG]
LOOKS = looks(["absent", "dreamer", LONG, "ed2"])
TASKS = ["dmc_hopper_hop", "dmc_walker_walk", "toy_reach_2"]
LONGEST = "dmc_task_with_a_rather_long_name_that_needs_several_lines"
PUBLISHED = [
    Published(
        "Dreamer", "a paper", "return", {"dmc_hopper_hop": 368.97, "dmc_walker_walk": 961.67}, 5_000_000, "pixels"
    ),
    Published("A3C", "a paper", "return", {"dmc_walker_walk": 311.0}),
]


def curves(tasks: Sequence[str] = TASKS, variants: Sequence[str] = ("dreamer", LONG), points: int = 20) -> pd.DataFrame:
    """Rows task, variant, step, mean, low, high, seeds."""
    rng = np.random.default_rng(3)
    steps = (1 + np.arange(points)) * 50_000.0
    frames = []
    for task in tasks:
        for variant in variants:
            means = rng.uniform(200, 800) * (1 - np.exp(-steps / 4e5)) + rng.uniform(0, 30, points)
            columns = {"step": steps, "mean": means, "low": means - 25, "high": means + 40, "seeds": 3}
            frames.append(pd.DataFrame({"task": task, "variant": variant, **columns}))
    return pd.concat(frames, ignore_index=True)


def finals(tasks: Sequence[str] = TASKS, variants: Sequence[str] = ("dreamer", LONG)) -> pd.DataFrame:
    """Rows task, variant, mean, low, high, seeds."""
    return curves(tasks, variants).groupby(["task", "variant"], sort=False).last().reset_index().drop(columns="step")


def aggregates(variants: Sequence[str] = ("dreamer", LONG)) -> pd.DataFrame:
    """Rows variant, statistic, value, low, high, runs, tasks."""
    rows = [
        (variant, statistic, value, value - 0.1, value + 0.2, 3, 2)
        for variant, value in zip(variants, np.linspace(0.5, 0.7, len(variants)), strict=True)
        for statistic in STATISTICS
    ]
    return pd.DataFrame(rows, columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"])


def improvement(variants: Sequence[str] = ("ed2", LONG), reference: str = "dreamer") -> pd.DataFrame:
    """Rows variant, reference, value, low, high."""
    rows = [(name, reference, 0.4 + 0.05 * i, 0.3 + 0.05 * i, 0.6) for i, name in enumerate(variants)]
    return pd.DataFrame(rows, columns=["variant", "reference", "value", "low", "high"])


def profiles(variants: Sequence[str] = ("dreamer", LONG)) -> pd.DataFrame:
    """Rows variant, threshold, value, low, high."""
    taus = np.linspace(0, 1, 41)
    return pd.concat(
        pd.DataFrame({"variant": name, "threshold": taus, "value": 1 - shape, "low": 0.9 - shape, "high": 1.1 - shape})
        for i, name in enumerate(variants)
        for shape in [taus ** (1 + i)]
    )


def efficiency(variants: Sequence[str] = ("dreamer", LONG)) -> pd.DataFrame:
    """Rows variant, step, value, low, high, missing."""
    one = curves(["dmc_cheetah_run"], variants)
    one[["mean", "low", "high"]] /= 1000
    return one.rename(columns={"mean": "value"}).drop(columns=["task", "seeds"]).assign(missing=0)


def points(tasks: Sequence[str] = TASKS[1:], variants: Sequence[str] = ("dreamer", "planet")) -> pd.DataFrame:
    """Rows value, task, variant, mean, low, high, seeds of a sweep; two seeds of the last variant."""
    rows = [
        (value, task, variant, mean, mean - 20, mean + 10, 2 if variant == variants[-1] else 3)
        for i, task in enumerate(tasks)
        for j, variant in enumerate(variants)
        for value in (3, 7, 15)
        for mean in [500.0 / (i + 1) / (j + 1) + value]
    ]
    return pd.DataFrame(rows, columns=["value", "task", "variant", "mean", "low", "high", "seeds"])


def errors(
    tasks: Sequence[str] = TASKS[:2],
    variants: Sequence[str] = VARIANTS,
    horizons: Sequence[int] = (1, 5, 15, 45),
    steps: Sequence[float] = (5e4,),
    observation: str = "image",
) -> pd.DataFrame:
    """Rows task, variant, measure, horizon, step, mean, low, high, seeds of model errors."""
    rng = np.random.default_rng(8)
    rows = [
        (task, variant, measure, horizon, step, mean, 0.9 * mean, 1.2 * mean, 3)
        for task in tasks
        for variant in variants
        for measure, scale in ((observation, 1e-3), ("reward", 0.05), ("kl", 2.0))
        for horizon in horizons
        for step in steps
        for mean in [scale * np.sqrt(horizon) * (1 + 3 * np.exp(-step / 5e5)) * rng.uniform(0.7, 1.4)]
    ]
    columns = ["task", "variant", "measure", "horizon", "step", "mean", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def line(axis: Axes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The line with this label: x and y."""
    [found] = [each for each in axis.lines if each.get_label() == name]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def labels(figure: Figure) -> list[str]:
    """The names in the legend."""
    (legend,) = figure.legends
    return [text.get_text().replace("\n", "") for text in legend.get_texts()]


def notes(axis: Axes) -> list[str]:
    """The texts in a panel."""
    return [text.get_text() for text in axis.texts]


def visible_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """All texts that are drawn, with their boxes in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    texts += [text for text in (figure._supxlabel, figure._supylabel, figure._suptitle) if text]  # type: ignore[attr-defined]
    for axis in filter(lambda axis: axis.axison, figure.axes):
        texts += [*axis.texts, axis.title, axis.xaxis.label, axis.yaxis.label]
        for side, (low, high) in ((axis.xaxis, sorted(axis.get_xlim())), (axis.yaxis, sorted(axis.get_ylim()))):
            shown = [
                tick for tick in side.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
            texts += [tick.label1 for tick in shown]
    drawn = dict.fromkeys(text for text in texts if text.get_text())
    return [(text.get_text(), text.get_window_extent(renderer)) for text in drawn]
