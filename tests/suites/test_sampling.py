"""Sampled sweeps: their distributions, and that a plan with them is data that only grows."""

import re
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from common.errors import UserError
from common.yaml_reader import Key, Place, dump
from suites.plan import plan
from suites.sampling import Range
from suites.suite import Suite, load_suite

RATE, HORIZON = "optimizer.model_rate", "behavior.horizon"
PLACE = Place("suite.yaml", 1, 1)


def load(folder: Path, sweep: dict[str, Any], **blocks: object) -> Suite:
    path = folder / "sampled.yaml"
    path.write_text(dump({"name": "s", "tasks": ["toy_reach_8"], "sweep": sweep, **blocks}))
    return load_suite(path)


def points(suite: Suite) -> list[tuple[Any, ...]]:
    """The values at each point of the sweep."""
    return [tuple(node.plain() for node in entry.swept.values()) for entry in suite.grid.values()]


def draws(low: float, high: float, logarithmic: bool, whole: bool, count: int = 2000) -> list[float]:
    sampled = Range(Key("a.b", PLACE), low, high, logarithmic, whole, count, PLACE)
    return [sampled.draw(0, number) for number in range(count)]


@pytest.mark.parametrize(
    ("logarithmic", "expected"), [(False, stats.uniform(1e-4, 1e-2 - 1e-4)), (True, stats.loguniform(1e-4, 1e-2))]
)
def test_numbers_have_their_distribution(logarithmic: bool, expected: Any) -> None:
    found = draws(1e-4, 1e-2, logarithmic, whole=False)
    assert stats.kstest(found, expected.cdf).pvalue > 0.01
    assert all(1e-4 <= value <= 1e-2 and value == float(f"{value:.4g}") for value in found)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_integers_have_their_distribution(logarithmic: bool) -> None:
    """Each has the share of the interval from itself to the next one, the last one too."""
    found = draws(2, 9, logarithmic, whole=True)
    wide = stats.loguniform(2, 10) if logarithmic else stats.uniform(2, 8)
    expected = [len(found) * (wide.cdf(value + 1) - wide.cdf(value)) for value in range(2, 10)]
    assert all(type(value) is int for value in found)
    assert stats.chisquare([found.count(value) for value in range(2, 10)], expected).pvalue > 0.01


def test_draws_never_change(tmp_path: Path) -> None:
    """Results on disk are found by these numbers: they are the same on every machine and in every version."""
    sweep = {RATE: {"log_uniform": [1e-4, 1e-2], "samples": 3}, HORIZON: {"uniform": [2, 20], "samples": 3}}
    assert points(load(tmp_path, sweep)) == [(0.005279, 19), (0.00215, 9), (0.001504, 17)]
    assert next(iter(load(tmp_path, sweep).grid)) == "model_rate=0.005279+horizon=19"
    assert points(load(tmp_path, sweep, sweep_seed=1)) != points(load(tmp_path, sweep, sweep_seed=0))
    assert points(load(tmp_path, sweep)) == points(load(tmp_path, sweep, sweep_seed=0))


def test_more_samples_leave_the_earlier_ones_as_they_are(tmp_path: Path) -> None:
    def names(samples: int) -> list[str]:
        few = {HORIZON: {"uniform": [2, 11], "samples": samples}}
        return [spec.name for spec in plan(load(tmp_path, few))]

    assert len(set(names(10))) == 10  # no point is drawn twice, though there are only ten
    for samples in range(1, 10):
        assert names(samples) == names(10)[:samples]


def test_settings_sampled_for_the_same_variants_are_drawn_together_and_crossed_with_the_others(tmp_path: Path) -> None:
    rate, horizon = {"log_uniform": [1e-4, 1e-2], "samples": 4}, {"uniform": [2, 900], "samples": 4}
    [first, *_] = together = points(load(tmp_path, {RATE: rate, HORIZON: horizon}))
    assert len(together) == 4
    alone = [points(load(tmp_path, {key: block})) for key, block in ((RATE, rate), (HORIZON, horizon))]
    assert together == [(*one, *other) for one, other in zip(*alone, strict=True)]
    crossed = load(tmp_path, {RATE: rate, "action_repeat": [1, 2], HORIZON: horizon})
    assert points(crossed) == [(*point, repeat) for point in together for repeat in (1, 2)]
    assert first[0] == pytest.approx(crossed.resolve("toy_reach_8", next(iter(crossed.grid))).optimizer.model_rate)
    some = load(
        tmp_path,
        {RATE: {**rate, "of": "a"}, HORIZON: {**horizon, "samples": 2, "of": ["a", "b"]}},
        variants={"a": {}, "b": {}, "c": {}},
    )
    assert [entry.variant for entry in some.grid.values()] == ["a"] * 8 + ["b"] * 2 + ["c"]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({HORIZON: {"uniform": [2, 4], "samples": 4}}, "4 samples of behavior.horizon, but only 3 different ones"),
        (
            {HORIZON: {"uniform": [2, 4], "samples": 2}, RATE: {"uniform": [0.1, 0.2], "samples": 3}},
            "optimizer.model_rate has 3 samples, and behavior.horizon at ",
        ),
        ({RATE: {"log_uniform": [0, 1], "samples": 3}}, r"optimizer.model_rate is 0; allowed: a number above 0"),
        ({"exploration.amount": {"log_uniform": [0, 1], "samples": 3}}, r"is \[0, 1\]; allowed: numbers above 0"),
        ({RATE: {"uniform": [0.2, 0.1], "samples": 3}}, r"is \[0.2, 0.1\]; allowed: two numbers, the lower one first"),
        ({RATE: {"uniform": [0.1], "samples": 3}}, r"is a list; allowed: \[lowest, highest\]"),
        ({RATE: {"uniform": [0.1, True], "samples": 3}}, "an end of uniform is true; allowed: a number above 0"),
        ({HORIZON: {"uniform": [2, 4.5], "samples": 3}}, "behavior.horizon is 4.5; allowed: an integer at least 2"),
        ({RATE: {"uniform": [0.1, 0.2]}}, "has no samples; allowed: an integer from 1 to 10,000"),
        ({RATE: {"uniform": [0.1, 0.2], "samples": 0}}, "samples is 0; allowed: an integer from 1 to 10,000"),
        ({RATE: {"samples": 3}}, "has samples, but neither uniform nor log_uniform"),
        ({RATE: {"uniform": [0.1, 0.2], "log_uniform": [0.1, 0.2], "samples": 3}}, "has uniform and log_uniform"),
        ({RATE: {"uniform": [0.1, 0.2], "samples": 3, "values": [1]}}, "has values and uniform; give one of the two"),
        ({RATE: {"unifrom": [0.1, 0.2], "samples": 3}}, "unknown key unifrom; .*did you mean uniform"),
        ({"behavior.value": {"uniform": [0.1, 0.2], "samples": 3}}, "behavior.value cannot be sampled"),
    ],
)
def test_mistake_is_one_line_with_its_place(tmp_path: Path, sweep: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        load(tmp_path, sweep)
    assert re.match(rf"\S+sampled.yaml:\d+:\d+: .*{message}", str(refused.value)), refused.value


def test_seed_of_the_sweep_is_checked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sweep_seed is true; allowed: an integer from 0 to"):
        load(tmp_path, {HORIZON: [3]}, sweep_seed=True)
