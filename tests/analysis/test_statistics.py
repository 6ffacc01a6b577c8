import numpy as np
import pandas as pd
import pytest
import scipy.stats
from rliable import library, metrics

from analysis import statistics
from analysis.scores import usable
from analysis.settings import AnalysisSettings
from tests.analysis.conftest import Entry, as_scores, entries

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


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 2), (3, 7), (5, 8), (10, 20)])
def test_one_pass_equals_each_of_rliables_metrics(shape: tuple[int, int]) -> None:
    for scores in (RNG.normal(0.5, 1, shape), RNG.integers(0, 3, shape) / 2):  # the second with many ties
        expected = [getattr(metrics, f"aggregate_{statistic}")(scores) for statistic in statistics.STATISTICS]
        np.testing.assert_allclose(statistics.summary(scores), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("statistic", list(statistics.STATISTICS))
def test_one_bootstrap_for_all_equals_rliable_for_each(statistic: str, settings: AnalysisSettings) -> None:
    scores = RNG.uniform(0, 1.2, (4, 3))
    settings = settings.model_copy(update={"seed": 5, "confidence": 0.9})
    function = getattr(metrics, f"aggregate_{statistic}")
    np.random.seed(5)  # noqa: NPY002
    value, bounds = library.get_interval_estimates(
        {"x": scores}, lambda x: np.array([function(x)]), reps=200, confidence_interval_size=0.9
    )
    found = statistics.aggregates(finals(scores), settings)
    row = found.loc[found["statistic"] == statistic, ["value", "low", "high"]].to_numpy()
    np.testing.assert_allclose(row, [[value["x"][0], *bounds["x"].ravel()]], rtol=0, atol=1e-12)


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


def test_means_do_not_depend_on_what_else_is_in_the_table(settings: AnalysisSettings) -> None:
    runs = finals(RNG.uniform(0, 1, (4, 3))).sample(frac=1, random_state=1)
    ragged = finals(RNG.uniform(0, 1, (2, 3)), "other")
    both = statistics.task_means(pd.concat([ragged, runs]), settings)
    alone = statistics.task_means(runs, settings)
    assert alone["task"].tolist() == list(dict.fromkeys(runs["task"]))
    pd.testing.assert_frame_equal(both[3:].reset_index(drop=True), alone)


def test_interval_is_the_quantile_of_resampled_means() -> None:
    values, settings = RNG.normal(0, 1, (5, 3)), AnalysisSettings(repetitions=333, confidence=0.8, seed=9)
    counts = np.random.default_rng(9).multinomial(5, np.full(5, 0.2), 333)
    resampled = np.stack([np.repeat(values, count, axis=0).mean(axis=0) for count in counts])
    low, high = statistics.mean_interval(values, settings)
    np.testing.assert_allclose([low, high], np.quantile(resampled, [0.1, 0.9], axis=0), rtol=0, atol=1e-12)


def test_many_points_have_the_intervals_that_each_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values, settings = RNG.normal(0, 1, (3, 7)), AnalysisSettings(repetitions=100)
    monkeypatch.setattr(statistics, "RESAMPLED", 300)  # three points at once
    low, high = statistics.mean_interval(values, settings)
    for point in range(7):
        alone = statistics.mean_interval(values[:, [point]], settings)
        np.testing.assert_allclose([low[point], high[point]], np.ravel(alone), rtol=0, atol=1e-12)


def table(runs: list[Entry]) -> pd.DataFrame:
    return usable(as_scores(runs), "eval/return")


def run(seed: int, xs: list[float], ys: list[float]) -> Entry:
    return {"task": "t", "method": "v", "seed": seed, "xs": xs, "ys": ys}


def test_curve_is_the_mean_over_seeds(settings: AnalysisSettings) -> None:
    runs = entries(["dmc_walker_walk"], ["dreamer"], seeds=3)
    found = statistics.curves(table(runs), settings)
    assert list(found.columns) == ["task", "variant", "step", "mean", "low", "high", "seeds"]
    assert found["step"].tolist() == runs[0]["xs"]
    np.testing.assert_allclose(found["mean"], np.mean([entry["ys"] for entry in runs], axis=0))
    assert set(found["seeds"]) == {3}
    low, high = statistics.mean_interval(np.array([entry["ys"] for entry in runs]), settings)
    np.testing.assert_allclose(found[["low", "high"]], np.stack([low, high], axis=1))


def test_curves_of_many_runs_are_those_of_each(settings: AnalysisSettings) -> None:
    """In whatever order the rows stand."""
    mixed = table(entries(["b", "a"], ["y", "x"], seeds=3)).sample(frac=1, random_state=2)
    found = statistics.curves(mixed, settings)
    parts = [
        statistics.curves(part.sort_values(["seed", "step"]), settings)
        for _, part in mixed.groupby(["task", "variant"])
    ]
    keys = ["task", "variant", "step"]
    expected = pd.concat(parts).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(found.sort_values(keys, ignore_index=True), expected)


def test_curve_of_seeds_evaluated_at_different_steps(settings: AnalysisSettings) -> None:
    # Both runs lie on straight lines, so their mean is known at every step between.
    xs, zs = [0, 10, 20], [5, 15, 25, 35, 45]
    runs = [run(0, [*xs], [2.0 * x for x in xs]), run(1, [*zs], [4.0 * z for z in zs])]
    found = statistics.curves(table(runs), settings).set_index("step")
    assert found.loc[10, "mean"] == pytest.approx(30)
    assert found.loc[15, "mean"] == pytest.approx(45)
    # Half an interval beyond its last evaluation the first run still counts, with its last return; then no more.
    assert found["seeds"].to_dict() == {0: 2, 5: 2, 10: 2, 15: 2, 20: 2, 25: 2, 35: 1, 45: 1}
    assert found.loc[25, "mean"] == pytest.approx((40 + 100) / 2)
    assert found.loc[35, "mean"] == pytest.approx(140)
    for band in ("interval", "std", "range"):
        found = statistics.curves(table(runs), settings.model_copy(update={"band": band})).set_index("step")
        assert found.index[found["low"].isna()].tolist() == [35, 45]
        assert found.index[found["high"].isna()].tolist() == [35, 45]


def test_bands_by_hand(settings: AnalysisSettings) -> None:
    runs = [run(0, [1], [1.0]), run(1, [1], [2.0]), run(2, [1], [6.0])]

    def band(name: str) -> list[float]:
        found = statistics.curves(table(runs), settings.model_copy(update={"band": name}))
        return found[["mean", "low", "high"]].to_numpy().ravel().tolist()

    spread = np.std([1, 2, 6])  # of the population: the root of the mean squared deviation
    assert band("std") == pytest.approx([3, 3 - spread, 3 + spread])
    assert band("range") == [3, 1, 6]
    assert band("none") == pytest.approx([3, np.nan, np.nan], nan_ok=True)


def test_bins_by_hand(settings: AnalysisSettings) -> None:
    """Bins are (0, 10], (10, 20], (20, 30]; the first seed has nothing in the second, and is not interpolated there."""
    runs = [run(0, [0, 5, 10, 21, 30], [1.0, 2, 6, 10, 20]), run(1, [10, 11, 19], [1.0, 2, 4])]
    found = statistics.curves(table(runs), settings.model_copy(update={"bin": 10.0}))
    assert found["step"].tolist() == [5, 15, 25]
    assert found["mean"].tolist() == [(3 + 1) / 2, 3, 15]
    assert found["seeds"].tolist() == [2, 1, 1]


def test_a_long_curve_is_thinned_to_steps_that_were_evaluated(settings: AnalysisSettings) -> None:
    steps = np.arange(1, 1001) * 10.0
    values = RNG.normal(0, 1, (2, 1000))
    runs = [run(seed, [*steps], [*values[seed]]) for seed in range(2)]
    found = statistics.curves(table(runs), settings)
    assert len(found) == 200
    assert (found["step"].iloc[0], found["step"].iloc[-1]) == (10, 10_000)
    assert set(np.diff(found["step"])) == {50, 60}  # 999 steps in 199 parts
    expected = values.mean(axis=0)[np.searchsorted(steps, found["step"])]
    np.testing.assert_allclose(found["mean"], expected)


def test_curve_against_hours(settings: AnalysisSettings) -> None:
    """A seed that knows no hours is left out; one that takes twice as long stands twice as far right."""
    evaluations = table([run(seed, [10, 20, 30], [1.0, 2, 3]) for seed in range(3)])
    evaluations["hours"] = [1, 2, 3, 2, 4, 6, *[np.nan] * 3]
    against = settings.model_copy(update={"x": "hours"})
    found = statistics.curves(evaluations, against)
    assert list(found.columns) == ["task", "variant", "hours", "mean", "low", "high", "seeds"]
    assert found["hours"].tolist() == [1, 2, 3, 4, 6]
    assert found["mean"].tolist() == pytest.approx([(1 + 1) / 2, 1.5, (3 + 1.5) / 2, 2, 3])
    assert found["seeds"].tolist() == [2, 2, 2, 1, 1]
    binned = statistics.curves(evaluations, against.model_copy(update={"bin": 20.0}))
    assert binned["hours"].tolist() == [1.5, 3, 6]
    assert binned["mean"].tolist() == [1.5, (3 + 1.5) / 2, 3]
    for width in (None, 20.0):
        unknown = statistics.curves(evaluations[6:], against.model_copy(update={"bin": width}))
        assert unknown.empty
        assert list(unknown.columns) == list(found.columns)


def test_curves_are_described() -> None:
    text = statistics.describe_curves(AnalysisSettings(repetitions=50_000))
    assert "at most 200 points" in text
    assert "95 % bootstrap interval of the mean, 2,000 repetitions" in text
    assert "bins of 100,000 environment steps" in statistics.describe_curves(AnalysisSettings(bin=1e5))
    assert "divided by n, not n - 1" in statistics.describe_curves(AnalysisSettings(band="std"))
    assert "lowest to highest" in statistics.describe_curves(AnalysisSettings(band="range"))
    assert "Band" not in statistics.describe_curves(AnalysisSettings(band="none"))


def test_an_interval_over_few_seeds_holds_the_mean_as_often_as_is_said() -> None:
    """Up to three seeds it is their range, which misses a symmetric mean where all of them lie on one side."""
    settings, rng = AnalysisSettings(repetitions=2000), np.random.default_rng(0)
    for seeds, said in ((2, 0.50), (3, 0.75), (4, 0.80)):
        samples = rng.normal(size=(seeds, 2000))
        low, high = statistics.mean_interval(samples, settings)
        if seeds < 4:
            np.testing.assert_allclose([low, high], [samples.min(0), samples.max(0)])
        assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(said, abs=0.04)
