"""The launcher's time for thousands of runs, compared with only reading and writing the same files.

    python -m benchmarks.launching [--runs 10000]

Slurm is replaced by a fake that answers at once, so only this project's code is measured.
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from runs.executing.slurm.job import SlurmJob
from runs.executing.slurm.submission import submit
from runs.settings import SlurmSettings
from runs.store import state
from runs.watching import batches
from runs.watching.jobs import Entry, QueuedJob
from runs.watching.status import statuses
from suites.plan import RunSpec, plan
from suites.suite import load_suite

SUITE = """
name: large
tasks: [dreamer20]
seeds: {seeds}
sweep: {{behavior.horizon: [5, 10, 15, 20, 25], train.updates: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}
"""
POINTS = 20 * 5 * 10  # tasks x horizons x updates
LAUNCH = Path(__file__).parent.parent / "launch.py"


class Slurm:
    """A fake cluster that accepts every job and writes as many files as submitit does."""

    def __init__(self) -> None:
        """Starts without jobs."""
        self.entries: list[Entry] = []
        self.calls = 0

    def queue(self) -> list[Entry]:
        """All jobs."""
        return self.entries

    def max_array_size(self) -> int:
        """Slurm's default limit."""
        return 1001

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        """Writes each job to a pickle file."""
        import cloudpickle

        self.calls += 1
        for index, job in enumerate(jobs):
            (folder / f"{self.calls}_{index}_submitted.pkl").write_bytes(cloudpickle.dumps(job))
            self.entries.append(Entry(QueuedJob(f"{self.calls}_{index}"), folder.name))
        return str(self.calls)

    def withdraw(self, name: str) -> None:
        """Not used here."""

    def cancel(self, ids: Sequence[str]) -> None:
        """Not used here."""


def seconds(call: Callable[[], object]) -> float:
    """Duration of a call in seconds, the shortest of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def python(folder: Path, *arguments: str | Path) -> None:
    """Runs Python in a folder."""
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)


def begin(specs: Sequence[RunSpec], results: Path) -> list[Path]:
    """Makes run folders like those of runs in progress on another machine."""
    folders = [spec.folder(results) for spec in specs]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / ".lock").touch()
        recorded = {"state": "running", "step": 10, "fps": 3.5, "host": "node7", "job": "7", "heartbeat": time.time()}
        (folder / state.NAME).write_text(json.dumps(recorded))
    return folders


def read_all(folders: Sequence[Path]) -> None:
    """Reads each folder's state and tests its lock."""
    for folder in folders:
        json.loads((folder / state.NAME).read_bytes())
        descriptor = os.open(folder / ".lock", os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.close(descriptor)


def main() -> None:
    """Measure a plan and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help=f"number of runs, a multiple of {POINTS:,}")
    count = parser.parse_args().runs // POINTS * POINTS
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "large.yaml").write_text(SUITE.format(seeds=count // POINTS))
        specs = plan(load_suite(home / "large.yaml"))
        print(f"runs          {len(specs):,}")
        print(f"plan          {seconds(lambda: plan(load_suite(home / 'large.yaml'))):.2f} s")
        for command in (["--help"], ["validate", "large.yaml"], ["run", "large.yaml", "--dry-run"]):
            print(f"{' '.join(['launch.py', *command])}  {seconds(lambda: python(home, LAUNCH, *command)):.2f} s")  # noqa: B023
        print(f"  floor       {seconds(lambda: python(home, '-c', '')):.2f} s to start Python")
        cluster, results = Slurm(), home / "results"
        start = time.perf_counter()
        submit(specs, results, SlurmSettings(), cluster, lambda _: None)
        print(f"submission    {time.perf_counter() - start:.2f} s for {cluster.calls} arrays")
        start = time.perf_counter()
        for path in results.rglob("*.pkl"):
            path.with_suffix(".copy").write_bytes(path.read_bytes())
        print(f"  floor       {time.perf_counter() - start:.2f} s to copy the jobs' pickles")
        look = batches.queue(results, ["large"], cluster.queue())
        found = seconds(lambda: batches.queue(results, ["large"], cluster.queue()))
        print(f"queue         {found:.2f} s to find the runs")
        print(f"difference    {seconds(lambda: statuses(specs, results, look, 10.0)):.2f} s, no run started")
        folders = begin(specs[: count // 2], results)
        half = specs[: count // 2]
        taken = seconds(lambda: statuses(half, results, look, 10.0))
        floor = seconds(lambda: read_all(folders))
        print(f"status        {taken:.2f} s for {len(half):,} run folders, {taken / floor:.1f} times")
        print(f"  floor       {floor:.2f} s to read their states and test their locks")


if __name__ == "__main__":
    main()
