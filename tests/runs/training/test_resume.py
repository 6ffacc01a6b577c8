"""A resumed run equals one that was never killed."""

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import agents.registry
import runs.training.attempt
from agents.registry import AGENTS
from runs.store import state
from runs.store.run_folder import write_spec
from suites.plan import RunSpec
from suites.suite import Settings
from tests.runs import standin
from tests.runs.standin import metrics, outcome, run_until_killed, spec

ROOT = Path(__file__).parents[3]
ENOUGH = 10**9
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["runs.training.attempt", "runs.store.run_folder", "tests.runs.standin"])


def run(run_spec: RunSpec, folder: Path, calls: int = ENOUGH) -> int | None:
    process = SERVER.Process(target=run_until_killed, args=(run_spec.to_yaml(), str(folder), calls))
    process.start()
    process.join()
    return process.exitcode


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert run(spec(), folder) == 0
    assert len(metrics(folder)) > 20
    return folder


@settings(max_examples=15)
@given(kills=st.lists(st.integers(0, 500), min_size=1, max_size=4))
@example(kills=[28, 295])
def test_killed_at_any_call(kills: list[int], uninterrupted: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("killed")
    for calls in kills:
        if run(spec(), folder, calls) == 0:
            break
        assert state.read(folder).state in ("pending", "done")  # done if it was killed after its last record
    assert run(spec(), folder) == 0
    assert state.read(folder).state == "done"
    assert outcome(folder) == outcome(uninterrupted)


@pytest.mark.parametrize(
    "changes",
    [{"envs": 2}, {"replay": {"size": 100, "memory": 0.1}}, {"collect": "beside"}, {"collect": "beside", "envs": 2}],
    ids=["envs", "forgetting", "beside", "beside, envs"],
)
def test_killed_with_other_settings(changes: dict[str, Any], tmp_path: Path) -> None:
    assert run(spec(**changes), tmp_path / "whole") == 0
    for calls in (200, 50):
        assert run(spec(**changes), tmp_path / "killed", calls) == -signal.SIGKILL
    assert run(spec(**changes), tmp_path / "killed") == 0
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


def test_other_seeds_give_other_metrics(uninterrupted: Path, tmp_path: Path) -> None:
    assert run(spec(seed=1), tmp_path) == 0
    assert metrics(tmp_path) != metrics(uninterrupted)


@pytest.fixture(scope="module", params=["rssm", "ed2", "state", "atari", "beside", "d4pg", "a3c"])
def dreamer(request: pytest.FixtureRequest) -> RunSpec:
    """A real agent, small, on a run of a few seconds.

    Dreamer has continuous actions, grouped ones (the second time with state vectors), or choices; or it learns beside
    its environments.
    """
    sizes: dict[str, Any] = {
        "representation": {"depth": 2, "state_layers": 1, "state_units": 8},
        "dynamics": {"deterministic": 8, "stochastic": 4, "hidden": 8},
        "reward": {"layers": 1, "units": 8},
        "behavior": {"horizon": 3, "actor_layers": 1, "actor_units": 8, "value_layers": 1, "value_units": 8},
    }
    changes: dict[str, Any] = sizes | {"envs": 2, "discovery": {"steps": 1000}}
    if request.param == "atari":
        scheduled = {"kind": "epsilon_greedy", "schedule": "linear", "duration": 10, "amount": 0.5}
        changes |= {"exploration": scheduled, "replay": {"memory": 0.1, "balance": True}}
        changes |= {"continuation": {"predict": True, "layers": 1, "units": 8}}
        return RunSpec("suite", "atari_breakout", "dreamer", 3, Settings.model_validate(standin.SMALL | changes))
    grouped = request.param in ("ed2", "state")
    sizes["dynamics"] |= {"kind": "ed2" if grouped else "rssm", "groups": "sd2"}
    changes["observation"] = "image" if request.param in ("rssm", "ed2") else "state"
    changes["collect"] = "beside" if request.param == "beside" else "alternate"
    if request.param in AGENTS:
        units = {"critic_units": [8, 8], "actor_units": [8, 8]}
        changes |= {"agent": request.param, "d4pg": units, "a3c": {"units": [8, 8], "unroll": 7}}
    return RunSpec("suite", "toy_reach_2", "dreamer", 3, Settings.model_validate(standin.SMALL | changes))


def test_dreamer_killed_at_random_moments(dreamer: RunSpec, tmp_path: Path) -> None:
    """End to end: real processes, TensorFlow, two environments, SIGKILL."""

    def start(folder: Path) -> "subprocess.Popen[bytes]":
        with (folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "runs.training.worker", folder], cwd=ROOT, stdout=output, stderr=output
            )

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        write_spec(dreamer, folder)
    assert start(whole).wait() == 0, (whole / "output.log").read_text()
    rng = random.Random()
    for _ in range(2):
        process = start(killed)
        before = state.read(killed).heartbeat
        goal = state.read(killed).step + rng.randrange(250)
        while process.poll() is None:  # until it has made progress, on a machine of any speed
            lines = (killed / "metrics.jsonl").read_bytes().splitlines() if (killed / "metrics.jsonl").exists() else []
            reached = int(lines[-1].split(b",")[0].split(b":")[1]) if lines else 0
            if reached >= goal and state.read(killed).heartbeat != before:
                time.sleep(rng.random() / 5)
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(killed).wait() == 0, (killed / "output.log").read_text()
    assert metrics(killed) == metrics(whole)


def test_no_graph_is_traced_again(dreamer: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One graph for training, one for reports, one for acting in each number of environments; batches keep up."""
    made: list[Any] = []
    original = agents.registry.make_agent

    def make_agent(*given: Any) -> Any:
        made.append(original(*given))
        return made[0]

    monkeypatch.setattr(agents.registry, "make_agent", make_agent)
    runs.training.attempt.run(dreamer, tmp_path)
    graphs = [getattr(made[0], name) for name in ("_train_graph", "_report_graph") if hasattr(made[0], name)]
    assert [graph.experimental_get_tracing_count() for graph in graphs] == [1] * len(graphs)
    assert made[0]._policy_graph.traced.experimental_get_tracing_count() == 2
    assert metrics(tmp_path)[-1]["step"] >= 400
