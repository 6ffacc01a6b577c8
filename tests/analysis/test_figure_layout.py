"""Every figure fits a paper: one of two widths, and no text lies over another or outside."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis import figures
from tests.analysis import plots
from tests.analysis.plots import LONG, LONGEST, PUBLISHED

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
    return figures.sweep(wide, figures.looks(variants), "action_repeat", PUBLISHED)


MAKERS: dict[str, Callable[[list[str], list[str]], Figure]] = {
    "curves": lambda tasks, names: figures.learning_curves(plots.curves(tasks, names), figures.looks(names), PUBLISHED),
    "narrow": lambda tasks, names: figures.learning_curves(plots.curves(tasks, names), figures.looks(names), columns=8),
    "single": lambda tasks, names: figures.learning_curves(
        without_bounds(plots.curves(tasks, names, 3)), figures.looks(names)
    ),
    "bars": lambda tasks, names: figures.final_bars(plots.finals(tasks, names), figures.looks(names), PUBLISHED),
    "apart": lambda tasks, names: figures.final_bars(
        pd.concat(
            [
                plots.finals([f"atari_{task}"], names).assign(mean=-(20.0**i), low=np.nan)
                for i, task in enumerate(tasks[:7])
            ]
        ),
        figures.looks(names),
    ),
    "sweep": sweep,
    "ahead": lambda tasks, names: figures.model_errors(plots.errors(tasks, names), figures.looks(names), "horizon"),
    "over_time": lambda tasks, names: figures.model_errors(
        plots.errors(tasks, names, [15], [4e5, 8e5, 12e5]), figures.looks(names), "step"
    ),
    "aggregates": lambda _, names: figures.aggregate_intervals(plots.aggregates(names), figures.looks(names)),
    "no_intervals": lambda _, names: figures.aggregate_intervals(
        without_bounds(plots.aggregates(names)), figures.looks(names)
    ),
    "improvement": lambda _, names: figures.improvement(plots.improvement(names, LONG), figures.looks(names)),
    "profiles": lambda _, names: figures.performance_profiles(plots.profiles(names), figures.looks(names)),
    "efficiency": lambda _, names: figures.efficiency(plots.efficiency(names), figures.looks(names)),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(("tasks", "variants"), [(1, 1), (1, 3), (1, 12), (5, 3), (13, 12)])
def test_figures_are_one_or_two_columns_wide_and_no_text_overlaps_or_is_cut(
    kind: str, tasks: int, variants: int
) -> None:
    names = [LONGEST, *DMC][:tasks] if tasks == 5 else DMC[:tasks]
    figure = MAKERS[kind](names, MANY[-variants:] if variants == 1 else MANY[:variants])
    assert figure.get_figwidth() in (figures.ONE, figures.TWO)
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


@pytest.mark.parametrize(
    ("tasks", "variants", "width"), [(1, 3, figures.ONE), (1, 6, figures.TWO), (2, 1, figures.TWO)]
)
def test_a_panel_with_few_lines_takes_one_column(tasks: int, variants: int, width: float) -> None:
    names = MANY[:variants]
    figure = figures.learning_curves(plots.curves(DMC[:tasks], names), figures.looks(names))
    assert figure.get_figwidth() == width
    if tasks == 1:
        assert figures.performance_profiles(plots.profiles(names), figures.looks(names)).get_figwidth() == width
