"""Figures of returns: what is drawn is the data."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer

from analysis import figures
from tests.analysis import plots
from tests.analysis.plots import LONG, PUBLISHED, TASKS

LOOKS = figures.looks(["absent", "dreamer", LONG, "ed2"])
NAMES = ["dreamer", LONG]


def line(axis: Axes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The line that is called so: x and y."""
    [found] = [each for each in axis.lines if each.get_label() == name]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


@pytest.mark.parametrize("x", ["step", "hours"])
def test_lines_and_bands_are_the_data(x: str) -> None:
    curves = plots.curves().rename(columns={"step": x})
    figure = figures.learning_curves(curves, LOOKS, x=x)  # type: ignore[arg-type]
    assert [axis.get_title() for axis in figure.axes] == ["Hopper Hop", "Walker Walk", "Reach 2"]
    assert figure.get_supxlabel() == {"step": "Environment steps", "hours": "Hours of training"}[x]
    for axis, task in zip(figure.axes, TASKS, strict=True):
        [bands] = axis.collections
        for i, name in enumerate(NAMES):
            data = curves[(curves["task"] == task) & (curves["variant"] == name)]
            np.testing.assert_array_equal(line(axis, name), data[[x, "mean"]].T)
            vertices = {tuple(vertex) for vertex in np.asarray(bands.get_paths()[i].vertices)}
            bounds = {*zip(data[x], data["low"], strict=True), *zip(data[x], data["high"], strict=True)}
            assert vertices == bounds
            np.testing.assert_allclose(np.asarray(bands.get_facecolor())[i][:3], LOOKS[name].color)
        assert plots.notes(axis) == ["n=3"]
    assert plots.labels(figure) == NAMES


def test_steps_are_counted_in_thousands_and_millions() -> None:
    axis = figures.learning_curves(plots.curves(TASKS[:1]), LOOKS).axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()][2:5] == ["200k", "400k", "600k"]


@pytest.mark.parametrize(
    ("tasks", "asked", "columns"),
    [(1, None, 1), (2, None, 2), (5, None, 5), (6, None, 3), (7, None, 4), (20, None, 5), (7, 3, 3), (2, 8, 2)],
)
def test_there_is_a_panel_for_each_task_and_no_more(tasks: int, asked: int | None, columns: int) -> None:
    names = [f"task_{i:02}" for i in range(tasks)]
    figure = figures.learning_curves(plots.curves(names, ["dreamer"], 3), LOOKS, columns=asked)
    assert [axis.get_title() for axis in figure.axes] == [f"Task {i:02}" for i in range(tasks)]
    assert figure.axes[0].get_gridspec().ncols == columns  # type: ignore[union-attr]
    labelled = [axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in figure.axes]
    assert labelled == [i + columns >= tasks for i in range(tasks)]  # unless another panel is below


def test_tasks_of_other_lengths_have_x_axes_of_their_own() -> None:
    curves = plots.curves([f"task_{i}" for i in range(7)])
    curves.loc[curves["task"] == "task_3", "step"] *= 3
    axes = figures.learning_curves(curves, LOOKS).axes
    assert all(axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in axes)
    assert axes[3].get_xlim()[1] == pytest.approx(3 * axes[2].get_xlim()[1], rel=0.01)


def test_curve_is_dotted_where_it_rests_on_fewer_seeds() -> None:
    curves = plots.curves(TASKS[:1], ["dreamer"])
    few = curves.assign(seeds=np.where(curves["step"] > 750_000, 1, 3))
    axis = figures.learning_curves(few, LOOKS).axes[0]
    dotted, solid = axis.lines
    assert (dotted.get_linestyle(), solid.get_linestyle()) == (":", "-")
    np.testing.assert_array_equal(np.asarray(dotted.get_ydata()), few["mean"])
    np.testing.assert_array_equal(np.isnan(np.asarray(solid.get_ydata())), few["seeds"] == 1)
    assert plots.notes(axis) == ["n=3"]


def test_published_scores_are_labelled_lines() -> None:
    figure = figures.learning_curves(plots.curves(), LOOKS, PUBLISHED)
    levels = {
        axis.get_title(): [each.get_ydata()[0] for each in axis.lines if each.get_label() not in LOOKS]  # type: ignore[index]
        for axis in figure.axes
    }
    assert levels == {"Hopper Hop": [368.97], "Walker Walk": [961.67, 311.0], "Reach 2": []}
    assert plots.labels(figure) == [*NAMES, "Dreamer, published (pixels, 5e6 steps)", "A3C, published"]
    for axis, (_, top) in zip(figure.axes[:2], [(0, 368.97), (0, 961.67)], strict=True):
        assert axis.get_ylim()[1] > top


def test_returns_are_drawn_from_zero_unless_some_are_negative() -> None:
    curves = plots.curves(TASKS[:1])
    shift = {column: curves[column] + 500 for column in ("mean", "low", "high")}
    low, high = figures.learning_curves(curves.assign(**shift), LOOKS).axes[0].get_ylim()
    assert -0.05 * high < low <= 0
    shift = {column: curves[column] - 900 for column in ("mean", "low", "high")}
    low, high = figures.learning_curves(curves.assign(**shift), LOOKS).axes[0].get_ylim()
    assert low < shift["low"].min() < shift["high"].max() < high < 100


def test_interquartile_mean_against_steps_is_the_data() -> None:
    data = plots.efficiency()
    [axis] = figures.efficiency(data, LOOKS).axes
    [bands] = axis.collections
    for name, path in zip(NAMES, bands.get_paths(), strict=True):
        rows = data[data["variant"] == name]
        np.testing.assert_array_equal(line(axis, name), rows[["step", "value"]].T)
        heights = np.asarray(path.vertices)[:, 1]
        assert (heights.min(), heights.max()) == (rows["low"].min(), rows["high"].max())


def test_bands_have_gaps_where_there_is_no_interval() -> None:
    curves = plots.curves(TASKS[:1], ["dreamer"], 9)
    curves.loc[[0, 1, 5], ["low", "high"]] = np.nan
    axis = figures.learning_curves(curves, LOOKS).axes[0]
    steps = [sorted(set(np.asarray(path.vertices)[:, 0])) for path in axis.collections[0].get_paths()]
    assert steps == [curves["step"][2:5].tolist(), curves["step"][6:].tolist()]
    single = figures.learning_curves(curves.assign(low=np.nan, high=np.nan), LOOKS).axes[0]
    assert len(single.collections) == 0
    assert np.asarray(single.lines[0].get_ydata()).tolist() == curves["mean"].tolist()


def test_profiles_are_the_data_with_a_line_at_one_half() -> None:
    data = plots.profiles()
    figure = figures.performance_profiles(data, LOOKS)
    [axis] = figure.axes
    half = axis.lines[0]
    assert (half.get_linestyle(), list(half.get_ydata())) == (":", [0.5, 0.5])  # type: ignore[arg-type]
    for name in NAMES:
        np.testing.assert_array_equal(line(axis, name), data[data["variant"] == name][["threshold", "value"]].T)
    assert len(axis.collections[0].get_paths()) == 2
    assert plots.labels(figure) == NAMES


def test_aggregate_marks_and_bars_are_the_data() -> None:
    figure = figures.aggregate_intervals(plots.aggregates(), LOOKS)
    assert [axis.get_title() for axis in figure.axes] == list(figures.STATISTIC_TITLES.values())
    for axis in figure.axes:
        assert [mark.get_xdata()[0] for mark in axis.lines] == [0.5, 0.7]  # type: ignore[index]
        heights = [float(np.asarray(mark.get_ydata())[0]) for mark in axis.lines]
        segments = [collection.get_segments()[0] for collection in axis.collections]  # type: ignore[attr-defined]
        np.testing.assert_allclose([each[:, 0] for each in segments], [[0.4, 0.7], [0.6, 0.9]])
        np.testing.assert_allclose([each[:, 1] for each in segments], np.transpose([heights, heights]))
        assert axis.get_yticks().tolist() == heights
        assert axis.get_ylim()[0] > heights[1] > heights[0] > axis.get_ylim()[1], "from top to bottom"
    names = [label.get_text().replace("\n", "") for label in figure.axes[0].get_yticklabels()]
    assert names == NAMES


def test_probabilities_of_improvement_are_the_data_with_a_line_at_one_half() -> None:
    data = plots.improvement()
    figure = figures.improvement(data, LOOKS)
    [axis] = figure.axes
    half, *marks = axis.lines
    assert (half.get_linestyle(), list(half.get_xdata())) == (":", [0.5, 0.5])  # type: ignore[arg-type]
    names = [label.get_text().replace("\n", "") for label in axis.get_yticklabels()]
    assert names == [LONG, "ed2"], "in the order of the looks"
    rows = data.set_index("variant").loc[names]
    assert [mark.get_xdata()[0] for mark in marks] == rows["value"].tolist()  # type: ignore[index]
    spans = [collection.get_segments()[0][:, 0] for collection in axis.collections]  # type: ignore[attr-defined]
    np.testing.assert_allclose(spans, rows[["low", "high"]])
    assert figure.get_supxlabel() == "P(variant > dreamer)"
    low, high = axis.get_xlim()
    assert low <= 0 < 1 <= high


def bars(axis: Axes) -> dict[str, dict[int, tuple[float, float]]]:
    """Legend -> number of the group -> where its bar stands, and how high."""
    return {
        str(container.get_label()): {
            round(patch.get_x() + patch.get_width() / 2): (patch.get_x() + patch.get_width() / 2, patch.get_height())
            for patch in container.patches
        }
        for container in axis.containers
        if isinstance(container, BarContainer)
    }


def test_bars_and_whiskers_are_the_data_and_the_last_group_their_average() -> None:
    finals = plots.finals()
    figure = figures.final_bars(finals, LOOKS, PUBLISHED)
    [axis] = figure.axes
    names = [label.get_text().replace("\n", " ") for label in axis.get_xticklabels()]
    assert names == ["Hopper Hop", "Walker Walk", "Reach 2", "Average (1)"]
    found = bars(axis)
    dreamer, a3c = (method.label for method in PUBLISHED)
    assert list(found) == plots.labels(figure) == [*NAMES, dreamer, a3c]
    for name in NAMES:
        means = finals[finals["variant"] == name]["mean"].tolist()
        assert [height for _, height in found[name].values()] == [*means, means[1]], "only one task has all methods"
    assert {group: height for group, (_, height) in found[dreamer].items()} == {0: 368.97, 1: 961.67, 3: 961.67}
    assert {group: height for group, (_, height) in found[a3c].items()} == {1: 311.0, 3: 311.0}
    places = [[place for place, _ in groups.values()] for groups in found.values()]
    assert (np.array(places[0]) < np.array(places[1])).all()
    for name, whiskers in zip(found, axis.collections, strict=False):
        segments = {round(each[0, 0]): each for each in whiskers.get_segments() if len(each)}  # type: ignore[attr-defined]
        if name not in NAMES:
            assert not segments
            continue
        rows = finals[finals["variant"] == name].reset_index()
        assert sorted(segments) == [0, 1, 2]
        for group, segment in segments.items():
            np.testing.assert_allclose(segment[:, 0], found[name][group][0])
            np.testing.assert_allclose(segment[:, 1], rows.loc[group, ["low", "high"]].to_numpy(float))
    assert axis.get_ylim()[0] == 0


def test_average_is_over_the_tasks_that_all_have() -> None:
    finals = plots.finals()
    finals = finals[(finals["variant"] == "dreamer") | (finals["task"] != "toy_reach_2")]
    [axis] = figures.final_bars(finals, LOOKS).axes
    assert axis.get_xticklabels()[-1].get_text().replace("\n", " ") == "Average (2)"
    both = finals[finals["task"] != "toy_reach_2"].groupby("variant")["mean"].mean()
    for name in NAMES:
        assert bars(axis)[name][3][1] == pytest.approx(both[name])
    [axis] = figures.final_bars(plots.finals(TASKS[:1]), LOOKS).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["Hopper Hop"], "one task has no average"


@pytest.mark.parametrize(("columns", "rows"), [(None, [11, 10]), (8, [8, 8, 5])])
def test_many_groups_stand_in_rows(columns: int | None, rows: list[int]) -> None:
    tasks = [f"dmc_task_{i:02}" for i in range(20)]
    axes = figures.final_bars(plots.finals(tasks), LOOKS, columns=columns).axes
    assert [len(axis.get_xticks()) for axis in axes] == rows
    assert len({(*axis.get_xlim(), *axis.get_ylim()) for axis in axes}) == 1, "of one scale"
    titles = [label.get_text().replace("\n", " ") for axis in axes for label in axis.get_xticklabels()]
    assert titles == [*(f"Task {i:02}" for i in range(20)), "Average (20)"]


def test_returns_of_very_different_sizes_have_an_axis_each_and_no_average() -> None:
    finals = pd.DataFrame(
        [("atari_pong", "dreamer", -12.0, -15.0, -9.0, 3), ("atari_qbert", "dreamer", 4000.0, 3000.0, 5000.0, 3)],
        columns=["task", "variant", "mean", "low", "high", "seeds"],
    )
    pong, qbert = figures.final_bars(finals, LOOKS).axes
    assert [axis.get_title() for axis in (pong, qbert)] == ["Pong", "Qbert"]
    assert bars(pong)["dreamer"][0][1] == -12
    assert pong.patches[0].get_y() == 0, "from zero downwards"  # type: ignore[attr-defined]
    assert pong.get_ylim()[0] < -15 < 0 <= pong.get_ylim()[1] < 5
    assert qbert.get_ylim()[0] == 0


def test_a_variant_looks_the_same_in_every_figure() -> None:
    """Also where others are absent; an eleventh variant has the first one's colour and other dashes."""
    names = [f"variant {i}" for i in range(11)]
    looks = figures.looks(names)
    two = [names[2], names[10]]
    grown = figures.learning_curves(plots.curves(TASKS[:1], two), looks).axes[0].lines
    profile = figures.performance_profiles(plots.profiles(two), looks).axes[0].lines[1:]
    swept = figures.sweep(plots.points(variants=two), looks, "x").axes[0].lines
    ahead = figures.model_errors(plots.errors(variants=two), looks, "horizon").axes[0].lines
    for lines in (grown, profile, swept, ahead):
        assert [each.get_color() for each in lines] == [looks[name].color for name in two]
        assert [each.get_linestyle() for each in lines] == ["-", "--"]
    marks = figures.aggregate_intervals(plots.aggregates(two), looks).axes[0].lines
    better = figures.improvement(plots.improvement(two, "variant 0"), looks).axes[0].lines[1:]
    for each in (marks, better):
        assert [mark.get_color() for mark in each] == [looks[name].color for name in two]
    drawn = figures.final_bars(plots.finals(TASKS[:1], two), looks).axes[0].containers
    patches = [container.patches[0] for container in drawn if isinstance(container, BarContainer)]
    assert [to_rgb(patch.get_facecolor()) for patch in patches] == [looks[name].color for name in two]
    assert [bool(patch.get_hatch()) for patch in patches] == [False, True]
