"""Statistics over runs and tasks, against scipy, numpy and rliable."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from rliable import library, metrics

from analysis import statistics
from analysis.results import (
    aggregates,
)
from analysis.settings import AnalysisSettings
from tests.analysis import plots
from tests.analysis.conftest import finals
from tests.analysis.plots import LOOKS, NAMES

RNG = np.random.default_rng(3)


def values(aggregates: pd.DataFrame, variant: str = "dreamer", column: str = "value") -> dict[str, float]:
    rows = aggregates[aggregates["variant"] == variant]
    return dict(zip(rows["statistic"], rows[column], strict=True))


def test_statistics_agree_with_scipy_and_numpy(settings: AnalysisSettings) -> None:
    scores = RNG.uniform(0, 1.3, (5, 8))
    found = values(aggregates.aggregates(finals(scores), settings))
    assert found["iqm"] == pytest.approx(scipy.stats.trim_mean(scores.ravel(), 0.25))
    assert found["median"] == pytest.approx(np.median(scores.mean(axis=0)))
    assert found["mean"] == pytest.approx(scores.mean())
    assert found["optimality_gap"] == pytest.approx(1 - np.minimum(scores, 1).mean())


def test_statistics_of_a_small_example_by_hand(settings: AnalysisSettings) -> None:
    # Two runs, two tasks: sorted 0, 0.2, 0.6, 2; the middle half is 0.2 and 0.6; task means are 0.1 and 1.3.
    found = aggregates.aggregates(finals(np.array([[0.0, 0.6], [0.2, 2.0]])), settings)
    assert values(found) == pytest.approx({"iqm": 0.4, "median": 0.7, "mean": 0.7, "optimality_gap": 1 - 1.8 / 4})
    assert list(found.columns) == ["variant", "statistic", "value", "low", "high", "runs", "tasks"]
    assert set(found["runs"]) == {2}
    assert set(found["tasks"]) == {2}


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 2), (3, 7), (5, 8), (10, 20)])
def test_one_pass_equals_each_of_rliables_metrics(shape: tuple[int, int]) -> None:
    for scores in (RNG.normal(0.5, 1, shape), RNG.integers(0, 3, shape) / 2):  # the second with many ties
        expected = [getattr(metrics, f"aggregate_{statistic}")(scores) for statistic in aggregates.STATISTICS]
        np.testing.assert_allclose(
            aggregates.summary([shape[0]] * shape[1])(scores.T.ravel()), expected, rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("statistic", list(aggregates.STATISTICS))
def test_one_bootstrap_for_all_equals_rliable_for_each(statistic: str, settings: AnalysisSettings) -> None:
    scores = RNG.uniform(0, 1.2, (4, 3))
    settings = settings.model_copy(update={"seed": 5, "confidence": 0.9})
    function = getattr(metrics, f"aggregate_{statistic}")
    np.random.seed(5)  # noqa: NPY002
    value, bounds = library.get_interval_estimates(
        {"x": scores}, lambda x: np.array([function(x)]), reps=200, confidence_interval_size=0.9
    )
    found = aggregates.aggregates(finals(scores), settings)
    row = found.loc[found["statistic"] == statistic, ["value", "low", "high"]].to_numpy()
    np.testing.assert_allclose(row, [[value["x"][0], *bounds["x"].ravel()]], rtol=0, atol=1e-12)


def test_unequal_runs_equal_rliable_on_the_runs_of_each_task(settings: AnalysisSettings) -> None:
    """Rliable takes each task's runs as an array of its own; its metrics take all runs, or the means of tasks."""
    settings = settings.model_copy(update={"seed": 6, "confidence": 0.9})
    for sizes in ((4, 1, 3), (2, 9, 9, 5), (1, 1, 17, 16), (3, 2)):
        tasks = [RNG.normal(0.5, 0.4, size) for size in sizes]
        rows = [(f"task_{t}", "dreamer", r, score) for t, scores in enumerate(tasks) for r, score in enumerate(scores)]

        def function(*tasks: np.ndarray) -> np.ndarray:
            scores, means = np.concatenate(tasks), np.array([[task.mean() for task in tasks]])
            found = metrics.aggregate_iqm(scores), metrics.aggregate_median(means), metrics.aggregate_mean(means)
            return np.array([*found, metrics.aggregate_optimality_gap(scores)])

        np.random.seed(6)  # noqa: NPY002
        value, bounds = library.get_interval_estimates(
            {"x": [scores[:, None] for scores in tasks]}, function, reps=200, confidence_interval_size=0.9
        )
        found = aggregates.aggregates(pd.DataFrame(rows, columns=["task", "variant", "seed", "score"]), settings)
        expected = np.stack([value["x"], *bounds["x"]], axis=1)
        np.testing.assert_allclose(found[["value", "low", "high"]], expected, rtol=0, atol=1e-12)
        assert set(found["runs"]) == {f"{min(sizes)} to {max(sizes)}"}


def test_equal_input_gives_equal_numbers_and_leaves_numpy_alone(settings: AnalysisSettings) -> None:
    runs = finals(RNG.uniform(0, 1, (5, 4)))
    np.random.seed(1)  # noqa: NPY002
    untouched = np.random.random(3)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    first = aggregates.aggregates(runs, settings)
    assert np.random.random(3).tolist() == untouched.tolist()  # noqa: NPY002
    pd.testing.assert_frame_equal(first, aggregates.aggregates(runs, settings))
    other = aggregates.aggregates(runs, settings.model_copy(update={"seed": 1}))
    assert values(other, column="low") != values(first, column="low")
    assert values(other) == values(first)


def test_another_variant_moves_nothing(settings: AnalysisSettings) -> None:
    runs = finals(RNG.uniform(0, 1, (5, 4)))
    both = pd.concat([finals(RNG.uniform(-9, 9, (3, 4)), "wild"), runs])
    for column in ("value", "low", "high"):
        assert values(aggregates.aggregates(both, settings), column=column) == values(
            aggregates.aggregates(runs, settings), column=column
        )


def test_one_seed_has_no_interval(settings: AnalysisSettings) -> None:
    runs = finals(np.array([[0.1, 0.5, 0.9]]))
    found = aggregates.aggregates(runs, settings)
    assert values(found)["mean"] == pytest.approx(0.5)
    assert found[["low", "high"]].isna().all(axis=None)
    assert statistics.task_means(runs, settings)[["low", "high"]].isna().all(axis=None)


def test_aggregates_compare_tasks_that_all_variants_have(settings: AnalysisSettings) -> None:
    full, part = finals(np.eye(3)), finals(np.ones((2, 2)), "part")
    found = aggregates.aggregates(pd.concat([full, part]), settings)
    assert set(found["tasks"]) == {2}
    assert values(found)["mean"] == pytest.approx(np.eye(3)[:, :2].mean())
    assert values(found, "part", "runs")["iqm"] == 2


def test_variants_without_a_common_task_keep_their_own(settings: AnalysisSettings) -> None:
    other = finals(np.ones((2, 1)), "other").assign(task="elsewhere")
    found = aggregates.aggregates(pd.concat([finals(np.eye(3)), other]), settings)
    assert values(found, column="tasks")["iqm"] == 3
    assert values(found, "other", "tasks")["iqm"] == 1


def test_aggregate_marks_and_bars_are_the_data() -> None:
    figure = aggregates.draw(plots.aggregates(), LOOKS)
    assert [axis.get_title() for axis in figure.axes] == list(aggregates.STATISTICS.values())
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
