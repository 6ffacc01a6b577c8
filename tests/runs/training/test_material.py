"""Unrolls against a plain log of what happened: whole, in order, each step once, also across episodes and a resume."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import agents.registry
import runs.training.assemble
import runs.training.material
from agents.agent import AFTER, Arrays, Batch, Observations, PolicyState, Report
from agents.registry import AGENTS, AgentEntry
from runs.store import state
from runs.store.stop import Stop
from runs.training.attempt import run
from runs.training.material import steps_of
from runs.training.monitor import Stopped
from suites.plan import RunSpec
from tests.runs.standin import metrics, spec

UNROLL = 7


class Watcher:
    """Acts at random by a counter, and logs each unroll that it is given."""

    length = UNROLL
    unrolls: list[Batch]

    def __init__(self, settings: Any, observations: Any, action: Any, seed: int):
        self.size, self.acts, self.updates = action.size, 0, 0

    def initial_state(self, count: int) -> PolicyState:
        return {}

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        count = len(observations["state"])
        self.acts += 1
        return np.random.default_rng(self.acts).uniform(-1, 1, (count, self.size)).astype(np.float32), state

    def prepare(self, episodes: Iterable[Batch]) -> None: ...

    def train(self, batch: Batch) -> dict[str, float]:
        self.updates += 1
        Watcher.unrolls.append({name: np.array(array) for name, array in batch.items()})
        return {"loss/model": float(sum(np.sum(array) for array in batch.values()))}

    def report(self, batch: Batch) -> Report:
        return Report()

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        return {"flops/update": sequences * 1000 + length}

    def save(self) -> Arrays:
        return {"counters": np.array([self.acts, self.updates])}

    def load(self, arrays: Arrays) -> None:
        self.acts, self.updates = map(int, arrays["counters"])


class StopAfter(Stop):
    """Asks to stop when so many unrolls were learned from."""

    def __init__(self, folder: Path, unrolls: int):
        super().__init__(folder)
        self._unrolls = unrolls

    @property
    def requested(self) -> bool:
        return len(Watcher.unrolls) >= self._unrolls


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> RunSpec:
    """A run of the watcher in two environments whose episodes have 12 agent steps."""
    Watcher.unrolls = []
    monkeypatch.setattr(agents.registry, "make_agent", Watcher)
    monkeypatch.setattr(runs.training.assemble, "prepare_tensorflow", lambda seed: "none")
    monkeypatch.setitem(AGENTS, "random", AgentEntry("", lambda settings: (), "unrolls"))
    return spec(agent="random", observation="state", envs=2, steps=1000)


def test_each_step_of_the_policy_is_learned_from_once(watched: RunSpec, tmp_path: Path) -> None:
    run(watched, tmp_path)
    lines = metrics(tmp_path)
    assert lines[0]["flops/update"] == 2000 + UNROLL
    learned = {name: np.concatenate([u[name] for u in Watcher.unrolls], 1) for name in Watcher.unrolls[0]}
    count = learned["ended"].shape[1]
    assert count % UNROLL == 0
    assert count > 8 * UNROLL
    assert learned["state"].shape[:2] == (2, count)
    ends = np.flatnonzero(learned["ended"][0])
    assert set(np.diff(ends)) == {12}  # of 48 environment steps, four an agent step
    for env in range(2):
        for step in range(count - 1):
            follows = np.array_equal(learned[AFTER + "state"][env, step], learned["state"][env, step + 1])
            assert follows != learned["ended"][env, step]
    assert np.isfinite(learned["reward"]).all()
    assert (learned["discount"] == 1).all()


def test_unrolls_are_the_same_after_a_stop_anywhere(watched: RunSpec, tmp_path: Path) -> None:
    run(watched, tmp_path / "whole")
    whole = Watcher.unrolls
    for unrolls in (1, 3, 4):
        Watcher.unrolls = []
        folder = tmp_path / str(unrolls)
        with pytest.raises(Stopped):
            run(watched, folder, StopAfter(folder, unrolls))
        assert state.read(folder).state == "pending"
        run(watched, folder)
        assert len(Watcher.unrolls) == len(whole)
        for mine, other in zip(Watcher.unrolls, whole, strict=True):
            for name, array in other.items():
                np.testing.assert_array_equal(mine[name], array)


@pytest.mark.parametrize(("finished", "newest", "kept"), [(True, 99, 4), (False, 2, 2), (True, 1, 1), (False, 4, 4)])
def test_steps_of_an_episode(finished: bool, newest: int, kept: int) -> None:
    records: Callable[..., Any] = np.arange
    episode = {
        "state": records(5.0)[:, None],
        "action": 10 + records(5.0)[:, None],
        "reward": 20 + records(5.0),
        "discount": np.ones(5),
    }
    found = steps_of(episode, finished, newest)
    first = 4 - kept
    np.testing.assert_array_equal(found["state"][:, 0], records(first, 4))
    np.testing.assert_array_equal(found[AFTER + "state"][:, 0], records(first + 1, 5))
    np.testing.assert_array_equal(found["action"][:, 0], 11 + records(first, 4))
    np.testing.assert_array_equal(found["reward"], 21 + records(first, 4))
    np.testing.assert_array_equal(found["ended"], [False] * (kept - 1) + [finished])


def test_steps_of_an_episode_that_has_just_begun() -> None:
    begun = {"state": np.ones((1, 2)), "action": np.zeros((1, 1)), "reward": np.zeros(1), "discount": np.ones(1)}
    assert [len(array) for array in steps_of(begun, False, 3).values()] == [0] * 6
