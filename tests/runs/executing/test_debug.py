"""A run in the foreground: a real process with a real debugger, and a stand-in for the agent."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import launch
from common import lock
from runs.store import state
from runs.store.run_folder import write_spec
from tests.runs.standin import FAULTS, spec

ROOT = Path(__file__).parents[3]
DEBUG = "import sys, launch; from tests.runs import standin; standin.install(); sys.exit(launch.main(sys.argv[1:]))"


def debug(folder: Path, faults: str, commands: str) -> "subprocess.CompletedProcess[str]":
    """Debugs a run, with commands for the debugger."""
    return subprocess.run(
        [sys.executable, "-c", DEBUG, "debug", str(folder)],
        cwd=ROOT,
        env=os.environ | {FAULTS: faults},
        input=commands,
        capture_output=True,
        text=True,
    )


def test_debugger_stands_where_the_run_failed_and_the_run_can_be_taken_up(tmp_path: Path) -> None:
    folder = spec().folder(tmp_path)
    write_spec(spec(), folder)
    failed = debug(folder, '{"0": "raise"}', "p self.updates\nq\n")
    assert failed.returncode == 1
    assert "RuntimeError: the stand-in fails on purpose" in failed.stderr
    assert "(Pdb) 6\n" in failed.stdout
    now = state.read(folder)
    assert (now.state, now.error) == ("failed", "the stand-in fails on purpose")
    done = debug(folder, "{}", "")
    assert (done.returncode, done.stdout) == (0, "")
    assert state.read(folder).state == "done"
    attempts = json.loads((folder / "provenance.json").read_text())["attempts"]
    assert [attempt["reason"] for attempt in attempts] == ["failed: the stand-in fails on purpose", "done"]
    assert debug(folder, "{}", "").stdout == f"{folder} is done\n"


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["debug", str(tmp_path)]) == 2
    assert f"error: {tmp_path} is not a run: " in capsys.readouterr().err
    folder = spec().folder(tmp_path)
    write_spec(spec(), folder)
    with lock.held(folder):
        assert launch.main(["debug", str(folder)]) == 2
    assert "another process" in capsys.readouterr().err
