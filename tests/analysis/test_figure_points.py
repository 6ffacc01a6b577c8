"""Figures of means at a few values: sweeps of a setting, and errors of world models."""

from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis import figures
from analysis.published import Published
from tests.analysis import plots
from tests.analysis.plots import TASKS, VARIANTS

LOOKS = figures.looks(["absent", *VARIANTS, "planet"])


def test_returns_against_a_swept_setting_are_the_data() -> None:
    points = plots.points()
    level = Published("D4PG", "a paper", "return", {"dmc_walker_walk": 968.3})
    figure = figures.sweep(points, LOOKS, "horizon", [level])
    assert [axis.get_title() for axis in figure.axes] == ["Walker Walk", "Reach 2"]
    assert plots.labels(figure) == ["dreamer", "planet", "D4PG, published"]
    assert figure.get_supxlabel() == "horizon"
    for axis, task in zip(figure.axes, TASKS[1:], strict=True):
        data = points[points["task"] == task]
        places = []
        lines = [line for line in axis.lines if line.get_label() != level.label]
        bars = axis.collections[0].get_segments()  # type: ignore[attr-defined]
        for i, (line, (name, rows)) in enumerate(zip(lines, data.groupby("variant"), strict=True)):
            np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
            np.testing.assert_allclose(np.asarray(line.get_xdata()), rows["value"].astype(float), atol=0.4)
            spans = np.array(bars[3 * i : 3 * i + 3])
            np.testing.assert_array_equal(spans[:, :, 1], rows[["low", "high"]])
            np.testing.assert_array_equal(spans[:, 0, 0], line.get_xdata())
            assert (line.get_label(), line.get_color()) == (name, LOOKS[str(name)].color)
            places.append(np.asarray(line.get_xdata()))
        assert (places[0] < places[1]).all()
        assert [label.get_text() for label in axis.get_xticklabels()] == ["3", "7", "15"]
        assert axis.get_xticks().tolist() == [3, 7, 15]
        assert axis.get_xscale() == "linear"
        assert plots.notes(axis) == ["n=2 to 3"]
    walker, toy = figure.axes
    assert [line.get_ydata()[0] for line in walker.lines if line.get_label() == level.label] == [968.3]  # type: ignore[index]
    assert len(toy.lines) == 2


def test_points_on_fewer_seeds_are_hollow_and_counted() -> None:
    columns = {"value": [3, 6, 12], "task": "t", "variant": "planet", "mean": [1.0, 2, 3], "low": 0, "high": 4}
    points = pd.DataFrame({**columns, "seeds": [3, 1, 2]}).astype({"value": object})
    [axis] = figures.sweep(points, LOOKS, "x").axes
    _, hollow = axis.collections
    np.testing.assert_array_equal(np.asarray(hollow.get_offsets())[:, 1], [2, 3])
    assert (np.asarray(hollow.get_facecolor()) == 1).all()
    assert plots.notes(axis) == ["n=1 to 3"]


@pytest.mark.parametrize(
    ("values", "scale", "labels"),
    [
        ([1, 2, 4, 8], "linear", ["1", "2", "4", "8"]),
        ([1, 3, 10], "log", ["1", "3", "10"]),
        ([0, 5, 50], "linear", ["0", "5", "50"]),
        ([3, 5, 10, 15, 20, 25, 30, 40, 41], "log", ["3", "5", "10", "15", "20", "25", "30", "40", ""]),
        ([0.95], "linear", ["0.95"]),
    ],
)
def test_axis_of_a_swept_setting_is_logarithmic_from_a_factor_of_ten(
    values: list[float], scale: str, labels: list[str]
) -> None:
    columns = {"value": values, "task": "t", "variant": "planet", "mean": 1.0, "low": 0, "high": 2, "seeds": 2}
    [axis] = figures.sweep(pd.DataFrame(columns).astype({"value": object}), LOOKS, "x").axes
    assert axis.get_xscale() == scale
    assert axis.get_xticks().tolist() == values
    assert [label.get_text() for label in axis.get_xticklabels()] == labels
    np.testing.assert_allclose(np.asarray(axis.lines[0].get_xdata()), values)  # a single line stands at its values
    low, high = axis.get_xlim()
    assert low < values[0] <= values[-1] < high


def panels(figure: Figure) -> dict[tuple[str, str], Axes]:
    """The axes of a grid of model errors, by title of task and measure."""
    spec = figure.axes[0].get_subplotspec()
    assert spec is not None
    columns = spec.get_gridspec().ncols
    measures = {title: measure for measure, title in figures.MEASURE_TITLES.items()}
    across = [measures[axis.get_title().replace("\n", " ")] for axis in figure.axes[:columns]]
    down = [axis.get_ylabel().replace("\n", " ") for axis in figure.axes[::columns]]
    return dict(zip(product(down, across), figure.axes, strict=True))


def of(data: pd.DataFrame, pair: tuple[str, str], variant: str) -> pd.DataFrame:
    """The rows of one line in the panel of a task and measure."""
    rows = data[(data["measure"] == pair[1]) & (data["variant"] == variant)]
    return rows[rows["task"].map(figures.task_title) == pair[0]]


def test_errors_ahead_are_the_data_side_by_side() -> None:
    errors = plots.errors()
    figure = figures.model_errors(errors, LOOKS, "horizon")
    grid = panels(figure)
    assert list(grid) == [*product(["Hopper Hop", "Walker Walk"], ["image", "reward", "kl"])]
    assert figure.get_supxlabel() == "Agent steps ahead"
    for pair, axis in grid.items():
        places = []
        assert len(axis.lines) == len(VARIANTS)
        [bars] = axis.collections
        for i, (line, variant) in enumerate(zip(axis.lines, VARIANTS, strict=True)):
            data = of(errors, pair, variant)
            np.testing.assert_array_equal(line.get_ydata(), data["mean"])
            np.testing.assert_allclose(line.get_xdata() / data["horizon"], 1, atol=0.3)  # type: ignore[operator]
            spans = np.array(bars.get_segments()[4 * i : 4 * i + 4])  # type: ignore[attr-defined]
            assert tuple(np.asarray(bars.get_edgecolor())[4 * i][:3]) == LOOKS[variant].color
            np.testing.assert_array_equal(spans[:, :, 1], data[["low", "high"]])
            np.testing.assert_array_equal(spans[:, 0, 0], line.get_xdata())
            assert (line.get_color(), line.get_label()) == (LOOKS[variant].color, variant)
            places.append(np.asarray(line.get_xdata()))
        assert (np.diff(places, axis=0) > 0).all()  # in the order of the legend at each horizon
        assert np.max(places[-1][:-1] / places[0][1:]) < 1  # and apart from the next horizon's
        assert axis.get_xticks().tolist() == [1, 5, 15, 45]
        assert axis.get_xscale() == "log"
        assert plots.notes(axis) == ["n=3"]


def test_errors_over_time_are_the_data() -> None:
    errors = plots.errors(horizons=[15], steps=[1e5 * (1 + i) for i in range(12)])
    figure = figures.model_errors(errors, LOOKS, "step")
    assert figure.get_supxlabel() == "Environment steps"
    for pair, axis in panels(figure).items():
        for line, variant in zip(axis.lines, VARIANTS, strict=True):
            data = of(errors, pair, variant)
            np.testing.assert_array_equal(line.get_xdata(), data["step"])
            np.testing.assert_array_equal(line.get_ydata(), data["mean"])
            assert line.get_color() == LOOKS[variant].color


def test_many_tasks_stand_in_two_columns_of_rows() -> None:
    tasks = [f"dmc_task_{i}" for i in range(7)]
    figure = figures.model_errors(plots.errors(tasks, ["dreamer"]), LOOKS, "horizon")
    labels = {axis.get_ylabel(): axis.get_subplotspec() for axis in figure.axes if axis.get_ylabel()}
    places = [(spec.rowspan.start, spec.colspan.start) for spec in labels.values() if spec]
    assert dict(zip(labels, places, strict=True)) == {
        **{f"Task {i}": (i, 0) for i in range(4)},
        **{f"Task {4 + i}": (i, 3) for i in range(3)},
    }
    assert len(figure.axes) == 21


@pytest.mark.parametrize("spread", [1.0, 1.01, 3.0, 9.0, 11.0, 50.0, 1e4, 1e9])
def test_axes_of_errors_are_logarithmic_from_a_factor_of_ten_and_have_some_labels(spread: float) -> None:
    one = (
        plots.errors().query("variant == 'ed2' and measure == 'kl'").assign(low=0.037, mean=0.037, high=0.037 * spread)
    )
    for axis in figures.model_errors(one, LOOKS, "horizon").axes:
        low, high = axis.get_ylim()
        assert axis.get_yscale() == ("log" if spread > 10 else "linear")
        assert low < 0.037 <= 0.037 * spread < high
        assert 2 <= sum(low <= tick <= high for tick in axis.get_yticks()) <= 10


def test_errors_of_zero_are_drawn_on_straight_axes() -> None:
    figure = figures.model_errors(plots.errors().assign(low=0.0), LOOKS, "horizon")
    assert {axis.get_yscale() for axis in figure.axes} == {"linear"}


def test_what_was_not_measured_leaves_room_or_no_column() -> None:
    hopper, walker = TASKS[:2]
    errors = plots.errors(variants=["dreamer", "wide"])
    part = errors[(errors["measure"] != "image") & ~((errors["task"] == walker) & (errors["measure"] == "kl"))]
    figure = figures.model_errors(part, LOOKS, "horizon")
    grid = panels(figure)
    assert [measure for task, measure in grid if task == figures.task_title(hopper)] == ["reward", "kl"]
    assert [pair for pair, axis in grid.items() if not axis.axison] == [("Walker Walk", "kl")]
    assert plots.labels(figure) == ["dreamer", "wide"]
    last = grid["Hopper Hop", "kl"]
    assert last.xaxis.get_major_ticks()[0].label1.get_visible(), "nothing is below it"


@pytest.mark.parametrize("kind", ["horizon", "step", "sweep", "curves"])
@pytest.mark.parametrize("spread", [1, 30])
def test_number_of_seeds_is_crossed_by_no_line(
    kind: Literal["horizon", "step", "sweep", "curves"], spread: float
) -> None:
    if kind == "sweep":
        points = plots.points()
        figure = figures.sweep(points.assign(high=points["high"] * spread), LOOKS, "x", plots.PUBLISHED)
    elif kind == "curves":
        figure = figures.learning_curves(plots.curves(), LOOKS, plots.PUBLISHED)
    else:
        errors = plots.errors(
            steps=[1e5, 2e5] if kind == "step" else [1e5], horizons=[15, 45][: 1 + (kind == "horizon")]
        )
        figure = figures.model_errors(errors.assign(high=errors["high"].max() * spread), LOOKS, kind)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axis in figure.axes:
        [label] = [text for text in axis.texts if text.get_text().startswith("n=")]
        top = axis.transData.transform((axis.get_xlim()[1], axis.dataLim.y1))[1]
        assert label.get_window_extent(canvas.get_renderer()).y0 > top
