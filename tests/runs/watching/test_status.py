import json
import socket
from pathlib import Path
from typing import Any

import pytest

from runs.store.state import State
from runs.watching import status_table
from runs.watching.failures import digest
from runs.watching.jobs import Queue, QueuedJob
from runs.watching.queue import look
from runs.watching.status import RunState, RunStatus, run_state
from tests.printed import read_table
from tests.runs.standin import spec

HERE = socket.gethostname()
NOW = 1.7e9  # seconds of the epoch
WAITING, RUNNING, ENDING = QueuedJob("7"), QueuedJob("7", "RUNNING", node="n"), QueuedJob("7", "COMPLETING", node="n")
NONE: frozenset[str] = frozenset()


def recorded(phase: Any, age: float = 0.0, host: str = "elsewhere", job: str | None = None) -> State:
    """The state that a run recorded some minutes ago, by the clock of `still`."""
    return State(phase, 5, 10, heartbeat=NOW - 60 * age, host=host, job=job)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still from the collection of tests to their execution."""
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("state", "held", "job", "alive", "expected"),
    [
        (State(), False, None, None, "pending"),
        (State(), False, WAITING, None, "queued"),
        (State(), False, RUNNING, None, "running"),
        (recorded("done"), False, RUNNING, NONE, "done"),
        (recorded("running"), True, None, None, "running"),
        (recorded("running", age=99), True, None, NONE, "running"),  # no heartbeat while compiling, for minutes
        (recorded("pending"), False, WAITING, NONE, "queued"),  # requeued after a preemption
        (recorded("running"), False, ENDING, NONE, "running"),
        # Failed in this job, which continues with other runs; or failed in an earlier job, and is retried.
        (recorded("failed", job="7"), False, RUNNING, NONE, "failed"),
        (recorded("failed", job="6"), False, WAITING, NONE, "queued"),
        (recorded("failed"), False, None, NONE, "failed"),
        # Recorded as running, without a known process or job.
        (recorded("running", host=HERE), False, None, None, "stale"),
        (recorded("running", age=10), False, None, None, "running"),
        (recorded("running", age=10.1), False, None, None, "stale"),
        (recorded("running", age=1, job="7"), False, None, NONE, "stale"),
        (recorded("running", age=1, job="7"), False, None, frozenset({"7"}), "running"),  # an interactive job
        (recorded("running", age=11, job="7"), False, None, frozenset({"7"}), "stale"),
        (recorded("running", age=1, job="7"), False, None, None, "running"),  # Slurm cannot be asked here
        (State("running"), False, None, None, "stale"),
    ],
)
def test_run_state(
    state: State, held: bool, job: QueuedJob | None, alive: frozenset[str] | None, expected: RunState
) -> None:
    assert run_state(state, held, job, cancelled=False, alive=alive, patience=10.0) == expected


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("state", "held", "job", "expected"),
    [
        (recorded("pending", job="7"), False, RUNNING, "pending"),  # its job continues with other runs
        (State(), False, WAITING, "pending"),
        (recorded("running", job="7"), True, RUNNING, "running"),  # about to save a checkpoint
        (recorded("running", job="7"), False, RUNNING, "running"),
        (recorded("running", job="6"), False, WAITING, "pending"),  # killed in an earlier job
        (recorded("failed", job="7"), False, RUNNING, "failed"),
    ],
)
def test_run_state_of_a_cancelled_run(state: State, held: bool, job: QueuedJob, expected: RunState) -> None:
    assert run_state(state, held, job, cancelled=True, alive=NONE, patience=10.0) == expected


CHANGING = ("seed", "state", "step", "steps/s", "ETA", "return", "node", "job")


def row(seed: int, status: RunState, queued: QueuedJob | None = None, **recorded: Any) -> RunStatus:
    run = spec(seed)
    return RunStatus(run, run.folder(Path("results")), status, State(**recorded), queued)


def test_table_shows_speed_time_left_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        row(0, "running", RUNNING, state="running", step=100, steps=400, fps=2.0, return_=3.25, host="n", job="7"),
        row(1, "queued", QueuedJob("8", reason="Priority")),
        row(2, "done", state="done", step=400, steps=400, fps=9.0, host="m", job="6_1"),
    ]
    status_table.show(rows)
    *table, counts = capsys.readouterr().out.splitlines()
    assert [(row.pop("task"), row.pop("variant"), row.pop("steps"), row) for row in read_table("\n".join(table))] == [
        ("toy_reach_1", "standin", "400", dict(zip(CHANGING, values, strict=True)))
        for values in (
            ("0", "running", "100", "2.0", "0:02:30", "3.2", "n", "7"),
            ("1", "queued (Priority)", "0", "-", "-", "-", "-", "8"),
            ("2", "done", "400", "-", "-", "-", "m", "6_1"),
        )
    ]
    assert counts == "3 runs: 1 queued, 1 running, 1 done"
    shown = [status_table.to_json(each) for each in rows]
    assert [(each["fps"], each["eta"], each["node"], each["job"], each["reason"]) for each in shown] == [
        (2.0, 150.0, "n", "7", None),
        (None, None, None, "8", "Priority"),
        (None, None, "m", "6_1", None),
    ]
    json.dumps(shown)


def test_table_of_many_runs_is_one_of_tasks_and_variants(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_table, "MAX_ROWS", 2)
    status_table.show(
        [
            row(0, "running", RUNNING, state="running", step=100, fps=2.0, return_=1.0),
            row(1, "running", QueuedJob("8", "RUNNING", node="m"), state="running", step=300, fps=1.0, return_=2.0),
            row(3, "done", state="done", step=400, return_=3.0),
        ]
    )
    *table, _ = capsys.readouterr().out.splitlines()
    assert read_table("\n".join(table)) == [
        {
            "task": "toy_reach_1", "variant": "standin", "seeds": "0-1, 3", "state": "2 running, 1 done",
            "step": "800", "steps": "1,200", "steps/s": "3.0", "ETA": "0:02:30", "return": "2.0", "node": "2",
            "job": "2",
        }
    ]  # fmt: skip


def test_equal_tracebacks_are_one_cause() -> None:
    def failed(seed: int, trace: str, error: str = "oh") -> RunStatus:
        folder = spec(seed).folder(Path("results"))
        return row(seed, "failed", state="failed", error=error, traceback=trace.replace("FOLDER", str(folder)))

    memory = 'File "loop.py", line 5, in train\n  0x7f{:04x}\nMemoryError: FOLDER/episodes'
    rows = [failed(seed, memory.format(seed), f"out of memory at step {100 * seed}") for seed in range(7)]
    rows += [failed(7, "KeyError"), failed(8, "ValueError"), row(9, "done")]
    causes = digest(rows)
    assert [len(cause.rows) for cause in causes] == [7, 1, 1]
    text = causes[0].text
    assert text.startswith("7 failed: out of memory at step 0\n  toy_reach_1/standin/0, ")
    assert "standin/4 and 2 more" in text
    assert text.endswith("MemoryError: results/suite/toy_reach_1/standin/0/episodes")


def test_queue_without_batches_calls_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look(tmp_path, ["suite"]) == Queue()
    (tmp_path / "suite" / "slurm").mkdir(parents=True)
    assert "no squeue here" in look(tmp_path, ["suite"]).warnings[0]
