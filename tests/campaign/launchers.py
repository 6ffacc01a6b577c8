"""Several launchers at once on the same runs, some of them killed, and lock files that disappear."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from common import lock
from runs.store import state
from tests.campaign.trials import Trials
from tests.runs.standin import outcome, spec

ROOT = Path(__file__).parents[2]
SEEDS = ("0", "1", "2")
LAUNCHERS = 3
DISTURBANCES = 4


def at_once(trials: Trials, folder: Path) -> None:
    """Three launchers want three runs, while processes are killed and locks are removed; all runs end as if alone."""
    assert launch(folder / "whole").wait() == 0
    whole = [outcome(spec(int(seed)).folder(folder / "whole")) for seed in SEEDS]
    for number in range(4):
        results = folder / str(number)
        places = [spec(int(seed)).folder(results) for seed in SEEDS]
        with trials.trial(f"{LAUNCHERS} launchers of {len(SEEDS)} runs, {DISTURBANCES} disturbances"):
            processes = [launch(results) for _ in range(LAUNCHERS)]
            for _ in range(DISTURBANCES):
                time.sleep(trials.rng.uniform(0.2, 1.5))
                place, process = trials.rng.choice(places), trials.rng.choice(processes)
                how = trials.rng.choice(["worker", "launcher", "lock"])
                if how == "launcher":
                    process.kill()
                elif how == "lock":
                    (place / lock.NAME).unlink(missing_ok=True)
                elif (pid := state.recorded(place).pid) is not None and lock.is_held(place):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            for process in processes:
                process.wait()
            assert launch(results).wait() == 0
            assert [state.read(place).state for place in places] == ["done"] * len(SEEDS)
            assert [outcome(place) for place in places] == whole


def launch(results: Path) -> "subprocess.Popen[bytes]":
    """A launcher with two workers."""
    command = [sys.executable, "-m", "tests.runs.launching", str(results), "2", *SEEDS]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
