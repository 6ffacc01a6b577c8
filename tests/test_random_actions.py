"""The returns of random actions: the table is complete, its rows can be made anew, and others' code gives the same."""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.references import RANDOM
from benchmarks import random_actions
from benchmarks.random_actions import ACTION_REPEATS, TASKS, measure, play_at_random
from envs import make_env
from envs.registry import best_return
from envs.settings import EnvSettings

TABLE = json.loads(RANDOM.read_text())


def outcome(task: str, action_repeat: int, seed: int) -> tuple[float, int]:
    return play_at_random(make_env(task, EnvSettings(action_repeat=action_repeat), observe=()), seed)


def drawn(seed: int) -> np.random.Generator:
    """The random numbers of an episode's actions."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, 2))))


def test_table_has_every_task() -> None:
    """At action repeat 2; action repeat 4 is measured after it, in the same order."""
    keys = [(row["action_repeat"], row["task"]) for row in TABLE["rows"]]
    assert len(keys) >= len(TASKS)
    assert keys == list(itertools.product(ACTION_REPEATS, TASKS))[: len(keys)]
    for row in TABLE["rows"]:
        limit = 200 if row["task"].startswith("toy_") else 1000
        assert 0 < row["steps"] <= limit
        assert 0 <= row["mean"] < (best_return(row["task"]) or limit)
        assert row["std"] >= 0


@pytest.mark.parametrize("task", ["dmc_lqr_lqr_2_1", "toy_reach_2", "toy_reach_choices", "toy_grid"])
def test_row_can_be_made_alone(task: str) -> None:
    row = next(row for row in TABLE["rows"] if row["task"] == task)
    again = measure(task, row["action_repeat"])
    numbers = ("mean", "std", "steps")
    assert [again[name] for name in numbers] == pytest.approx([row[name] for name in numbers], rel=1e-3)


@pytest.mark.parametrize("action_repeat", ACTION_REPEATS)
@pytest.mark.parametrize(
    "task", ["dmc_cartpole_balance", "dmc_cheetah_run", "dmc_finger_spin", "dmc_pendulum_swingup", "dmc_reacher_easy"]
)
def test_returns_are_those_of_dm_control_alone(task: str, action_repeat: int) -> None:
    _, domain, name = task.split("_", 2)
    for seed in (1, 0):
        assert outcome(task, action_repeat, seed) == (by_dm_control(domain, name, action_repeat, seed), 1000)


def by_dm_control(domain: str, name: str, action_repeat: int, seed: int) -> float:
    from dm_control import suite

    start = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).integers(2**32)
    env = suite.load(domain, name, task_kwargs={"random": int(start)})  # its own time limit: 1000 control steps
    low, high = env.action_spec().minimum, env.action_spec().maximum
    rng, total, moment = drawn(seed), 0.0, env.reset()
    while not moment.last():
        action = rng.uniform(-1.0, 1.0, low.size).astype(np.float32)
        gain = 0.0
        for _ in range(action_repeat):
            moment = env.step(low + (action + 1.0) / 2.0 * (high - low))
            gain += moment.reward
        total += gain
    return total


@pytest.mark.parametrize("action_repeat", ACTION_REPEATS)
def test_returns_of_a_toy_task_are_those_of_its_rules(action_repeat: int) -> None:
    for seed in (1, 0):
        env = make_env("toy_reach_2", EnvSettings(), observe=())
        env.reset(seed=seed)
        positions, targets = env.measured().reshape(2, 2)
        rng, total = drawn(seed), 0.0
        for step in range(200):
            if step % action_repeat == 0:
                action = rng.uniform(-1.0, 1.0, 2).astype(np.float32)
            positions = (positions + np.array([0.04, 0.06]) * action).clip(-1.0, 1.0)
            total += float(np.mean(0.25**2 / (0.25**2 + (positions - targets) ** 2)))
        assert outcome("toy_reach_2", action_repeat, seed) == (pytest.approx(total), 200)


def test_killed_measurement_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_actions, "TASKS", ("toy_reach_1", "toy_grid"))
    monkeypatch.setattr(random_actions, "header", lambda: {"source": "a test"})
    measured: list[tuple[str, int]] = []

    def count(task: str, action_repeat: int) -> dict[str, Any]:
        measured.append((task, action_repeat))
        if len(measured) == 3:
            raise KeyboardInterrupt
        return measure(task, action_repeat, episodes=2)

    monkeypatch.setattr(random_actions, "measure", count)
    out = tmp_path / "random.json"
    monkeypatch.setattr(sys, "argv", ["", "--out", str(out)])
    with pytest.raises(KeyboardInterrupt):
        random_actions.main()
    random_actions.main()
    every = [("toy_reach_1", 2), ("toy_grid", 2), ("toy_reach_1", 4), ("toy_grid", 4)]
    assert measured == [*every[:3], *every[2:]]
    rows = [measure(*key, episodes=2) for key in every]
    assert json.loads(out.read_text()) == {"source": "a test", "rows": rows}


def test_rows_of_another_version_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "random.json"
    out.write_text(json.dumps({**random_actions.header(), "versions": {"mujoco": "1"}, "rows": []}))
    monkeypatch.setattr(sys, "argv", ["", "--out", str(out)])
    with pytest.raises(SystemExit):
        random_actions.main()
    assert "has rows of other versions" in capsys.readouterr().err
