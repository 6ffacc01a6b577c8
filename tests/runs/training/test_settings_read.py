"""Which settings a run at random reads: those that change what it measures, and no others."""

from pathlib import Path
from typing import Any

import pytest

import runs.training.assemble
import runs.training.material
from agents.settings import AgentSettings
from common.settings import values
from runs.settings import NO_EFFECT
from runs.training.attempt import run
from suites.identity import effective
from suites.plan import RunSpec
from suites.settings import Settings
from tests.runs.standin import SMALL, PlainBatches, metrics
from tests.suites.other_values import settings

BASE = values(Settings.model_validate(SMALL | {"agent": "random", "steps": 240, "checkpoint": {"every": 1000}}))
# Another value of each setting of the run and of the environment that a toy task has.
OTHER: dict[str, Any] = {
    "steps": 200,
    "collect": "beside",
    "train.prefill": 150,
    "train.pretrain": 4,
    "train.every": 20,
    "train.updates": 3,
    "train.batch_size": 3,
    "train.batch_length": 5,
    "eval.every": 50,
    "eval.episodes": 2,
    "replay.size": 60,
    "replay.sampling": "episodes",
    "replay.balance": True,
    "observation": "state",
    "action_repeat": 3,
    "envs": 2,
    "time_limit": 40,
    "renderer": "raycast",
    "supersampling": 2,
    "atari.sticky": 0.5,
    "atari.noops": 3,
    "atari.life_loss": False,
}


@pytest.fixture
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.training.material, "Batches", PlainBatches)
    monkeypatch.setattr(runs.training.assemble, "prepare_tensorflow", lambda seed: "none")


def measured(changes: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    run(RunSpec("suite", "toy_reach_2", "random", 0, settings(BASE | changes)), folder)
    return metrics(folder)


@pytest.mark.usefixtures("no_tensorflow")
def test_run_at_random_reads_what_changes_its_metrics(tmp_path: Path) -> None:
    of_agents = {key for key in BASE if key.partition(".")[0] in AgentSettings.model_fields}
    assert OTHER.keys() == BASE.keys() - of_agents - set(NO_EFFECT)
    before = measured({}, tmp_path / "base")
    assert len(before) > 10
    changed = {key for key, value in OTHER.items() if measured({key: value}, tmp_path / key) != before}
    assert "observation" not in changed  # but the episodes on disk hold it
    assert changed | {"agent", "observation"} == effective("toy_reach_2", settings(BASE)).keys()
