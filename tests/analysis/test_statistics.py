"""Means over seeds and their intervals, and which runs are compared."""

import numpy as np
import pandas as pd
import pytest

from analysis import statistics
from analysis.settings import AnalysisSettings
from tests.analysis.conftest import finals

RNG = np.random.default_rng(3)


def test_every_run_of_a_compared_task_counts_in_the_order_of_seeds() -> None:
    runs = finals(np.arange(12.0).reshape(4, 3))
    ragged = runs[~((runs["task"] == "task_1") & (runs["seed"] == 1))].sample(frac=1, random_state=0)
    other = finals(np.zeros((2, 2)), "other")
    found = dict(statistics.strata(pd.concat([ragged, other])))
    assert [scores.tolist() for scores in found["dreamer"]] == [[0, 3, 6, 9], [1, 7, 10]]
    assert statistics.per_task(found["dreamer"]) == "3 to 4"
    assert statistics.per_task(found["other"]) == 2


def test_interval_of_two_values_is_known_exactly() -> None:
    # Resamples of {0, 1} have means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: both tails hold more than 2.5 %.
    low, high = statistics.mean_interval(np.array([[0.0], [1.0]]), AnalysisSettings(repetitions=1000))
    assert (low.item(), high.item()) == (0, 1)
    low, high = statistics.mean_interval(np.array([[0.0], [1.0]]), AnalysisSettings(repetitions=1000, confidence=0.3))
    assert (low.item(), high.item()) == (0.5, 0.5)


def test_intervals_cover_the_mean_about_as_often_as_their_confidence() -> None:
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


@pytest.mark.parametrize("by", [["task", "variant"], ["task", "variant", "measure", "horizon"]])
def test_means_of_unequal_runs_equal_a_bootstrap_by_numpy(by: list[str]) -> None:
    """Each task's mean resamples its own runs; rliable, which resamples all tasks at once, has no such statistic."""
    settings = AnalysisSettings(repetitions=150, confidence=0.9, seed=4)
    scores_of = {f"task_{seeds}": RNG.normal(0, 1, seeds) for seeds in (3, 1, 6, 2, 3)}
    runs = pd.concat(
        pd.DataFrame({"task": task, "variant": "v", "seed": np.arange(len(scores)), "score": scores})
        for task, scores in scores_of.items()
    ).assign(measure="kl", horizon=5)
    found = statistics.task_means(runs.sample(frac=1, random_state=2), settings, by).set_index("task")
    for task, scores in scores_of.items():
        runs_B = np.random.default_rng(4).multinomial(len(scores), np.full(len(scores), 1 / len(scores)), 150)
        means = [np.mean(np.repeat(scores, counts)) for counts in runs_B]
        bounds = np.quantile(means, [0.05, 0.95]) if len(scores) > 1 else [np.nan, np.nan]
        row = found.loc[[task], ["mean", "low", "high", "seeds"]].to_numpy(float)[0]
        np.testing.assert_allclose(row, [scores.mean(), *bounds, len(scores)], rtol=0, atol=1e-12)


def test_many_points_have_the_intervals_that_each_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values, settings = RNG.normal(0, 1, (3, 7)), AnalysisSettings(repetitions=100)
    monkeypatch.setattr(statistics, "RESAMPLED", 300)  # three points at once
    low, high = statistics.mean_interval(values, settings)
    for point in range(7):
        alone = statistics.mean_interval(values[:, [point]], settings)
        np.testing.assert_allclose([low[point], high[point]], np.ravel(alone), rtol=0, atol=1e-12)


def test_coverage_over_few_seeds_is_that_of_the_caution() -> None:
    """With up to three seeds, the interval is their range, which misses the mean if all seeds are on one side."""
    settings, rng = AnalysisSettings(repetitions=2000), np.random.default_rng(0)
    for seeds, coverage in ((2, 0.50), (3, 0.75), (4, 0.80)):
        samples = rng.normal(size=(seeds, 2000))
        low, high = statistics.mean_interval(samples, settings)
        if seeds < 4:
            np.testing.assert_allclose([low, high], [samples.min(0), samples.max(0)])
        assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(coverage, abs=0.04)
