"""Runs that left their suite: real launchers and workers, with a stand-in for the agent."""

import json
from pathlib import Path

import pytest

import launch
from runs.store import state, stop
from runs.store.run_folder import write_spec
from runs.watching import gone
from runs.watching.jobs import Queue, QueuedJob
from tests.runs.executing.test_local import launcher, wait_until_running
from tests.runs.standin import spec
from tests.waiting import LIMIT, wait_until

NAME = "toy_reach_1/standin/0"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A suite that names the stand-in's first run, and also a variant that runs only on request."""
    monkeypatch.chdir(tmp_path)
    text = "{name: suite, tasks: [toy_reach_1], variants: {standin: {}, later: {}}, optional: [later]}"
    Path("suite.yaml").write_text(text)
    return "suite.yaml"


def rows(suite: str, capsys: pytest.CaptureFixture[str], key: str = "gone") -> list[tuple[int, str]]:
    """Seed and state of the runs that the suite does not name, or of the others."""
    capsys.readouterr()
    assert launch.main(["status", suite, "--json"]) == 0
    return [(row["seed"], row["state"]) for row in json.loads(capsys.readouterr().out)[key]]


def test_they_are_shown_and_cancelled_alone(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs at a time: of those that left, one is running and two wait."""
    results = tmp_path / "results"
    process = launcher(results, 0, 1, 2, 3, faults='{"0": "wait", "1": "wait"}')
    folders = [spec(seed).folder(results) for seed in range(4)]
    wait_until_running(*folders[:2])
    assert rows(suite, capsys, "runs") == [(0, "running")]
    assert rows(suite, capsys) == [(1, "running"), (2, "queued"), (3, "queued")]
    assert launch.main(["status", suite]) == 0
    ours, heading, others = capsys.readouterr().out.partition("\nno longer named by the suite; ")
    assert heading
    assert ours.endswith("\n1 run: 1 running\n")
    assert others.endswith("\n3 runs: 2 queued, 1 running\n")

    monkeypatch.setattr("runs.executing.local.launch", lambda *_, **__: 0)
    for options in ([], ["--dry-run"]):
        assert launch.main(["run", suite, *options]) == 0
        assert "3 runs that the suite no longer names: 2 queued, 1 running" in capsys.readouterr().out

    assert launch.main(["cancel", suite, "--gone", "--only", "seed=1"]) == 2
    assert "--gone cannot be combined with --only" in capsys.readouterr().err
    assert launch.main(["cancel", suite, "--gone"]) == 0
    assert capsys.readouterr().out == "cancelled: 2 queued, 1 running; running runs save a checkpoint first\n"
    wait_until(lambda: state.read(folders[1]).state == "pending", "the cancelled run has ended")
    (results / "gate").touch()
    output, _ = process.communicate(timeout=LIMIT)
    assert "1 of 4 runs done, 0 failed, 3 cancelled, 0 left" in output
    assert rows(suite, capsys, "runs") == [(0, "done")]
    assert rows(suite, capsys) == [(1, "pending")]  # the others never began
    assert launch.main(["cancel", suite, "--gone"]) == 0
    assert capsys.readouterr().out == "nothing to cancel: no run that the suite no longer names is queued or running\n"


def test_ended_runs_are_shown_but_no_launch_speaks_of_them(suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    for each in (spec(0), spec(10), spec(9), spec(0, variant="other"), spec(0, variant="later")):
        write_spec(each, each.folder(Path("results")))
    assert rows(suite, capsys) == [(0, "pending"), (9, "pending"), (10, "pending")]
    assert launch.main(["run", suite, "--dry-run"]) == 0
    assert "no longer" not in capsys.readouterr().out
    assert launch.main(["status", suite, "--json", "--only", "seed=0"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"runs"}  # a selection says nothing about other runs


@pytest.mark.parametrize("name", ["../../elsewhere", "task/../0", "task/a", "task/a/b", "task/a/00", f"t/a/{10**4000}"])
def test_damaged_queues_name_no_runs(tmp_path: Path, name: str) -> None:
    queue = Queue({tmp_path / "suite" / name: QueuedJob("7")})
    assert gone.runs("suite", {NAME}, tmp_path, queue) == []


def test_what_belongs_to_no_run_is_passed_over(tmp_path: Path) -> None:
    home = spec().folder(tmp_path).parent
    write_spec(spec(1), home / "0.replaced-20260101-000000-000000")
    (home / "2").mkdir()  # a mark of a run that never began
    stop.cancel(home / "2")
    (home / "3").write_text("a file")
    (tmp_path / "suite" / "notes.txt").write_text("a file")
    assert gone.runs("suite", {NAME}, tmp_path, Queue()) == []
    assert gone.runs("other", {NAME}, tmp_path, Queue()) == []
