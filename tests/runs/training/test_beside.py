"""Collecting beside learning: what happens follows from the schedule alone, whichever side is faster."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import agents.registry
from agents.agent import Batch, Observations, PolicyState
from envs.parallel import ParallelEnvs, WorkerError
from runs.store import state
from runs.store.stop import Stop
from runs.training.attempt import run
from runs.training.loop import DivergedError
from runs.training.monitor import Stopped
from tests.runs.standin import FAULTS, SMALL, StandIn, metrics, spec

pytestmark = pytest.mark.usefixtures("stand_ins")
EVERY, UPDATES = SMALL["train"]["every"], SMALL["train"]["updates"]


class Diary(StandIn):
    """Notes for each action the weights it came from, and for each gradient step the newest data that it could see."""

    acted: list[tuple[int, bytes]]
    learned: list[tuple[int, bytes]]
    pauses: dict[str, float]

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        time.sleep(self.pauses.get("policy", 0))
        if training:
            self.acted.append((self.acts, self.weights.tobytes()))
        return super().policy(observations, state, training)

    def train(self, batch: Batch) -> dict[str, float]:
        time.sleep(self.pauses.get("train", 0))
        found = super().train(batch)
        self.learned.append((self.updates, self.weights.tobytes()))
        return found


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> type[Diary]:
    Diary.acted, Diary.learned, Diary.pauses = [], [], {}
    monkeypatch.setattr(agents.registry, "make_agent", Diary)
    return Diary


def test_a_phase_acts_with_the_weights_it_began_with(diary: type[Diary], tmp_path: Path) -> None:
    run(spec(collect="beside"), tmp_path)
    weights = dict(diary.learned)
    used = [weight for _, weight in diary.acted]
    # Prefill ends at 100, and pretraining (3 updates) goes on beside the steps up to 120, and so on every 40.
    ends = [120, *range(160, 401, 40)]
    known = [None, *(weights[3 + UPDATES * phase] for phase in range(len(ends) - 1))]
    taken, begin = 0, 100
    for end, expected in zip(ends, known, strict=True):
        phase = used[taken : taken + (end - begin) // 4]
        assert len(set(phase)) == 1
        assert expected is None or set(phase) == {expected}
        taken, begin = taken + len(phase), end
    assert taken == len(used)
    acts = [number for number, _ in diary.acted]
    assert acts == sorted(set(acts))  # the random numbers of no action are used twice


def test_as_many_gradient_steps_are_taken_as_in_turns(diary: type[Diary], tmp_path: Path) -> None:
    for collect in ("beside", "alternate"):
        run(spec(collect=collect), tmp_path / collect)
    lines = [metrics(tmp_path / collect) for collect in ("beside", "alternate")]
    beside, alternate = ([line["train/updates"] for line in each if "train/updates" in line] for each in lines)
    assert len(diary.learned) == 2 * (3 + UPDATES * (400 // EVERY - 2))
    assert [line["step"] for line in lines[0] if "eval/return" in line][1:] == [200, 320, 400]
    assert beside[-1] == alternate[-1] - UPDATES  # the last line is written before the last phase
    ends = [[line["step"] for line in each if "train/return" in line] for each in lines]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("pauses", [{"policy": 0.01}, {"train": 0.05}])
def test_results_do_not_depend_on_speed(diary: type[Diary], pauses: dict[str, float], tmp_path: Path) -> None:
    run(spec(collect="beside"), tmp_path / "fast")
    diary.pauses = pauses
    run(spec(collect="beside"), tmp_path / "slow")
    assert metrics(tmp_path / "slow") == metrics(tmp_path / "fast")


def test_both_sides_work_at_the_same_time(diary: type[Diary], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first gradient step of a phase and an action of it wait for each other."""
    barrier = threading.Barrier(2, timeout=60)
    met: list[str] = []
    policy, train = Diary.policy, Diary.train

    def meeting(name: str, method: Any) -> Any:
        def call(self: Diary, *given: Any) -> Any:
            due = {"train": self.updates == 3, "policy": self.updates == 3 and self.acts == due_act}[name]
            if due and name not in met:
                met.append(name)
                barrier.wait()
            return method(self, *given)

        return call

    due_act = 5 + 12  # five actions beside pretraining, and those of the first evaluation
    monkeypatch.setattr(Diary, "policy", meeting("policy", policy))
    monkeypatch.setattr(Diary, "train", meeting("train", train))
    run(spec(collect="beside"), tmp_path)
    assert sorted(met) == ["policy", "train"]


class StopInPhase(Stop):
    """Asks to stop after some gradient steps."""

    @property
    def requested(self) -> bool:
        return len(Diary.learned) >= 6


def test_stop_within_a_phase_goes_back_to_its_beginning(diary: type[Diary], tmp_path: Path) -> None:
    run(spec(collect="beside"), tmp_path / "whole")
    Diary.learned = []
    with pytest.raises(Stopped):
        run(spec(collect="beside"), tmp_path / "stopped", StopInPhase(tmp_path / "stopped"))
    assert state.read(tmp_path / "stopped").state == "pending"
    assert len(Diary.learned) == 6  # the second phase's first of two, after pretraining's three and the first's two
    run(spec(collect="beside"), tmp_path / "stopped")
    assert metrics(tmp_path / "stopped") == metrics(tmp_path / "whole")


def test_errors_of_either_side_end_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FAULTS, '{"0": "nan"}')
    with pytest.raises(DivergedError):
        run(spec(collect="beside"), tmp_path / "diverged")
    monkeypatch.delenv(FAULTS)
    step, steps = ParallelEnvs.step, []

    def failing(self: ParallelEnvs, actions: Any) -> Any:
        steps.append(actions)
        if len(steps) > 40:
            raise WorkerError("environment 0 of toy_reach_1 died: killed by SIGKILL")
        return step(self, actions)

    monkeypatch.setattr(ParallelEnvs, "step", failing)
    with pytest.raises(WorkerError, match="died"):
        run(spec(collect="beside"), tmp_path / "died")
    assert state.read(tmp_path / "died").state == "failed"


def test_prefill_is_not_touched(diary: type[Diary], tmp_path: Path) -> None:
    def returns(folder: Path) -> Iterable[Any]:
        return [line for line in metrics(folder) if line["step"] <= 100 and "train/return" in line]

    for collect in ("beside", "alternate"):
        run(spec(collect=collect, steps=160), tmp_path / collect)
    assert returns(tmp_path / "beside") == returns(tmp_path / "alternate") != []
