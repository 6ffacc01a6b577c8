"""Launchers and their workers: real processes, with a stand-in for the agent."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from common import lock
from common.errors import UserError
from runs.executing import launcher as processes
from runs.executing import local
from runs.executing.local import launch
from runs.store import state, stop
from runs.store.run_folder import write_spec
from runs.watching import batches, local_queue
from runs.watching.jobs import Queue
from runs.watching.queue import look
from runs.watching.status import statuses
from suites.plan import RunSpec
from tests.runs.standin import FAULTS, GATE, metrics, spec
from tests.waiting import LIMIT, wait_until

ROOT = Path(__file__).parents[3]
Faults = Callable[[str], None]


def states(specs: list[RunSpec], results: Path) -> list[str]:
    return [row.state for row in statuses(specs, results, Queue(), 10.0)]


def launcher(
    results: Path, *seeds: int, faults: str = "{}", output: int | IO[str] = subprocess.PIPE
) -> "subprocess.Popen[str]":
    """A launcher in a separate process. Runs paused by `wait` continue once the results contain a file `gate`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runs.launching", str(results), "2", *map(str, seeds)],
        cwd=ROOT,
        env=os.environ | {FAULTS: faults, GATE: str(results / "gate")},
        stdout=output,
        text=True,
    )


def wait_until_running(*folders: Path) -> None:
    """Waits until runs have made progress."""
    for folder in folders:
        wait_until(
            lambda: state.read(folder).state == "running" and (folder / "checkpoints").exists(),  # noqa: B023
            f"{folder} is running",
        )


def test_failures_do_not_stop_the_others(
    tmp_path: Path, stand_in_workers: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in_workers('{"0": "raise", "1": "sigkill"}')
    specs = [spec(seed) for seed in range(3)]
    assert launch(specs, tmp_path, workers=2, retry_failed=False, replace=False) == 1
    assert states(specs, tmp_path) == ["failed", "failed", "done"]
    output = capsys.readouterr().out
    assert "RuntimeError: the stand-in fails on purpose" in output
    assert "killed by SIGKILL" in output
    assert "failed runs are skipped without --retry-failed" in output
    assert "the same command takes up again, as no fault of their own ended them: toy_reach_1/standin/1\n" in output
    assert "1 of 3 runs done, 2 failed, 0 left" in output

    # A failed run is skipped, but still reported; a run killed by a signal is resumed.
    stand_in_workers("{}")
    assert launch(specs, tmp_path, workers=1, retry_failed=False, replace=False) == 1
    assert states(specs, tmp_path) == ["failed", "done", "done"]
    output = capsys.readouterr().out
    assert "1 done, 1 failed earlier, 1 to do" in output
    assert "RuntimeError" in output

    assert launch(specs, tmp_path, workers=1, retry_failed=True, replace=False) == 0
    assert states(specs, tmp_path) == ["done", "done", "done"]
    assert "started from step" in capsys.readouterr().out

    modified = [(spec.folder(tmp_path) / "metrics.jsonl").stat().st_mtime_ns for spec in specs]
    assert launch(specs, tmp_path, workers=1, retry_failed=False, replace=False) == 0
    assert [(spec.folder(tmp_path) / "metrics.jsonl").stat().st_mtime_ns for spec in specs] == modified


def test_a_full_disk_is_named_and_the_run_is_taken_up_again(
    tmp_path: Path, stand_in_workers: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in_workers('{"0": "full"}')
    specs = [spec(seed) for seed in range(2)]
    assert launch(specs, tmp_path, workers=1, retry_failed=False, replace=False) == 1
    output = capsys.readouterr().out
    assert re.search(r"\nfailed: toy_reach_1/standin/0 at step 1\d\d: No space left on device\n", output)
    assert "the same command takes up again, as no fault of their own ended them: toy_reach_1/standin/0" in output
    assert "--retry-failed" not in output
    assert "1 of 2 runs done, 1 failed, 0 left" in output
    stand_in_workers("{}")
    assert launch(specs, tmp_path, workers=1, retry_failed=False, replace=False) == 0
    assert states(specs, tmp_path) == ["done", "done"]
    assert "0: started from step 1" in capsys.readouterr().out


def test_changed_settings_are_refused_or_replaced(tmp_path: Path, stand_in_workers: Faults) -> None:
    old, same = spec(0, steps=120), spec(1, steps=120)
    assert launch([old, same], tmp_path, workers=2, retry_failed=False, replace=False) == 0
    before = metrics(old.folder(tmp_path))
    new = spec(0, steps=160)
    with pytest.raises(UserError, match=r"(?s)standin/0: steps: 120 -> 160.*--replace"):
        launch([new, same, spec(2)], tmp_path, workers=1, retry_failed=False, replace=False)
    assert not spec(2).folder(tmp_path).exists()  # nothing was started
    assert launch([new, same], tmp_path, workers=1, retry_failed=False, replace=True) == 0
    assert metrics(new.folder(tmp_path))[-1]["step"] == 160
    [moved] = new.folder(tmp_path).parent.glob("0.replaced-*")
    assert metrics(moved) == before
    assert not list(same.folder(tmp_path).parent.glob("1.replaced-*"))


def test_running_run_is_not_replaced(tmp_path: Path) -> None:
    folder = spec(steps=120).folder(tmp_path)
    write_spec(spec(steps=120), folder)
    with lock.held(folder), pytest.raises(UserError, match="cannot be replaced: it is running"):
        launch([spec(steps=160)], tmp_path, workers=1, retry_failed=False, replace=True)
    assert folder.is_dir()


def test_settings_without_effect_may_change(tmp_path: Path, stand_in_workers: Faults) -> None:
    write_spec(spec(0, steps=120), spec().folder(tmp_path))
    changed = spec(0, steps=120, checkpoint={"every": 50, "keep": 1})
    assert launch([changed], tmp_path, workers=1, retry_failed=False, replace=False) == 0
    assert len(list((changed.folder(tmp_path) / "checkpoints").iterdir())) == 1


def test_runs_with_lists_in_their_settings_are_launched(tmp_path: Path, stand_in_workers: Faults) -> None:
    grouped = spec(0, task="toy_reach_2", steps=120, dynamics={"kind": "ed2", "groups": [[0], [1]]})
    assert launch([grouped], tmp_path, workers=1, retry_failed=False, replace=False) == 0


def test_foreign_folder_is_not_touched(tmp_path: Path, stand_in_workers: Faults) -> None:
    folder = spec().folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="do not belong to a run"):
        launch([spec()], tmp_path, workers=1, retry_failed=False, replace=False)
    assert (folder / "thesis.tex").read_text() == "precious"


def test_two_launchers_do_not_run_the_same_run_twice(tmp_path: Path) -> None:
    outputs = [tmp_path / "one.log", tmp_path / "other.log"]

    def found_each_others() -> bool:
        return sum(output.read_text().count("another launcher is running it") for output in outputs) == 2

    with outputs[0].open("w") as one, outputs[1].open("w") as other:
        both = [launcher(tmp_path, 0, 1, faults='{"0": "wait", "1": "wait"}', output=to) for to in (one, other)]
        wait_until(found_each_others, "each run has been found by the launcher that does not train it")
        (tmp_path / "gate").touch()
        codes = [process.wait(LIMIT) for process in both]
    assert codes == [0, 0], [output.read_text() for output in outputs]
    for seed in range(2):
        folder = spec(seed).folder(tmp_path)
        attempts = json.loads((folder / "provenance.json").read_text())["attempts"]
        assert [attempt["reason"] for attempt in attempts] == ["done"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_everything_resumable(tmp_path: Path, number: signal.Signals) -> None:
    process = launcher(tmp_path, 0, 1, faults='{"0": "wait", "1": "wait"}')
    folders = [spec(seed).folder(tmp_path) for seed in range(2)]
    wait_until_running(*folders)
    process.send_signal(number)
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, output
    assert "it can be resumed" in output
    assert [state.read(folder).state for folder in folders] == ["pending", "pending"]
    assert all(any((folder / "checkpoints").iterdir()) for folder in folders)


def test_workers_save_and_end_when_their_launcher_is_killed(tmp_path: Path) -> None:
    process = launcher(tmp_path, 0, faults='{"0": "wait"}')
    folder = spec().folder(tmp_path)
    wait_until_running(folder)
    process.kill()
    process.communicate()
    again = launcher(tmp_path, 0)  # waits for the orphaned worker, then resumes the run
    output, _ = again.communicate(timeout=LIMIT)
    assert again.returncode == 0, output
    attempts = json.loads((folder / "provenance.json").read_text())["attempts"]
    assert [attempt["reason"] for attempt in attempts] == ["stopped as its launcher is gone", "done"]


def test_worker_that_cannot_start_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "COMMAND", (sys.executable, "-c", "import nonexistent_module"))
    assert launch([spec()], tmp_path, workers=1, retry_failed=False, replace=False) == 1
    assert "No module named 'nonexistent_module'" in capsys.readouterr().out
    assert states([spec()], tmp_path) == ["failed"]


def test_run_that_cannot_be_started_does_not_stop_the_others(
    tmp_path: Path, stand_in_workers: Faults, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced, blocked, sound = spec(0, steps=120), spec(1, variant="file"), spec(2, steps=120)
    folder = replaced.folder(tmp_path)
    monkeypatch.setattr(local.run_folder, "claim", lambda *_: [])  # as if the rest happened after the check
    write_spec(spec(0, steps=160), folder)
    blocked.folder(tmp_path).parent.write_text("in the way")
    assert launch([replaced, blocked, sound], tmp_path, workers=1, retry_failed=False, replace=False) == 1
    assert states([sound], tmp_path) == ["done"]
    output = capsys.readouterr().out
    assert "0: failed before its first step: it cannot be started" in output
    assert "steps: 160 -> 120" in output
    assert "Not a directory" in output
    assert "1 of 3 runs done, 2 failed, 0 left" in output
    assert RunSpec.from_yaml((folder / "spec.yaml").read_text()).settings.steps == 160


def test_a_fifo_in_place_of_the_output_is_refused(
    tmp_path: Path, stand_in_workers: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = spec().folder(tmp_path)
    write_spec(spec(), folder)
    os.mkfifo(folder / "output.log")
    assert launch([spec()], tmp_path, workers=1, retry_failed=False, replace=False) == 1
    assert re.search(r"it cannot be started: .*output\.log", capsys.readouterr().out)


def test_modules_of_the_current_directory_are_not_run(tmp_path: Path) -> None:
    (tmp_path / "runs.py").write_text("raise SystemExit(9)")
    environment = os.environ | {"PYTHONPATH": processes.python_path()}
    done = subprocess.run([*processes.COMMAND, "--help"], cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_cancelled_runs_save_checkpoints_and_the_others_continue(tmp_path: Path) -> None:
    """A mark in a folder stops a running run, and prevents the start of a waiting one."""
    process = launcher(tmp_path, 0, 1, 2, 3, faults='{"0": "wait", "1": "wait"}')
    folders = [spec(seed).folder(tmp_path) for seed in range(4)]
    wait_until_running(*folders[:2])
    waiting = look(tmp_path, ["suite"]).jobs
    assert set(waiting) == set(folders[2:])
    specs = [spec(seed) for seed in range(4)]
    assert [row.state for row in statuses(specs, tmp_path, Queue(waiting), 10.0)] == ["running"] * 2 + ["queued"] * 2
    stop.cancel(folders[0])
    stop.cancel(folders[2])
    wait_until(lambda: state.read(folders[0]).state == "pending", "the cancelled run has ended")
    (tmp_path / "gate").touch()
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    assert states(specs, tmp_path) == ["pending", "done", "pending", "done"]
    assert "2 of 4 runs done, 0 failed, 2 cancelled, 0 left" in output
    attempts = json.loads((folders[0] / "provenance.json").read_text())["attempts"]
    assert [attempt["reason"] for attempt in attempts] == ["cancelled"]
    assert any((folders[0] / "checkpoints").iterdir())

    again = launcher(tmp_path, 0, 1, 2, 3)  # removes the marks
    output, _ = again.communicate(timeout=LIMIT)
    assert again.returncode == 0, output
    assert states(specs, tmp_path) == ["done"] * 4
    assert not list(tmp_path.rglob(stop.MARK))


def test_runs_in_slurms_queue_are_skipped(
    tmp_path: Path, stand_in_workers: Faults, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = [spec(seed, steps=120) for seed in range(2)]
    batches.write(tmp_path / "suite" / "slurm" / "given", [[processes.Run(specs[0], specs[0].folder(tmp_path))]], "x")
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho '7|PENDING|Priority||given'\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert launch(specs, tmp_path, workers=1, retry_failed=False, replace=False) == 0
    assert states(specs, tmp_path) == ["pending", "done"]
    assert "1 of 2 runs are in Slurm's queue; skipped here" in capsys.readouterr().out
    with pytest.raises(UserError, match="1 of these runs are in the queue with other settings"):
        launch([spec(0, steps=160)], tmp_path, workers=1, retry_failed=False, replace=True)
    squeue.write_text("#!/bin/sh\necho 'no controller' >&2; exit 1\n")  # if Slurm does not answer, the runs start here
    assert launch(specs, tmp_path, workers=1, retry_failed=False, replace=False) == 0
    assert states(specs, tmp_path) == ["done", "done"]
    assert "warning: squeue failed: no controller" in capsys.readouterr().out


def test_queue_file_ends_with_its_launcher(tmp_path: Path) -> None:
    runs = [processes.Run(spec(seed), spec(seed).folder(tmp_path)) for seed in range(2)]
    with local_queue.queue_file(tmp_path / "suite") as write:
        write(runs)
        assert set(local_queue.read(tmp_path / "suite")) == {run.folder for run in runs}
        write(runs[1:])
        assert set(local_queue.read(tmp_path / "suite")) == {runs[1].folder}
    assert not local_queue.read(tmp_path / "suite")
    killed = tmp_path / "suite" / local_queue.FOLDER / "host-1.json"
    killed.write_text('["toy_reach_1/standin/0"]')
    assert not local_queue.read(tmp_path / "suite")
    assert not killed.exists()
