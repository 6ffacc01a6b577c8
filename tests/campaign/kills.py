"""SIGKILLs of a real agent, small, with TensorFlow and processes of its own, at any moment of its run."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from runs.store import state
from runs.store.run_folder import write_spec
from suites.plan import RunSpec
from suites.settings import Settings
from tests.campaign.trials import Trials
from tests.runs.standin import SMALL, outcome

ROOT = Path(__file__).parents[2]
KILLS = 8
TINY = {
    "envs": 2,
    "observation": "state",
    "representation": {"state_layers": 1, "state_units": 8},
    "dynamics": {"deterministic": 8, "stochastic": 4, "hidden": 8},
    "reward": {"layers": 1, "units": 8},
    "behavior": {"horizon": 3, "actor_layers": 1, "actor_units": 8, "value_layers": 1, "value_units": 8},
}


def killed(trials: Trials, folder: Path) -> None:
    """One run, killed again and again, equals one that was never killed, bit for bit; each kill is a trial."""
    spec = RunSpec("suite", "toy_reach_2", "dreamer", 0, Settings.model_validate(SMALL | TINY))
    for name in ("whole", "killed"):
        write_spec(spec, folder / name)
    began = time.monotonic()
    assert start(folder / "whole").wait() == 0
    length = time.monotonic() - began
    whole = outcome(folder / "whole")
    place = folder / "killed"
    for number in range(KILLS):
        moment = trials.rng.uniform(0, length)
        with trials.trial(f"killed {moment:.2f} s after its start", patience=600):
            process = start(place)
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            assert process.wait() in (0, -signal.SIGKILL)
            last = number == KILLS - 1
            if last:
                assert start(place).wait() == 0
            assert state.read(place).state in (("done",) if last else ("pending", "done"))
            found, _ = outcome(place) if (place / "metrics.jsonl").exists() else ([], {})
            assert found[: len(whole[0])] == whole[0][: len(found)]
            assert not last or outcome(place) == whole


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """The worker of a run."""
    with (folder / "output.log").open("ab") as output:
        command = [sys.executable, "-m", "runs.training.worker", str(folder)]
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
