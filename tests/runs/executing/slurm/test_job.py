"""A job and its runs: real processes of a stand-in agent, real signals, no Slurm."""

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import cloudpickle
import pytest

from common import lock
from runs.executing import launcher
from runs.executing.slurm import job
from runs.executing.slurm.job import REQUEUE, SlurmJob
from runs.settings import SlurmSettings
from runs.store import provenance, state, stop
from runs.store.run import Run
from runs.store.run_folder import write_spec
from tests.runs.standin import metrics, spec
from tests.waiting import wait_until

Faults = Callable[[str], None]
# A worker in an endless operation, which ignores signals.
DEAF = """
import os, signal, sys, time
from pathlib import Path
for number in (signal.SIGTERM, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)
parent, mark = os.getppid(), Path(sys.argv[1]) / "deaf"
mark.with_suffix(".new").write_text(str(os.getpid()))
mark.with_suffix(".new").rename(mark)
while os.getppid() == parent:
    time.sleep(0.1)
"""


@pytest.fixture(autouse=True)
def inside_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the array member 12_3."""
    for name, value in {"JOB_ID": "15", "ARRAY_JOB_ID": "12", "ARRAY_TASK_ID": "3"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)


@pytest.fixture
def listening() -> Iterator[Callable[[SlurmJob], None]]:
    """Calls a job's checkpoint on Slurm's notice, as submitit does."""
    before = signal.getsignal(signal.SIGUSR2)

    def listen(to: SlurmJob) -> None:
        def handler(number: int, frame: FrameType | None) -> None:
            to.checkpoint()

        signal.signal(signal.SIGUSR2, handler)

    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # a late notice must not end the tests
    yield listen
    signal.signal(signal.SIGUSR2, before)


def runs(results: Path, count: int, **changes: Any) -> list[Run]:
    return [Run(spec(seed, **changes), spec(seed).folder(results)) for seed in range(count)]


def record_running(run: Run) -> None:
    """Records the state that an earlier attempt of this job left."""
    write_spec(run.spec, run.folder)
    state.write(run.folder, state.State("running", 5, 400))


def reasons(run: Run) -> list[str]:
    return [attempt["reason"] for attempt in provenance.attempts_of(run.folder)]


def notify_when(ready: Callable[[], bool], act: Callable[[], None]) -> None:
    """Calls `act` in the background as soon as `ready` is true."""

    def wait() -> None:
        try:
            wait_until(ready, "the moment to act")
        finally:  # or the test would wait for ever
            act()

    threading.Thread(target=wait, daemon=True).start()


def all_running(packed: list[Run]) -> bool:
    return all(state.read(run.folder).state == "running" and (run.folder / "checkpoints").exists() for run in packed)


def test_pickle_holds_folders_and_specs_alone(tmp_path: Path) -> None:
    packed = runs(tmp_path, 2)
    given = SlurmJob(packed, SlurmSettings())
    data = cloudpickle.dumps(given)
    assert vars(pickle.loads(data)) == {"runs": tuple(packed), "settings": SlurmSettings()}
    assert b"checkpoints" not in data


def test_failure_does_not_stop_the_other_runs(tmp_path: Path, stand_in_workers: Faults) -> None:
    stand_in_workers('{"0": "raise"}')
    packed = runs(tmp_path, 3)
    with pytest.raises(RuntimeError, match=r"failed: toy_reach_1/standin/0$"):
        SlurmJob(packed, SlurmSettings())()
    assert [state.read(run.folder).state for run in packed] == ["failed", "done", "done"]
    assert {state.read(run.folder).job for run in packed} == {"12_3"}


def test_notice_saves_all_runs_and_requeues_the_job(
    tmp_path: Path,
    stand_in_workers: Faults,
    listening: Callable[[SlurmJob], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in_workers('{"0": "wait", "1": "wait", "2": "raise"}')
    packed = runs(tmp_path, 3)
    submitted = SlurmJob(packed, SlurmSettings(runs_per_job=3))
    original = pickle.dumps(submitted)
    listening(submitted)
    notify_when(
        lambda: all_running(packed[:2]) and state.read(packed[2].folder).state == "failed",
        lambda: os.kill(os.getpid(), signal.SIGUSR2),
    )
    with pytest.raises(SystemExit, match=str(REQUEUE)):
        submitted()
    assert [state.read(run.folder).state for run in packed] == ["pending", "pending", "failed"]
    assert [reasons(run) for run in packed[:2]] == [["preempted"]] * 2
    assert all(any((run.folder / "checkpoints").iterdir()) for run in packed[:2])

    # The requeued job starts from the pickle of its submission; the run that failed in it is not retried.
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    stand_in_workers("{}")
    with pytest.raises(RuntimeError, match=r"failed: toy_reach_1/standin/2$"):
        pickle.loads(original)()
    assert [state.read(run.folder).state for run in packed] == ["done", "done", "failed"]
    assert [reasons(run) for run in packed[:2]] == [["preempted", "done"]] * 2
    assert len(reasons(packed[2])) == 1
    whole = Run(spec(0), tmp_path / "whole" / "suite" / "toy_reach_1" / "standin" / "0")
    SlurmJob([whole], SlurmSettings())()
    assert metrics(packed[0].folder) == metrics(whole.folder)


def test_budget_decides_whether_a_job_is_requeued(
    tmp_path: Path,
    stand_in_workers: Faults,
    listening: Callable[[SlurmJob], None],
) -> None:
    stand_in_workers('{"0": "wait"}')
    packed = runs(tmp_path, 1)
    # The limit is so short that the notice means the time limit.
    submitted = SlurmJob(packed, SlurmSettings(hours=0.03, timeouts=0))
    listening(submitted)
    notify_when(lambda: all_running(packed), lambda: os.kill(os.getpid(), signal.SIGUSR2))
    with pytest.raises(SystemExit, match="1"):
        submitted()
    now = state.read(packed[0].folder)
    assert (now.state, now.error) == ("failed", "it timed out 1 time, and slurm.timeouts is 0")
    assert now.step > 0
    assert reasons(packed[0]) == ["timed out"]


def test_job_of_fruitless_attempts_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm itself requeues the job of a node that fails again and again before the first checkpoint."""
    [run] = runs(tmp_path, 1)
    write_spec(run.spec, run.folder)
    for _ in range(2):
        provenance.begin(run.folder, 0, 0, None)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    with pytest.raises(RuntimeError, match=r"failed: toy_reach_1/standin/0$"):
        SlurmJob([run], SlurmSettings())()
    now = state.read(run.folder)
    assert now.state == "failed"
    assert "it makes no progress" in (now.error or "")
    monkeypatch.setenv("SLURM_JOB_ID", "16")  # a new submission has a new budget
    assert SlurmJob([run], SlurmSettings())._verdict(run) is None


def test_runs_stopped_from_outside_leave_the_end_to_slurm(
    tmp_path: Path, stand_in_workers: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that ended by itself in the grace time of a preemption would count as complete, and not be requeued."""
    stand_in_workers('{"0": "wait"}')
    packed = runs(tmp_path, 1)
    slept: list[float] = []
    sleep = time.sleep

    def short_sleep(seconds: float) -> None:
        slept.append(seconds)
        sleep(min(seconds, job.POLL))

    monkeypatch.setattr("time.sleep", short_sleep)

    def terminate() -> None:
        os.kill(state.read(packed[0].folder).pid or 0, signal.SIGTERM)

    notify_when(lambda: all_running(packed), terminate)
    with pytest.raises(SystemExit, match=str(REQUEUE)):  # Slurm has not ended it
        SlurmJob(packed, SlurmSettings())()
    assert job.GRACE in slept
    assert reasons(packed[0]) == ["stopped by SIGTERM"]


def test_cancelled_run_of_a_requeued_job_is_not_started(
    tmp_path: Path, stand_in_workers: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_workers("{}")
    packed = runs(tmp_path, 2)
    stop.cancel(packed[0].folder)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    SlurmJob(packed, SlurmSettings())()
    assert [state.read(run.folder).state for run in packed] == ["pending", "done"]


def test_lock_that_outlives_its_node_is_waited_for(
    tmp_path: Path, stand_in_workers: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file server may take minutes to notice a lost node; the job's other runs continue meanwhile."""
    stand_in_workers("{}")
    packed = runs(tmp_path, 2)
    record_running(packed[0])
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock.held(packed[0].folder))
        notify_when(lambda: state.read(packed[1].folder).state == "done", stack.close)
        SlurmJob(packed, SlurmSettings())()
    assert [state.read(run.folder).state for run in packed] == ["done", "done"]


def test_lock_that_is_never_released_ends_the_job(
    tmp_path: Path, stand_in_workers: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_workers("{}")
    monkeypatch.setattr(job, "PATIENCE", 0.5)
    [run] = runs(tmp_path, 1)
    record_running(run)
    with lock.held(run.folder), pytest.raises(RuntimeError, match=r"failed: toy_reach_1/standin/0$"):
        SlurmJob([run], SlurmSettings())()
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "9")  # a run that another job trains is skipped
    with lock.held(run.folder):
        SlurmJob([run], SlurmSettings())()


def test_notice_before_the_job_has_started_requeues_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=str(REQUEUE)):
        SlurmJob(runs(tmp_path, 1), SlurmSettings()).checkpoint()


def test_run_that_does_not_save_a_checkpoint_in_time_is_not_waited_for(
    tmp_path: Path, stand_in_workers: Faults, listening: Callable[[SlurmJob], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm would end the job, and not requeue it."""
    monkeypatch.setattr(launcher, "COMMAND", (sys.executable, "-c", DEAF))
    submitted = SlurmJob(runs(tmp_path, 1), SlurmSettings(notice=4))
    listening(submitted)
    mark = submitted.runs[0].folder / "deaf"
    notify_when(mark.exists, lambda: os.kill(os.getpid(), signal.SIGUSR2))
    with pytest.raises(SystemExit, match=str(REQUEUE)):
        submitted()
    os.kill(int(mark.read_text()), signal.SIGKILL)  # it still runs
    wait_until(lambda: submitted._ended, "the end of the job, whose output would be another test's")
