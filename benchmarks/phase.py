"""The time of a phase in which environments collect beside learning, compared with the longer of the two alone.

    python -m benchmarks.phase

Learning and acting are pinned to one core, and the environments' processes to another. Each phase is 1,000 environment
steps and the gradient steps that they make due. The three times of a case are measured in turns, in a process of its
own; each is the median over rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

GOAL = 1.15
ROUNDS = 3
CASES: dict[str, dict[str, Any]] = {
    "images, preset cpu, 50 gradient steps": {"preset": "cpu"},
    "images, four environments, 10 gradient steps": {"preset": "cpu", "envs": 4, "train.updates": 10},
    "states, preset cpu_state, 100 gradient steps": {"preset": "cpu_state"},
    "states, 40 gradient steps": {"preset": "cpu_state", "train.updates": 40},
}


def phases(case: dict[str, Any], rounds: int = ROUNDS, pin: bool = True) -> tuple[float, float, float]:
    """Seconds of collecting alone, of learning alone, and of a phase beside each other.

    Args:
        case: A preset, and settings that change it.
        rounds: Measurements of each, after a first that traces graphs.
        pin: Whether this process has one core, and the environments another.
    """
    cores = sorted(os.sched_getaffinity(0))
    if pin:
        os.sched_setaffinity(0, {cores[0]})
    from common import lock
    from runs.store.stop import Stop
    from runs.training.assemble import assembled
    from runs.training.loop import Loop
    from runs.training.monitor import Monitor
    from suites.plan import plan
    from suites.suite import load_suite

    with tempfile.TemporaryDirectory() as name, lock.held(Path(name)) as ours:
        suite = Path(name) / "suite.yaml"
        settings = {"collect": "beside", **{key: value for key, value in case.items() if key != "preset"}}
        content = {"name": "phase", "tasks": ["dmc_cheetah_run"], "preset": case["preset"], "settings": settings}
        suite.write_text(json.dumps(content))
        [spec] = plan(load_suite(suite))
        monitor = Monitor(Path(name), spec.settings.steps, spec.settings.record.heartbeat, Stop(Path(name)), ours)
        with assembled(spec, Path(name), monitor) as parts:
            for place in parts.driver._envs._places if pin else ():
                os.sched_setaffinity(place._process.pid, {cores[-1]})  # type: ignore[attr-defined]
            loop, progress = Loop(spec, parts, monitor), monitor.progress
            while not progress.pretrained:
                loop._collect(parts.agent)

            def collect() -> None:
                while not loop._collect(parts.agent):
                    pass

            def learn() -> None:
                progress.debt = spec.settings.train.updates
                loop._train(parts.material.draw(progress.updates, progress.debt))

            def both() -> None:
                progress.debt = spec.settings.train.updates
                loop._learn()
                progress.debt = 0

            times = [[seconds(part) for part in (collect, learn, both)] for _ in range(rounds + 1)]
    alone, learning, beside = (median(column) for column in zip(*times[1:], strict=True))
    return alone, learning, beside


def seconds(function: Callable[[], None]) -> float:
    """The time of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Print the times and their ratio for each case."""
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed")
    print(f"{'seconds of a phase':48} {'collecting':>10} {'learning':>9} {'beside':>7} {'ratio':>6}")
    for name, case in CASES.items():
        call = f"import json; from benchmarks.phase import phases; print(json.dumps(phases({case!r})))"
        done = subprocess.run([sys.executable, "-c", call], stdout=subprocess.PIPE, text=True, check=True)
        collecting, learning, beside = json.loads(done.stdout.splitlines()[-1])
        ratio = beside / max(collecting, learning)
        print(f"{name:48} {collecting:10.2f} {learning:9.2f} {beside:7.2f} {ratio:6.2f}  (goal: at most {GOAL})")


if __name__ == "__main__":
    main()
