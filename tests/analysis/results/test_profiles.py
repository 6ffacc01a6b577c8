"""Performance profiles: the numbers against rliable, and the figures against the numbers."""

import numpy as np
import pandas as pd
from rliable import library

from analysis.results import (
    profiles,
)
from analysis.settings import AnalysisSettings
from tests.analysis import plots
from tests.analysis.conftest import finals
from tests.analysis.plots import LOOKS, NAMES, line

RNG = np.random.default_rng(4)


def test_profiles_equal_rliables(settings: AnalysisSettings) -> None:
    scores = np.round(RNG.uniform(0, 1, (5, 4)), 2)  # some on a threshold, where `above` is strict
    settings = settings.model_copy(update={"seed": 3, "confidence": 0.9})
    taus = np.linspace(0, 1, profiles.THRESHOLDS)
    np.random.seed(3)  # noqa: NPY002
    value, bounds = library.create_performance_profile({"x": scores}, taus, reps=200, confidence_interval_size=0.9)
    found = profiles.profiles(finals(scores), settings)
    assert list(found.columns) == ["variant", "threshold", "value", "low", "high"]
    np.testing.assert_allclose(found["threshold"], taus)
    expected = np.stack([value["x"], *bounds["x"]], axis=1)
    np.testing.assert_allclose(found[["value", "low", "high"]], expected, rtol=0, atol=1e-12)


def test_profiles_of_unequal_runs_equal_rliable_on_the_runs_of_each_task(settings: AnalysisSettings) -> None:
    scores = RNG.uniform(0, 1, (5, 3))
    runs = finals(scores)
    runs = runs[~((runs["task"] == "task_1") & (runs["seed"] > 2))]
    taus = np.linspace(0, 1, profiles.THRESHOLDS)
    np.random.seed(0)  # noqa: NPY002
    value, bounds = library.get_interval_estimates(
        {"x": [scores[:, [0]], scores[:3, [1]], scores[:, [2]]]},
        lambda *tasks: library.score_distributions(np.concatenate(tasks), taus),
        reps=200,
    )
    expected = np.stack([value["x"], *bounds["x"]], axis=1)
    found = profiles.profiles(runs, settings)
    np.testing.assert_allclose(found[["value", "low", "high"]], expected, rtol=0, atol=1e-12)


def test_a_profile_by_hand(settings: AnalysisSettings) -> None:
    found = profiles.profiles(finals(np.array([[0.0, 0.5], [0.5, 1.0]])), settings).set_index("threshold")
    assert found.loc[[0.0, 0.49, 0.5, 0.99, 1.0], "value"].tolist() == [0.75, 0.75, 0.25, 0.25, 0]


def test_thresholds_reach_as_far_as_most_runs_do(settings: AnalysisSettings) -> None:
    scores = np.linspace(-0.5, 3, 100).reshape(10, 10)
    scores[0, 0] = 40  # one of a hundred does not stretch them
    found = profiles.profiles(pd.concat([finals(RNG.uniform(0, 1, (3, 10)), "low"), finals(scores)]), settings)
    low, high = np.quantile(scores, [0.05, 0.95])
    for _, profile in found.groupby("variant"):
        np.testing.assert_allclose(profile["threshold"], np.linspace(low, high, profiles.THRESHOLDS))


def test_one_seed_has_no_bounds_and_moves_those_of_no_other(settings: AnalysisSettings) -> None:
    runs = finals(RNG.uniform(0, 1, (3, 4)))
    both = profiles.profiles(pd.concat([finals(RNG.uniform(0, 1, (1, 4)), "single"), runs]), settings)
    single, rest = both[both["variant"] == "single"], both[both["variant"] != "single"]
    assert single["value"].notna().all()
    assert single[["low", "high"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(rest.reset_index(drop=True), profiles.profiles(runs, settings))


def test_no_more_repetitions_than_in_rliable() -> None:
    runs = finals(RNG.uniform(0, 1, (6, 5)))
    few, enough, many = (profiles.profiles(runs, AnalysisSettings(repetitions=n)) for n in (20, 2000, 50_000))
    pd.testing.assert_frame_equal(many, enough)
    assert not few.equals(enough)


def test_numpys_generator_is_left_as_it_was(settings: AnalysisSettings) -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    profiles.profiles(finals(RNG.uniform(0, 1, (2, 2))), settings)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_profiles_are_the_data_with_a_line_at_one_half() -> None:
    data = plots.profiles()
    figure = profiles.draw(data, LOOKS)
    [axis] = figure.axes
    half = axis.lines[0]
    assert (half.get_linestyle(), list(half.get_ydata())) == (":", [0.5, 0.5])  # type: ignore[arg-type]
    for name in NAMES:
        np.testing.assert_array_equal(line(axis, name), data[data["variant"] == name][["threshold", "value"]].T)
    assert len(axis.collections[0].get_paths()) == 2
    assert plots.labels(figure) == NAMES
