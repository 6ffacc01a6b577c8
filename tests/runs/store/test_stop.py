import os
import signal
from pathlib import Path

import pytest

from runs.store import stop
from runs.store.run_folder import write_spec
from runs.store.stop import NOTICE, Stop
from tests.runs.standin import spec

NOW = 1.7e9  # seconds of the epoch


def test_stops_when_the_launcher_is_dead(tmp_path: Path) -> None:
    assert not Stop(tmp_path, os.getppid()).requested
    assert Stop(tmp_path, 1 if os.getppid() != 1 else 2).requested


@pytest.mark.parametrize(("ahead", "reason"), [(0.1, "preempted"), (0.0, "timed out"), (-1.0, "timed out")])
def test_notice_near_the_end_is_a_time_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float, reason: str
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    request = Stop(tmp_path, deadline=NOW + ahead)
    request(signal.SIGTERM)
    assert request.reason == "stopped by SIGTERM"
    request(NOTICE)  # some clusters send both, in either order
    assert request.reason == reason
    request(signal.SIGTERM)
    assert request.reason == reason


def test_mark_stops_a_run_on_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    folder = spec().folder(tmp_path)
    stop.cancel(folder)  # also before the run has a folder; the mark alone must not make the folder foreign
    write_spec(spec(), folder)
    request = Stop(folder)
    assert not request.requested  # it has checked a moment ago
    now += stop.INTERVAL + 0.1
    assert request.requested
    assert request.reason == "cancelled"
    signalled = Stop(folder)
    signalled(signal.SIGTERM)
    assert signalled.reason == "cancelled"
    stop.allow(folder)
    assert not Stop(folder).requested
