"""Learning curves: the numbers, and the figures against the numbers."""

import numpy as np
import pandas as pd
import pytest

from analysis import statistics
from analysis.results import captions, curves
from analysis.scores import usable
from analysis.settings import AnalysisSettings
from tests.analysis import plots
from tests.analysis.conftest import Entry, as_scores, entries
from tests.analysis.plots import LOOKS, NAMES, PUBLISHED, TASKS, line

RNG = np.random.default_rng(3)


def table(runs: list[Entry]) -> pd.DataFrame:
    return usable(as_scores(runs), "eval/return")


def run(seed: int, xs: list[float], ys: list[float]) -> Entry:
    return {"task": "t", "method": "v", "seed": seed, "xs": xs, "ys": ys}


def test_curve_is_the_mean_over_seeds(settings: AnalysisSettings) -> None:
    runs = entries(["dmc_walker_walk"], ["dreamer"], seeds=3)
    found = curves.curves(table(runs), settings)
    assert list(found.columns) == ["task", "variant", "step", "mean", "low", "high", "seeds"]
    assert found["step"].tolist() == runs[0]["xs"]
    np.testing.assert_allclose(found["mean"], np.mean([entry["ys"] for entry in runs], axis=0))
    assert set(found["seeds"]) == {3}
    low, high = statistics.mean_interval(np.array([entry["ys"] for entry in runs]), settings)
    np.testing.assert_allclose(found[["low", "high"]], np.stack([low, high], axis=1))


def test_curves_of_many_runs_are_those_of_each(settings: AnalysisSettings) -> None:
    """In any order of the rows."""
    mixed = table(entries(["b", "a"], ["y", "x"], seeds=3)).sample(frac=1, random_state=2)
    found = curves.curves(mixed, settings)
    parts = [
        curves.curves(part.sort_values(["seed", "step"]), settings) for _, part in mixed.groupby(["task", "variant"])
    ]
    keys = ["task", "variant", "step"]
    expected = pd.concat(parts).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(found.sort_values(keys, ignore_index=True), expected)


def test_curve_of_seeds_evaluated_at_different_steps(settings: AnalysisSettings) -> None:
    # Both runs lie on straight lines, so their mean is known at every step between.
    xs, zs = [0, 10, 20], [5, 15, 25, 35, 45]
    runs = [run(0, [*xs], [2.0 * x for x in xs]), run(1, [*zs], [4.0 * z for z in zs])]
    found = curves.curves(table(runs), settings).set_index("step")
    assert found.loc[10, "mean"] == pytest.approx(30)
    assert found.loc[15, "mean"] == pytest.approx(45)
    # Up to half an interval beyond its last evaluation, the first run counts with its last return.
    assert found["seeds"].to_dict() == {0: 2, 5: 2, 10: 2, 15: 2, 20: 2, 25: 2, 35: 1, 45: 1}
    assert found.loc[25, "mean"] == pytest.approx((40 + 100) / 2)
    assert found.loc[35, "mean"] == pytest.approx(140)
    for band in ("interval", "std", "range"):
        found = curves.curves(table(runs), settings.model_copy(update={"band": band})).set_index("step")
        assert found.index[found["low"].isna()].tolist() == [35, 45]
        assert found.index[found["high"].isna()].tolist() == [35, 45]


def test_bands_of_runs_that_end_early_equal_a_bootstrap_by_numpy(settings: AnalysisSettings) -> None:
    """Three runs end after four, two and three evaluations: each point resamples the runs that it averages."""
    values = RNG.normal(0, 1, (3, 4))
    runs = [run(seed, [10.0, 20, 30, 40][:end], [*values[seed, :end]]) for seed, end in enumerate((4, 2, 3))]
    found = curves.curves(table(runs), settings.model_copy(update={"seed": 3}))
    assert found["seeds"].tolist() == [3, 3, 2, 1]
    for point, seeds in enumerate(([0, 1, 2], [0, 1, 2], [0, 2])):
        scores, count = values[seeds, point], len(seeds)
        runs_B = np.random.default_rng(3).multinomial(count, np.full(count, 1 / count), settings.repetitions)
        means = [np.mean(np.repeat(scores, counts)) for counts in runs_B]
        expected = [scores.mean(), *np.quantile(means, [0.025, 0.975])]
        row = found[["mean", "low", "high"]].to_numpy()[point]
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-12)


def test_bands_by_hand(settings: AnalysisSettings) -> None:
    runs = [run(0, [1], [1.0]), run(1, [1], [2.0]), run(2, [1], [6.0])]

    def band(name: str) -> list[float]:
        found = curves.curves(table(runs), settings.model_copy(update={"band": name}))
        return found[["mean", "low", "high"]].to_numpy().ravel().tolist()

    spread = np.std([1, 2, 6])  # of the population: the root of the mean squared deviation
    assert band("std") == pytest.approx([3, 3 - spread, 3 + spread])
    assert band("range") == [3, 1, 6]
    assert band("none") == pytest.approx([3, np.nan, np.nan], nan_ok=True)


def test_bins_by_hand(settings: AnalysisSettings) -> None:
    """Bins are (0, 10], (10, 20], (20, 30]; the first seed has no evaluation in the second and gets no point there."""
    runs = [run(0, [0, 5, 10, 21, 30], [1.0, 2, 6, 10, 20]), run(1, [10, 11, 19], [1.0, 2, 4])]
    found = curves.curves(table(runs), settings.model_copy(update={"bin": 10.0}))
    assert found["step"].tolist() == [5, 15, 25]
    assert found["mean"].tolist() == [(3 + 1) / 2, 3, 15]
    assert found["seeds"].tolist() == [2, 1, 1]


def test_a_long_curve_is_thinned_to_steps_that_were_evaluated(settings: AnalysisSettings) -> None:
    steps = np.arange(1, 1001) * 10.0
    values = RNG.normal(0, 1, (2, 1000))
    runs = [run(seed, [*steps], [*values[seed]]) for seed in range(2)]
    found = curves.curves(table(runs), settings)
    assert len(found) == 200
    assert (found["step"].iloc[0], found["step"].iloc[-1]) == (10, 10_000)
    assert set(np.diff(found["step"])) == {50, 60}  # 999 steps in 199 parts
    expected = values.mean(axis=0)[np.searchsorted(steps, found["step"])]
    np.testing.assert_allclose(found["mean"], expected)


def test_curve_against_hours(settings: AnalysisSettings) -> None:
    """A seed without hours is left out; one that takes twice as long is twice as far to the right."""
    evaluations = table([run(seed, [10, 20, 30], [1.0, 2, 3]) for seed in range(3)])
    evaluations["hours"] = [1, 2, 3, 2, 4, 6, *[np.nan] * 3]
    against = settings.model_copy(update={"x": "hours"})
    found = curves.curves(evaluations, against)
    assert list(found.columns) == ["task", "variant", "hours", "mean", "low", "high", "seeds"]
    assert found["hours"].tolist() == [1, 2, 3, 4, 6]
    assert found["mean"].tolist() == pytest.approx([(1 + 1) / 2, 1.5, (3 + 1.5) / 2, 2, 3])
    assert found["seeds"].tolist() == [2, 2, 2, 1, 1]
    binned = curves.curves(evaluations, against.model_copy(update={"bin": 20.0}))
    assert binned["hours"].tolist() == [1.5, 3, 6]
    assert binned["mean"].tolist() == [1.5, (3 + 1.5) / 2, 3]
    for width in (None, 20.0):
        unknown = curves.curves(evaluations[6:], against.model_copy(update={"bin": width}))
        assert unknown.empty
        assert list(unknown.columns) == list(found.columns)


def described(settings: AnalysisSettings) -> str:
    return curves.describe(settings, captions.kind(settings))


def test_curves_are_described() -> None:
    text = described(AnalysisSettings(repetitions=50_000))
    assert "at most 200 points" in text
    assert "95 % stratified bootstrap interval over seeds" in text
    assert "bins of 100,000 environment steps" in described(AnalysisSettings(bin=1e5))
    assert "divided by n, not n - 1" in described(AnalysisSettings(band="std"))
    assert "lowest to highest" in described(AnalysisSettings(band="range"))
    assert "Band" not in described(AnalysisSettings(band="none"))


@pytest.mark.parametrize("x", ["step", "hours"])
def test_lines_and_bands_are_the_data(x: str) -> None:
    points = plots.curves().rename(columns={"step": x})
    figure = curves.draw(points, LOOKS, x=x)  # type: ignore[arg-type]
    assert [axis.get_title() for axis in figure.axes] == ["Hopper Hop", "Walker Walk", "Reach 2"]
    assert figure.get_supxlabel() == {"step": "Environment steps", "hours": "Hours of training"}[x]
    for axis, task in zip(figure.axes, TASKS, strict=True):
        [bands] = axis.collections
        for i, name in enumerate(NAMES):
            data = points[(points["task"] == task) & (points["variant"] == name)]
            np.testing.assert_array_equal(line(axis, name), data[[x, "mean"]].T)
            vertices = {tuple(vertex) for vertex in np.asarray(bands.get_paths()[i].vertices)}
            bounds = {*zip(data[x], data["low"], strict=True), *zip(data[x], data["high"], strict=True)}
            assert vertices == bounds
            np.testing.assert_allclose(np.asarray(bands.get_facecolor())[i][:3], LOOKS[name].color)
        assert plots.notes(axis) == ["n=3"]
    assert plots.labels(figure) == NAMES


def test_steps_are_counted_in_thousands_and_millions() -> None:
    axis = curves.draw(plots.curves(TASKS[:1]), LOOKS).axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()][2:5] == ["200k", "400k", "600k"]


@pytest.mark.parametrize(
    ("tasks", "asked", "columns"),
    [(1, None, 1), (2, None, 2), (5, None, 5), (6, None, 3), (7, None, 4), (20, None, 5), (7, 3, 3), (2, 8, 2)],
)
def test_there_is_a_panel_for_each_task_and_no_more(tasks: int, asked: int | None, columns: int) -> None:
    names = [f"task_{i:02}" for i in range(tasks)]
    figure = curves.draw(plots.curves(names, ["dreamer"], 3), LOOKS, columns=asked)
    assert [axis.get_title() for axis in figure.axes] == [f"Task {i:02}" for i in range(tasks)]
    assert figure.axes[0].get_gridspec().ncols == columns  # type: ignore[union-attr]
    labelled = [axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in figure.axes]
    assert labelled == [i + columns >= tasks for i in range(tasks)]  # unless another panel is below


def test_tasks_of_other_lengths_have_x_axes_of_their_own() -> None:
    points = plots.curves([f"task_{i}" for i in range(7)])
    points.loc[points["task"] == "task_3", "step"] *= 3
    axes = curves.draw(points, LOOKS).axes
    assert all(axis.xaxis.get_major_ticks()[0].label1.get_visible() for axis in axes)
    assert axes[3].get_xlim()[1] == pytest.approx(3 * axes[2].get_xlim()[1], rel=0.01)


def test_curve_is_dotted_where_it_rests_on_fewer_seeds() -> None:
    points = plots.curves(TASKS[:1], ["dreamer"])
    few = points.assign(seeds=np.where(points["step"] > 750_000, 1, 3))
    axis = curves.draw(few, LOOKS).axes[0]
    dotted, solid = axis.lines
    assert (dotted.get_linestyle(), solid.get_linestyle()) == (":", "-")
    np.testing.assert_array_equal(np.asarray(dotted.get_ydata()), few["mean"])
    np.testing.assert_array_equal(np.isnan(np.asarray(solid.get_ydata())), few["seeds"] == 1)
    assert plots.notes(axis) == ["n=3"]


def test_published_scores_are_labelled_lines() -> None:
    figure = curves.draw(plots.curves(), LOOKS, PUBLISHED)
    levels = {
        axis.get_title(): [each.get_ydata()[0] for each in axis.lines if each.get_label() not in LOOKS]  # type: ignore[index]
        for axis in figure.axes
    }
    assert levels == {"Hopper Hop": [368.97], "Walker Walk": [961.67, 311.0], "Reach 2": []}
    assert plots.labels(figure) == [*NAMES, "Dreamer, published (pixels, 5e6 steps)", "A3C, published"]
    for axis, (_, top) in zip(figure.axes[:2], [(0, 368.97), (0, 961.67)], strict=True):
        assert axis.get_ylim()[1] > top


def test_returns_are_drawn_from_zero_unless_some_are_negative() -> None:
    points = plots.curves(TASKS[:1])
    shift = {column: points[column] + 500 for column in ("mean", "low", "high")}
    low, high = curves.draw(points.assign(**shift), LOOKS).axes[0].get_ylim()
    assert -0.05 * high < low <= 0
    shift = {column: points[column] - 900 for column in ("mean", "low", "high")}
    low, high = curves.draw(points.assign(**shift), LOOKS).axes[0].get_ylim()
    assert low < shift["low"].min() < shift["high"].max() < high < 100


def test_bands_have_gaps_where_there_is_no_interval() -> None:
    points = plots.curves(TASKS[:1], ["dreamer"], 9)
    points.loc[[0, 1, 5], ["low", "high"]] = np.nan
    axis = curves.draw(points, LOOKS).axes[0]
    steps = [sorted(set(np.asarray(path.vertices)[:, 0])) for path in axis.collections[0].get_paths()]
    assert steps == [points["step"][2:5].tolist(), points["step"][6:].tolist()]
    single = curves.draw(points.assign(low=np.nan, high=np.nan), LOOKS).axes[0]
    assert len(single.collections) == 0
    assert np.asarray(single.lines[0].get_ydata()).tolist() == points["mean"].tolist()
