import numpy as np
import pandas as pd
import pytest
import scipy.stats
from rliable import library, metrics

from analysis import statistics
from analysis.settings import AnalysisSettings
from tests.analysis.conftest import as_scores, entries

RNG = np.random.default_rng(3)


def finals(scores_RT: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", variant: str = "dreamer") -> pd.DataFrame:
    runs, tasks = scores_RT.shape
    rows = [(f"task_{t}", variant, r, scores_RT[r, t]) for t in range(tasks) for r in range(runs)]
    return pd.DataFrame(rows, columns=["task", "variant", "seed", "score"])


def values(aggregates: pd.DataFrame, variant: str = "dreamer", column: str = "value") -> dict[str, float]:
    rows = aggregates[aggregates["variant"] == variant]
    return dict(zip(rows["statistic"], rows[column], strict=True))


def test_statistics_agree_with_scipy_and_numpy(settings: AnalysisSettings) -> None:
    scores = RNG.uniform(0, 1.3, (5, 8))
    found = values(statistics.aggregates(finals(scores), settings))
    assert found["iqm"] == pytest.approx(scipy.stats.trim_mean(scores.ravel(), 0.25))
    assert found["median"] == pytest.approx(np.median(scores.mean(axis=0)))
    assert found["mean"] == pytest.approx(scores.mean())
    assert found["optimality_gap"] == pytest.approx(1 - np.minimum(scores, 1).mean())


def test_statistics_of_a_small_example_by_hand(settings: AnalysisSettings) -> None:
    # Two runs, two tasks: sorted 0, 0.2, 0.6, 2; the middle half is 0.2 and 0.6; task means are 0.1 and 1.3.
    found = statistics.aggregates(finals(np.array([[0.0, 0.6], [0.2, 2.0]])), settings)
    assert values(found) == pytest.approx({"iqm": 0.4, "median": 0.7, "mean": 0.7, "optimality_gap": 1 - 1.8 / 4})
    assert list(found.columns) == ["variant", "statistic", "value", "low", "high", "runs", "tasks"]
    assert set(found["runs"]) == {2}
    assert set(found["tasks"]) == {2}


@pytest.mark.parametrize("statistic", list(statistics.STATISTICS))
def test_one_bootstrap_for_all_equals_rliable_for_each(statistic: str, settings: AnalysisSettings) -> None:
    scores = RNG.uniform(0, 1, (4, 3))
    function = getattr(metrics, f"aggregate_{statistic}")
    np.random.seed(settings.seed)  # noqa: NPY002
    value, bounds = library.get_interval_estimates({"x": scores}, lambda x: np.array([function(x)]), reps=200)
    found = statistics.aggregates(finals(scores), settings)
    assert values(found)[statistic] == value["x"][0]
    assert values(found, column="low")[statistic] == bounds["x"][0, 0]
    assert values(found, column="high")[statistic] == bounds["x"][1, 0]


def test_equal_input_gives_equal_numbers_and_leaves_numpy_alone(settings: AnalysisSettings) -> None:
    runs = finals(RNG.uniform(0, 1, (5, 4)))
    np.random.seed(1)  # noqa: NPY002
    untouched = np.random.random(3)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    first = statistics.aggregates(runs, settings)
    assert np.random.random(3).tolist() == untouched.tolist()  # noqa: NPY002
    pd.testing.assert_frame_equal(first, statistics.aggregates(runs, settings))
    other = statistics.aggregates(runs, settings.model_copy(update={"seed": 1}))
    assert values(other, column="low") != values(first, column="low")
    assert values(other) == values(first)


def test_another_variant_moves_nothing(settings: AnalysisSettings) -> None:
    runs = finals(RNG.uniform(0, 1, (5, 4)))
    both = pd.concat([finals(RNG.uniform(-9, 9, (3, 4)), "wild"), runs])
    for column in ("value", "low", "high"):
        assert values(statistics.aggregates(both, settings), column=column) == values(
            statistics.aggregates(runs, settings), column=column
        )


def test_one_seed_has_no_interval(settings: AnalysisSettings) -> None:
    runs = finals(np.array([[0.1, 0.5, 0.9]]))
    found = statistics.aggregates(runs, settings)
    assert values(found)["mean"] == pytest.approx(0.5)
    assert found[["low", "high"]].isna().all(axis=None)
    assert statistics.task_means(runs, settings)[["low", "high"]].isna().all(axis=None)


def test_matrix_is_runs_by_tasks_and_takes_the_lowest_seeds() -> None:
    runs = finals(np.arange(12.0).reshape(4, 3))
    ragged = runs[~((runs["task"] == "task_1") & (runs["seed"] == 1))].sample(frac=1, random_state=0)
    matrix = statistics.score_matrix(ragged, ["task_0", "task_1", "task_2"])
    assert matrix.tolist() == [[0, 1, 2], [3, 7, 5], [6, 10, 8]]


def test_aggregates_compare_tasks_that_all_variants_have(settings: AnalysisSettings) -> None:
    full, part = finals(np.eye(3)), finals(np.ones((2, 2)), "part")
    found = statistics.aggregates(pd.concat([full, part]), settings)
    assert set(found["tasks"]) == {2}
    assert values(found)["mean"] == pytest.approx(np.eye(3)[:, :2].mean())
    assert values(found, "part", "runs")["iqm"] == 2


def test_variants_without_a_common_task_keep_their_own(settings: AnalysisSettings) -> None:
    other = finals(np.ones((2, 1)), "other").assign(task="elsewhere")
    found = statistics.aggregates(pd.concat([finals(np.eye(3)), other]), settings)
    assert values(found, column="tasks")["iqm"] == 3
    assert values(found, "other", "tasks")["iqm"] == 1


def test_interval_of_two_values_is_known_exactly() -> None:
    # Resamples of {0, 1} have means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: both tails hold more than 2.5 %.
    low, high = statistics.mean_interval(np.array([[0.0], [1.0]]), AnalysisSettings(repetitions=1000))
    assert (low.item(), high.item()) == (0, 1)
    low, high = statistics.mean_interval(np.array([[0.0], [1.0]]), AnalysisSettings(repetitions=1000, confidence=0.3))
    assert (low.item(), high.item()) == (0.5, 0.5)


def test_intervals_cover_the_truth_about_as_frequently_as_they_say() -> None:
    samples_RP = np.random.default_rng(0).normal(5, 2, (20, 500))
    low, high = statistics.mean_interval(samples_RP, AnalysisSettings(repetitions=1000, confidence=0.9))
    coverage = np.mean((low <= 5) & (high >= 5))
    assert 0.8 < coverage < 0.95  # percentile intervals of 20 runs are a little narrow: 0.88 in expectation


def test_interval_is_near_the_normal_one_for_many_runs() -> None:
    sample = RNG.normal(0, 1, (400, 1))
    low, high = statistics.mean_interval(sample, AnalysisSettings(repetitions=20_000))
    half = 1.96 * sample.std() / 20
    assert (low.item(), high.item()) == pytest.approx((sample.mean() - half, sample.mean() + half), abs=0.1 * half)


def test_task_means_use_all_seeds(settings: AnalysisSettings) -> None:
    runs = finals(np.array([[1.0, 10.0], [3.0, 20.0], [5.0, 60.0]]))
    found = statistics.task_means(runs.iloc[:-1], settings).set_index("task")
    assert list(found.columns) == ["variant", "mean", "low", "high", "seeds"]
    assert found["mean"].to_dict() == {"task_0": 3, "task_1": 15}
    assert found["seeds"].to_dict() == {"task_0": 3, "task_1": 2}
    assert (found["low"] >= [1, 10]).all()
    assert (found["high"] <= [5, 20]).all()


def test_curve_is_the_mean_over_seeds(settings: AnalysisSettings) -> None:
    curves = entries(["dmc_walker_walk"], ["dreamer"], seeds=3)
    found = statistics.curves(as_scores(curves).table, settings)
    assert found["step"].tolist() == curves[0]["xs"]
    np.testing.assert_allclose(found["mean"], np.mean([curve["ys"] for curve in curves], axis=0))
    assert set(found["seeds"]) == {3}
    assert (found["low"] <= found["mean"]).all()
    assert (found["mean"] <= found["high"]).all()


def test_curve_of_seeds_evaluated_at_different_steps(settings: AnalysisSettings) -> None:
    # Both runs lie on straight lines, so their mean is known at every step between.
    xs, zs = [0, 10, 20], [5, 15, 25, 35, 45]
    runs = [
        {"task": "t", "method": "v", "seed": 0, "xs": xs, "ys": [2.0 * x for x in xs]},
        {"task": "t", "method": "v", "seed": 1, "xs": zs, "ys": [4.0 * z for z in zs]},
    ]
    found = statistics.curves(as_scores(runs).table, settings).set_index("step")
    assert found.loc[10, "mean"] == pytest.approx(30)
    assert found.loc[15, "mean"] == pytest.approx(45)
    # Half an interval beyond its last evaluation the first run still counts, with its last return; then no more.
    assert found["seeds"].to_dict() == {0: 2, 5: 2, 10: 2, 15: 2, 20: 2, 25: 2, 35: 1, 45: 1}
    assert found.loc[25, "mean"] == pytest.approx((40 + 100) / 2)
    assert found.loc[35, "mean"] == pytest.approx(140)
    assert found["low"].isna().to_dict() == {
        0: False,
        5: False,
        10: False,
        15: False,
        20: False,
        25: False,
        35: True,
        45: True,
    }


def test_an_interval_over_few_seeds_holds_the_mean_as_often_as_is_said() -> None:
    """Up to three seeds it is their range, which misses a symmetric mean where all of them lie on one side."""
    settings, rng = AnalysisSettings(repetitions=2000), np.random.default_rng(0)
    for seeds, said in ((2, 0.50), (3, 0.75), (4, 0.80)):
        samples = rng.normal(size=(seeds, 2000))
        low, high = statistics.mean_interval(samples, settings)
        if seeds < 4:
            np.testing.assert_allclose([low, high], [samples.min(0), samples.max(0)])
        assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(said, abs=0.04)
