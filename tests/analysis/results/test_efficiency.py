"""The interquartile mean against steps: the numbers against rliable, and the figure against the numbers."""

import numpy as np
import pandas as pd
import pytest
from rliable import library, metrics

from analysis.results import (
    efficiency,
)
from analysis.settings import AnalysisSettings
from tests.analysis import plots
from tests.analysis.plots import LOOKS, NAMES, line

RNG = np.random.default_rng(5)


def table(scores_RTS: np.ndarray, steps: np.ndarray, variant: str = "dreamer") -> pd.DataFrame:
    runs, tasks, _ = scores_RTS.shape
    frames = [
        pd.DataFrame({"task": f"task_{t}", "variant": variant, "seed": r, "step": steps, "score": scores_RTS[r, t]})
        for t in range(tasks)
        for r in range(runs)
    ]
    return pd.concat(frames, ignore_index=True)


def test_every_step_equals_rliable_on_its_scores(settings: AnalysisSettings) -> None:
    scores, steps = RNG.uniform(0, 1.2, (3, 4, 6)), np.arange(1.0, 7) * 1000
    settings = settings.model_copy(update={"seed": 2, "confidence": 0.9})
    found = efficiency.efficiency(table(scores, steps), settings)
    assert list(found.columns) == efficiency.COLUMNS
    assert found["step"].tolist() == steps.tolist()
    assert set(found["runs"]) == {3}
    assert set(found["tasks"]) == {4}
    for index, (_, row) in enumerate(found.iterrows()):
        np.random.seed(2)  # noqa: NPY002
        value, bounds = library.get_interval_estimates(
            {"x": scores[..., index]},
            lambda x: np.array([metrics.aggregate_iqm(x)]),
            reps=200,
            confidence_interval_size=0.9,
        )
        expected = [value["x"][0], *bounds["x"].ravel()]
        np.testing.assert_allclose(row[["value", "low", "high"]].to_list(), expected, rtol=0, atol=1e-12)


def test_a_run_counts_between_and_near_its_own_evaluations(settings: AnalysisSettings) -> None:
    """Returns equal to the step divided by 100, measured at different steps: their mean is known where both count."""
    early, late = np.array([0.0, 20, 40, 60, 80, 100]), np.array([30.0, 50, 70])
    runs = pd.concat(
        [table(early[None, None] / 100, early), table(late[None, None] / 100, late).assign(seed=1)], ignore_index=True
    )
    found = efficiency.efficiency(runs, settings)
    assert found["step"].tolist() == [0, 20, 30, 40, 50, 60, 70, 80, 100]
    assert found["missing"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]
    both = found[(found["step"] >= 30) & (found["step"] <= 70)]
    np.testing.assert_allclose(both[["value", "low", "high"]], both[["step"] * 3] / 100)


def test_after_a_run_has_ended_the_others_are_resampled_as_by_rliable(settings: AnalysisSettings) -> None:
    """One run of six ends after two of four steps, all runs of one task after three."""
    scores, steps = RNG.uniform(0, 1, (2, 3, 4)), np.arange(1.0, 5) * 1000
    runs = table(scores, steps)
    ended = (runs["task"] == "task_0") & (runs["seed"] == 1) & (runs["step"] > 2000)
    found = efficiency.efficiency(runs[~ended & ~((runs["task"] == "task_2") & (runs["step"] > 3000))], settings)
    assert found["missing"].tolist() == [0, 0, 1, 3]
    assert found["runs"].tolist() == [2, 2, "1 to 2", "1 to 2"]
    assert found["tasks"].tolist() == [3, 3, 3, 2]
    assert found["without"].tolist() == ["", "", "", "task_2"]
    for index, tasks in ((2, [scores[:1, 0], scores[:, 1], scores[:, 2]]), (3, [scores[:1, 0], scores[:, 1]])):
        np.random.seed(0)  # noqa: NPY002
        value, bounds = library.get_interval_estimates(
            {"x": [task[:, [index]] for task in tasks]},
            lambda *x: np.array([metrics.aggregate_iqm(np.concatenate(x))]),
            reps=200,
        )
        row = found[["value", "low", "high"]].to_numpy()[index]
        np.testing.assert_allclose(row, [value["x"][0], *bounds["x"].ravel()], rtol=0, atol=1e-12)


def test_a_curve_is_dotted_where_runs_are_missing() -> None:
    data = plots.efficiency(["dreamer"])
    [axis] = efficiency.draw(data.assign(missing=np.arange(len(data)) // 12), LOOKS).axes
    dotted, whole = axis.lines
    assert dotted.get_linestyle() == ":"
    np.testing.assert_array_equal(np.asarray(dotted.get_ydata()), data["value"])
    assert np.isnan(np.asarray(whole.get_ydata())).tolist() == (np.arange(len(data)) >= 12).tolist()


def test_at_most_fifty_steps(settings: AnalysisSettings) -> None:
    steps = np.arange(1.0, 502) * 1000
    found = efficiency.efficiency(table(np.tile(steps, (2, 1, 1)), steps), settings)
    assert len(found) == 50
    assert (found["step"].iloc[0], found["step"].iloc[-1]) == (1000, 501_000)
    assert set(np.diff(found["step"])) == {10_000, 11_000}
    np.testing.assert_allclose(found["value"], found["step"])


def test_tasks_and_seeds_are_those_that_can_be_compared(settings: AnalysisSettings) -> None:
    """The second variant lacks a task, and the first a seed on one of the rest."""
    steps = np.array([1.0, 2])
    first = table(RNG.uniform(0, 1, (3, 3, 2)), steps, "first")
    first = first[~((first["task"] == "task_1") & (first["seed"] == 1))]
    second = table(RNG.uniform(0, 1, (4, 2, 2)), steps, "second")
    both = pd.concat([first, second]).iloc[::-1]
    found = efficiency.efficiency(both, settings).drop_duplicates("variant").set_index("variant")
    assert found.loc[["first", "second"], ["runs", "tasks"]].to_numpy().tolist() == [["2 to 3", 2], [4, 2]]
    kept = first[(first["task"] != "task_2") & (first["step"] == 1)]
    assert found.loc["first", "value"] == pytest.approx(metrics.aggregate_iqm(kept["score"].to_numpy()))


def test_one_seed_has_no_bounds_and_moves_those_of_no_other(settings: AnalysisSettings) -> None:
    steps = np.array([1.0, 2, 3])
    runs, single = table(RNG.uniform(0, 1, (3, 2, 3)), steps), table(RNG.uniform(0, 1, (1, 2, 3)), steps, "single")
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    both = efficiency.efficiency(pd.concat([single, runs]), settings)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002
    assert both["value"].notna().all()
    assert both[:3][["low", "high"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(both[3:].reset_index(drop=True), efficiency.efficiency(runs, settings))


def test_a_band_uses_at_most_two_thousand_repetitions() -> None:
    runs = table(RNG.uniform(0, 1, (6, 3, 2)), np.array([1.0, 2]))
    few, enough, many = (efficiency.efficiency(runs, AnalysisSettings(repetitions=n)) for n in (20, 2000, 50_000))
    pd.testing.assert_frame_equal(many, enough)
    assert not few.equals(enough)


def test_runs_without_a_common_step_count_where_they_are(settings: AnalysisSettings) -> None:
    apart = pd.concat([table(np.ones((1, 1, 2)), np.array([a, a + 1.0])).assign(seed=a) for a in (0, 5)])
    found = efficiency.efficiency(apart, settings)
    assert found["step"].tolist() == [0, 1, 5, 6]
    assert found["missing"].tolist() == [1, 1, 1, 1]


def test_interquartile_mean_against_steps_is_the_data() -> None:
    data = plots.efficiency()
    [axis] = efficiency.draw(data, LOOKS).axes
    [bands] = axis.collections
    for name, path in zip(NAMES, bands.get_paths(), strict=True):
        rows = data[data["variant"] == name]
        np.testing.assert_array_equal(line(axis, name), rows[["step", "value"]].T)
        heights = np.asarray(path.vertices)[:, 1]
        assert (heights.min(), heights.max()) == (rows["low"].min(), rows["high"].max())
