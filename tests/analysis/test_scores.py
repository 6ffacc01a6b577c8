import math

import numpy as np
import pandas as pd
import pytest

from analysis.scores import (
    MODEL_ERRORS,
    RUN,
    Run,
    by_metric,
    cut,
    from_runs,
    join,
    scaled,
    select,
    usable,
    usable_model_errors,
)
from common.errors import UserError
from tests.analysis.conftest import as_scores, entries, with_model_errors

CURVES = entries(["dmc_walker_walk", "dmc_hopper_hop"], ["dreamer", "no_value"], seeds=2)
METRIC = "eval/return"


def one(rows: list[tuple[float, str, float, float]], suite: str = "s", variant: str = "v", seed: int = 0) -> Run:
    return Run({"suite": suite, "task": "t", "variant": variant, "seed": seed}, by_metric(rows))


def test_usable_has_every_evaluation_once_sorted_by_name_and_step() -> None:
    table = usable(as_scores(reversed(CURVES), episodes=5.0), METRIC)
    expected = [
        (curve["task"], curve["method"], curve["seed"], x, y, 5.0)
        for curve in sorted(CURVES, key=lambda curve: (curve["task"], curve["method"], curve["seed"]))
        for x, y in zip(curve["xs"], curve["ys"], strict=True)
    ]
    assert table.drop(columns="hours").to_numpy().tolist() == [list(row) for row in expected]
    assert table["hours"].isna().all()
    assert [str(dtype) for dtype in table.dtypes] == ["object", "object", "int64", *["float64"] * 4]


def test_null_and_nan_are_not_usable() -> None:
    rows = [(float(step), METRIC, value, math.nan) for step, value in enumerate([math.nan, math.inf, -math.inf, 5.0])]
    scores = from_runs([one(rows)], "a test")
    assert len(scores.table) == 4
    assert usable(scores, METRIC)["score"].tolist() == [5.0]


def test_the_last_evaluation_at_a_step_counts_unless_it_is_nan() -> None:
    curve = CURVES[0] | {"xs": [10, 10, 20, 20], "ys": [1.0, 3.0, 2.0, math.nan]}
    assert usable(as_scores([curve]), METRIC)[["step", "score"]].to_numpy().tolist() == [[10, 3], [20, 2]]


def test_hours_are_joined_to_evaluations_by_run_and_step() -> None:
    rows = [(10.0, METRIC, 1.0, 1.0), (20.0, METRIC, 2.0, 1.0), (20.0, "time/hours", 0.5, math.nan)]
    scores = from_runs([one(rows), one([(10.0, METRIC, 3.0, 1.0)], seed=1)], "a test")
    assert usable(scores, METRIC)["hours"].fillna(-1).tolist() == [0.25, 0.5, -1]


def test_hours_of_ragged_runs_are_those_of_each_run_alone() -> None:
    """Runs of any length, with NaN, repeated steps, and evaluations beyond the logged times."""
    random = np.random.default_rng(0)
    runs: list[Run] = []
    expected: list[float] = []
    for seed in range(40):
        counts = int(random.integers(1, 30)), int(random.integers(0, 20))
        steps, times = (np.sort(random.integers(0, 50, count)) * 10.0 for count in counts)
        hours = np.where(random.random(len(times)) < 0.2, math.nan, random.random(len(times)))
        rows = [(step, METRIC, 1.0, 1.0) for step in steps]
        rows += [(step, "time/hours", hour, math.nan) for step, hour in zip(times, hours, strict=True)]
        runs.append(one(rows, seed=seed))
        known = {step: hour for step, hour in zip(times, hours, strict=True) if not math.isnan(hour)}
        places = sorted(known)
        inside = np.interp(np.unique(steps), [0, *places], [0, *(known[place] for place in places)], right=math.nan)
        expected += inside.tolist() if known else [math.nan] * len(np.unique(steps))
    table = usable(from_runs(runs, "a test"), METRIC)
    np.testing.assert_array_equal(table["hours"], expected)
    assert 0.1 < table["hours"].isna().mean() < 0.9


def test_only_numbers_are_usable_model_errors() -> None:
    curve = with_model_errors([CURVES[0] | {"xs": [10, 10], "ys": [1.0, 2.0]}], horizons=[5, 15])[0]
    curve["errors"][1] |= {"model_error/kl/15": math.nan, "model_error/sequences": 7}
    table = usable_model_errors(as_scores([curve]))
    assert list(table.columns) == MODEL_ERRORS
    assert table[["measure", "horizon"]].to_numpy().tolist() == [
        [measure, horizon] for measure in ("image", "kl", "reward") for horizon in (5, 15)
    ]
    last = [curve["errors"][1][f"model_error/{m}/{h}"] for m, h in zip(table["measure"], table["horizon"], strict=True)]
    last[3] = curve["errors"][0]["model_error/kl/15"]
    assert table["value"].tolist() == last
    assert table["sequences"].tolist() == [7] * 6
    assert usable_model_errors(as_scores(CURVES)).empty


def test_variants_of_several_suites_are_one_unless_a_run_is_in_two() -> None:
    first = from_runs([one([(1.0, METRIC, 1.0, 1.0)], "a", "dreamer"), one([], "a", "other")], "a")
    apart = from_runs([one([(1.0, METRIC, 2.0, 1.0)], "b", "dreamer", seed=1)], "b")
    same = from_runs([one([(1.0, METRIC, 3.0, 1.0)], "c", "dreamer", seed=1)], "c")
    joined = join([first, apart])
    assert joined.renamed == ()
    assert joined.runs["variant"].tolist() == ["dreamer", "other", "dreamer"]
    for joined in (join([first, apart, same]), join([join([apart, same]), first])):
        assert joined.renamed == ("dreamer",)
        assert set(joined.runs["variant"]) == {"a/dreamer", "b/dreamer", "c/dreamer", "other"}
        assert dict(zip(joined.table["variant"], joined.table["value"], strict=True)) == {
            "a/dreamer": 1.0, "b/dreamer": 2.0, "c/dreamer": 3.0,
        }  # fmt: skip
        assert [str(dtype) for dtype in joined.table.dtypes[:3]] == ["category"] * 3


def test_the_same_run_twice_is_two_runs_of_two_suites() -> None:
    scores = from_runs([one([(1.0, METRIC, 1.0, 1.0)], "scores")], "scores")
    joined = join([scores, scores, scores])
    assert joined.runs["suite"].tolist() == ["scores", "scores (2)", "scores (3)"]
    assert not joined.runs.duplicated(RUN).any()
    assert list(joined.table["variant"]) == joined.runs["variant"].tolist()


def test_joining_keeps_what_is_known() -> None:
    parts = [as_scores(CURVES[:3], planned=7.0, renderer="egl"), as_scores(CURVES[3:], torn=2)]
    joined = join(part for part in parts)
    pd.testing.assert_frame_equal(usable(joined, METRIC), usable(as_scores(CURVES), METRIC))
    assert joined.runs["torn"].tolist() == [0] * 3 + [2] * 5
    assert joined.runs["renderer"].tolist() == ["egl"] * 3 + [""] * 5
    assert np.isnan(joined.runs["planned"]).tolist() == [False] * 3 + [True] * 5
    assert join([]).table.empty


def test_runs_are_selected_by_names_and_patterns() -> None:
    scores = as_scores(CURVES)
    chosen = select(scores, {"task": ["*hopper*"], "seed": ["1"]})
    assert chosen.runs[RUN].to_numpy().tolist() == [["dmc_hopper_hop", v, 1] for v in ("dreamer", "no_value")]
    assert len(chosen.table) == 2 * 20
    assert len(select(scores, {"variant": ["dreamer,no_*"]}).runs) == 8
    assert select(scores, {}).table.equals(scores.table)
    with pytest.raises(UserError, match=r"--only variant=dremer: no such variant.*; did you mean dreamer\?"):
        select(scores, {"variant": ["dremer"]})
    with pytest.raises(UserError, match=r"unknown selector tsk.*; did you mean task\?"):
        select(scores, {"tsk": ["a"]})


def test_runs_are_cut_at_a_step_or_at_the_step_that_all_variants_reach() -> None:
    """The longest run of a variant counts: one short run does not cut the others."""
    lengths = {("walk", "a", 0): 8, ("walk", "a", 1): 3, ("walk", "b", 0): 6, ("hop", "a", 0): 5, ("hop", "b", 0): 9}
    runs = [
        Run(
            {"task": task, "variant": variant, "seed": seed, "planned": 90.0},
            by_metric([(10.0 * step, METRIC, 1.0, 1.0) for step in range(1, length + 1)]),
        )
        for (task, variant, seed), length in lengths.items()
    ]
    scores = from_runs(runs, "a test")

    def ends(until: float | str | None) -> list[float]:
        steps = cut(scores, until, METRIC).table.groupby(["task", "variant", "seed"], observed=True)["step"].max()
        return [steps[name] for name in lengths]

    assert ends(None) == [80, 30, 60, 50, 90]
    assert ends(45.0) == [40, 30, 40, 40, 40]
    assert ends("common") == [60, 30, 60, 50, 50]
    assert cut(scores, "common", METRIC).runs["planned"].tolist() == [60, 60, 60, 50, 50]


def test_steps_of_a_variant_are_multiplied() -> None:
    scores = as_scores([CURVES[0], CURVES[0] | {"method": "frames"}], planned=20_000.0)
    found = scaled(scores, {"frames": 4})
    steps = usable(found, METRIC).groupby("variant")["step"].max().to_dict()
    assert steps == {"dreamer": 20_000, "frames": 80_000}
    assert found.runs["planned"].tolist() == [20_000, 80_000]
    assert found.notes == ("frames: steps are multiplied by 4",)
    with pytest.raises(UserError, match="--scale-steps frame: no such variant; the nearest is frames"):
        scaled(scores, {"frame": 4})
    with pytest.raises(UserError, match="--scale-steps: steps would be beyond 1e15"):
        scaled(scores, {"frames": 1e300})
