"""A worker before its run starts."""

from pathlib import Path

import pytest

from common import lock
from runs.store import state
from runs.store.run_folder import write_spec
from runs.training import attempt, worker
from runs.training.worker import BUSY, MISTAKE
from tests.runs.standin import spec


def test_run_is_locked_before_the_slow_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    def run(*_: object) -> int:
        held.append(lock.is_held(tmp_path))
        return 0

    monkeypatch.setattr(worker, "_run", run)
    write_spec(spec(), tmp_path)
    assert worker.main([str(tmp_path)]) == 0
    assert held == [True]
    assert not lock.is_held(tmp_path)


def test_run_of_another_process_is_not_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_spec(spec(), tmp_path)
    with lock.held(tmp_path):
        assert worker.main([str(tmp_path)]) == BUSY
    assert "another process is running it" in capsys.readouterr().err


def test_worker_that_loses_its_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its launcher then waits for the other process, and counts no failure."""

    def lose(*_: object) -> int:
        raise lock.BusyError("taken over")

    monkeypatch.setattr(attempt, "attempt", lose)
    write_spec(spec(), tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert worker.main([str(tmp_path)]) == BUSY
    assert "taken over" in capsys.readouterr().err
    assert state.recorded(tmp_path).state == "pending"


def test_folder_that_is_no_run_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert worker.main([str(tmp_path)]) == MISTAKE
    assert "is not a run" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
