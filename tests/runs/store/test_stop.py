import os
import signal
from pathlib import Path

import pytest

from runs.store import stop
from runs.store.run_folder import write_spec
from runs.store.stop import NOTICE, Stop
from tests.runs.standin import spec

NOW = 1.7e9  # seconds of the epoch


def test_stops_when_the_launcher_is_gone(tmp_path: Path) -> None:
    assert not Stop(tmp_path, os.getppid()).wanted
    assert Stop(tmp_path, 1 if os.getppid() != 1 else 2).wanted


@pytest.mark.parametrize(("ahead", "reason"), [(0.1, "preempted"), (0.0, "timed out"), (-1.0, "timed out")])
def test_notice_near_the_end_is_a_time_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float, reason: str
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    wish = Stop(tmp_path, deadline=NOW + ahead)
    wish(signal.SIGTERM)
    assert wish.reason == "stopped by SIGTERM"
    wish(NOTICE)  # some clusters send both, in either order
    assert wish.reason == reason
    wish(signal.SIGTERM)
    assert wish.reason == reason


def test_mark_stops_a_run_from_afar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    folder = spec().folder(tmp_path)
    stop.cancel(folder)  # also before the run has a folder, which the mark must not make a stranger's
    write_spec(spec(), folder)
    wish = Stop(folder)
    assert not wish.wanted  # it has only just looked
    now += stop.GLANCE + 0.1
    assert wish.wanted
    assert wish.reason == "cancelled"
    signalled = Stop(folder)
    signalled(signal.SIGTERM)
    assert signalled.reason == "cancelled"
    stop.allow(folder)
    assert not Stop(folder).wanted
