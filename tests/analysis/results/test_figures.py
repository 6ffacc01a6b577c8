"""Properties of all figures: one look per variant, two widths, no text that overlaps or is cut."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.figures.style import ONE, TWO, looks
from analysis.results import aggregates, curves, efficiency, final, improvement, model_errors, profiles, sweeps
from tests.analysis import plots
from tests.analysis.plots import LONG, LONGEST, PUBLISHED, TASKS, VARIANTS


def test_a_variant_looks_the_same_in_every_figure() -> None:
    """Also if other variants are absent; an eleventh variant has the first one's colour and other dashes."""
    names = [f"variant {i}" for i in range(11)]
    styles = looks(names)
    two = [names[2], names[10]]
    grown = curves.draw(plots.curves(TASKS[:1], two), styles).axes[0].lines
    profile = profiles.draw(plots.profiles(two), styles).axes[0].lines[1:]
    swept = sweeps.draw(plots.points(variants=two), styles, "x").axes[0].lines
    ahead = model_errors.draw(plots.errors(variants=two), styles, "horizon").axes[0].lines
    for lines in (grown, profile, swept, ahead):
        assert [each.get_color() for each in lines] == [styles[name].color for name in two]
        assert [each.get_linestyle() for each in lines] == ["-", "--"]
    marks = aggregates.draw(plots.aggregates(two), styles).axes[0].lines
    better = improvement.draw(plots.improvement(two, "variant 0"), styles).axes[0].lines[1:]
    for each in (marks, better):
        assert [mark.get_color() for mark in each] == [styles[name].color for name in two]
    drawn = final.draw(plots.finals(TASKS[:1], two), styles).axes[0].containers
    patches = [container.patches[0] for container in drawn if isinstance(container, BarContainer)]
    assert [to_rgb(patch.get_facecolor()) for patch in patches] == [styles[name].color for name in two]
    assert [bool(patch.get_hatch()) for patch in patches] == [False, True]


MEASURED = looks(["absent", *VARIANTS, "planet"])


@pytest.mark.parametrize("kind", ["horizon", "step", "sweep", "curves"])
@pytest.mark.parametrize("spread", [1, 30])
def test_number_of_seeds_is_crossed_by_no_line(
    kind: Literal["horizon", "step", "sweep", "curves"], spread: float
) -> None:
    if kind == "sweep":
        points = plots.points()
        figure = sweeps.draw(points.assign(high=points["high"] * spread), MEASURED, "x", plots.PUBLISHED)
    elif kind == "curves":
        figure = curves.draw(plots.curves(), MEASURED, plots.PUBLISHED)
    else:
        errors = plots.errors(
            steps=[1e5, 2e5] if kind == "step" else [1e5], horizons=[15, 45][: 1 + (kind == "horizon")]
        )
        figure = model_errors.draw(errors.assign(high=errors["high"].max() * spread), MEASURED, kind)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axis in figure.axes:
        [label] = [text for text in axis.texts if text.get_text().startswith("n=")]
        top = axis.transData.transform((axis.get_xlim()[1], axis.dataLim.y1))[1]
        assert label.get_window_extent(canvas.get_renderer()).y0 > top


MANY = ["dreamer", LONG, *(f"variant_{i}" for i in range(10))]


DMC = [
    "dmc_acrobot_swingup", "dmc_ball_in_cup_catch", "dmc_cartpole_balance", "dmc_cartpole_balance_sparse",
    "dmc_cartpole_swingup_sparse", "dmc_cheetah_run", "dmc_finger_turn_hard", "dmc_hopper_stand",
    "dmc_pendulum_swingup", "dmc_quadruped_run", "dmc_quadruped_walk", "dmc_reacher_easy", "dmc_walker_stand",
]  # fmt: skip


def without_bounds(data: pd.DataFrame) -> pd.DataFrame:
    return data.assign(low=np.nan, high=np.nan)


def sweep(tasks: list[str], variants: list[str]) -> Figure:
    points = plots.points(tasks, variants)
    wide = pd.concat([points.assign(value=2 * points["value"] + i) for i in range(4)])
    return sweeps.draw(wide, looks(variants), "action_repeat", PUBLISHED)


MAKERS: dict[str, Callable[[list[str], list[str]], Figure]] = {
    "curves": lambda tasks, names: curves.draw(plots.curves(tasks, names), looks(names), PUBLISHED),
    "narrow": lambda tasks, names: curves.draw(plots.curves(tasks, names), looks(names), columns=8),
    "single": lambda tasks, names: curves.draw(without_bounds(plots.curves(tasks, names, 3)), looks(names)),
    "bars": lambda tasks, names: final.draw(plots.finals(tasks, names), looks(names), PUBLISHED),
    "apart": lambda tasks, names: final.draw(
        pd.concat(
            [
                plots.finals([f"atari_{task}"], names).assign(mean=-(20.0**i), low=np.nan)
                for i, task in enumerate(tasks[:7])
            ]
        ),
        looks(names),
    ),
    "sweep": sweep,
    "ahead": lambda tasks, names: model_errors.draw(plots.errors(tasks, names), looks(names), "horizon"),
    "over_time": lambda tasks, names: model_errors.draw(
        plots.errors(tasks, names, [15], [4e5, 8e5, 12e5]), looks(names), "step"
    ),
    "aggregates": lambda _, names: aggregates.draw(plots.aggregates(names), looks(names)),
    "no_intervals": lambda _, names: aggregates.draw(without_bounds(plots.aggregates(names)), looks(names)),
    "improvement": lambda _, names: improvement.draw(plots.improvement(names, LONG), looks(names)),
    "profiles": lambda _, names: profiles.draw(plots.profiles(names), looks(names)),
    "efficiency": lambda _, names: efficiency.draw(plots.efficiency(names), looks(names)),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(("tasks", "variants"), [(1, 1), (1, 3), (1, 12), (5, 3), (13, 12)])
def test_figures_are_one_or_two_columns_wide_and_no_text_overlaps_or_is_cut(
    kind: str, tasks: int, variants: int
) -> None:
    names = [LONGEST, *DMC][:tasks] if tasks == 5 else DMC[:tasks]
    figure = MAKERS[kind](names, MANY[-variants:] if variants == 1 else MANY[:variants])
    assert figure.get_figwidth() in (ONE, TWO)
    shown = plots.visible_texts(figure)
    assert len(shown) > 6
    assert {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()} == {7, 8}
    for i, (name, box) in enumerate(shown):
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= figure.bbox.x1, name
        assert box.y1 <= figure.bbox.y1, name
        for other, second in shown[:i]:
            assert not box.padded(-0.5).overlaps(second.padded(-0.5)), (name, other)
    assert all(axis.get_window_extent().height > 0.4 * figure.dpi for axis in figure.axes), "high enough to be read"


@pytest.mark.parametrize(("tasks", "variants", "width"), [(1, 3, ONE), (1, 6, TWO), (2, 1, TWO)])
def test_a_panel_with_few_lines_takes_one_column(tasks: int, variants: int, width: float) -> None:
    names = MANY[:variants]
    figure = curves.draw(plots.curves(DMC[:tasks], names), looks(names))
    assert figure.get_figwidth() == width
    if tasks == 1:
        assert profiles.draw(plots.profiles(names), looks(names)).get_figwidth() == width
