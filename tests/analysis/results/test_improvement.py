"""Probability of improvement: the numbers against rliable and scipy, and the figures against the numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from rliable import library, metrics

from analysis.results import (
    improvement,
)
from analysis.settings import AnalysisSettings
from common.errors import UserError
from tests.analysis import plots
from tests.analysis.conftest import finals
from tests.analysis.plots import LONG, LOOKS

RNG = np.random.default_rng(6)


def won(tasks: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    function = improvement.probability([len(task) for task in tasks], [len(task) for task in others])
    return function(np.concatenate(tasks), np.concatenate(others))


@pytest.mark.parametrize("sizes", [(1, 1), (1, 4), (5, 3)])
def test_probability_equals_rliables_and_scipys(sizes: tuple[int, int]) -> None:
    runs, others = sizes
    for draw in (lambda n: RNG.normal(0, 1, (n, 6)), lambda n: RNG.integers(0, 3, (n, 6)) / 2):  # the second with ties
        x, y = draw(runs), draw(others)
        [found] = won(list(x.T), list(y.T))
        assert found == pytest.approx(metrics.probability_of_improvement(x, y), abs=1e-12)
        statistic = scipy.stats.mannwhitneyu(x, y, axis=0).statistic
        assert found == pytest.approx(np.mean(statistic) / (runs * others), abs=1e-12)
        assert won(list(y.T), list(x.T))[0] == pytest.approx(1 - found)
        assert won(list(x.T), list(x.T)).tolist() == [0.5]


def test_intervals_equal_rliables(settings: AnalysisSettings) -> None:
    x, y, z = RNG.normal(0.5, 1, (4, 3)), RNG.normal(0, 1, (3, 3)), RNG.normal(0, 1, (2, 3))
    settings = settings.model_copy(update={"seed": 8, "confidence": 0.9, "reference": "ours"})
    table = improvement.improvement(pd.concat([finals(x, "theirs"), finals(y, "ours"), finals(z, "other")]), settings)
    assert table["variant"].tolist() == ["theirs", "other"]
    for scores, (_, row) in zip((x, z), table.iterrows(), strict=True):
        np.random.seed(8)  # noqa: NPY002
        value, bounds = library.get_interval_estimates(
            {"x": [scores, y]},
            lambda *pair: np.array([metrics.probability_of_improvement(*pair)]),
            reps=200,
            confidence_interval_size=0.9,
        )
        expected = [value["x"][0], *bounds["x"].ravel()]
        np.testing.assert_allclose(row[["value", "low", "high"]].to_list(), expected, rtol=0, atol=1e-12)
        assert row[["reference", "runs", "reference_runs", "tasks"]].tolist() == ["ours", len(scores), 3, 3]


def test_unequal_runs_equal_rliable_on_the_runs_of_each_task(settings: AnalysisSettings) -> None:
    """All tasks weigh the same: the mean over tasks of rliable's probability for one task."""
    tasks, others = ([RNG.integers(0, 4, size) / 2 for size in sizes] for sizes in ((3, 1, 6), (2, 2, 2)))
    frames = [
        pd.DataFrame({"task": f"task_{t}", "variant": variant, "seed": np.arange(len(scores)), "score": scores})
        for variant, sample in (("ours", others), ("theirs", tasks))
        for t, scores in enumerate(sample)
    ]
    np.random.seed(0)  # noqa: NPY002
    value, bounds = library.get_interval_estimates(
        {"x": [scores[:, None] for scores in (*tasks, *others)]},
        lambda *x: np.array([np.mean([metrics.probability_of_improvement(x[t], x[t + 3]) for t in range(3)])]),
        reps=200,
    )
    found = improvement.improvement(pd.concat(frames), settings)
    np.testing.assert_allclose(found[["value", "low", "high"]], [[value["x"][0], *bounds["x"].ravel()]], atol=1e-12)
    assert found[["runs", "reference_runs"]].to_numpy().tolist() == [["1 to 6", 2]]


def test_tasks_are_those_that_both_have(settings: AnalysisSettings) -> None:
    """The third variant has no task in common with the reference; the second has one, with three of four seeds."""
    reference, second = finals(np.arange(8.0).reshape(4, 2)), finals(np.full((3, 2), 3.0), "second")
    second = second.replace({"task": {"task_1": "elsewhere"}})
    third = finals(np.ones((2, 1)), "third").assign(task="elsewhere")
    found = improvement.improvement(pd.concat([reference, second, third]), settings)
    assert found["variant"].tolist() == ["second"]
    # On task 0 the reference has 0, 2, 4, 6: a score of 3 beats half of them.
    assert found[["reference", "value", "runs", "reference_runs", "tasks"]].iloc[0].tolist() == [
        "dreamer",
        0.5,
        3,
        4,
        1,
    ]


def test_a_single_run_on_either_side_has_no_bounds(settings: AnalysisSettings) -> None:
    one, three = RNG.normal(0, 1, (1, 2)), RNG.normal(0, 1, (3, 2))
    for first, second in ((one, three), (three, one)):
        found = improvement.improvement(
            pd.concat([finals(first, "a"), finals(second, "b"), finals(three + 1, "c")]), settings
        )
        assert found["value"].notna().all()
        assert found[found["variant"] == "b"][["low", "high"]].isna().all(axis=None)
    assert found[found["variant"] == "c"][["low", "high"]].notna().all(axis=None)


def test_another_variant_moves_nothing_and_neither_does_numpys_generator(settings: AnalysisSettings) -> None:
    runs = pd.concat([finals(RNG.normal(0, 1, (3, 2)), name) for name in ("a", "b", "c")])
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    found = improvement.improvement(runs, settings)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002
    alone = improvement.improvement(runs[runs["variant"] != "b"], settings)
    pd.testing.assert_frame_equal(found[1:].reset_index(drop=True), alone)


def test_a_single_variant_is_compared_with_none(settings: AnalysisSettings) -> None:
    found = improvement.improvement(finals(np.eye(3)), settings)
    assert found.empty
    assert "value" in found


def test_an_unknown_reference_is_reported_with_the_nearest(settings: AnalysisSettings) -> None:
    runs = pd.concat([finals(np.eye(2), "planet"), finals(np.eye(2), "dreamer")])
    with pytest.raises(UserError, match=r"`reference: dremer` is not a variant .*there are .*; did you mean dreamer\?"):
        improvement.improvement(runs, settings.model_copy(update={"reference": "dremer"}))


def test_probabilities_of_improvement_are_the_data_with_a_line_at_one_half() -> None:
    data = plots.improvement()
    figure = improvement.draw(data, LOOKS)
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
