"""A cluster without Slurm: it takes submissions, starts, ends, preempts and loses jobs as it is told."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runs import atomic, state
from runs.folder import write_spec
from runs.launcher import Run
from runs.queue import QueuedJob
from runs.settings import SlurmSettings
from runs.slurm.batch import Entry
from runs.slurm.cluster import ClusterError
from runs.slurm.job import SlurmJob

NODE = "node7"


class FakeCluster:
    """Jobs by id, in the order of their submission; each with its name, its state and its runs."""

    def __init__(self, limit: int = 1000, refuse_after: int | None = None, delay: float = 0.0):
        """Refuses submissions after some; takes some seconds over each."""
        self.limit = limit
        self.refuse_after = refuse_after
        self.delay = delay
        self.calls: list[int] = []  # jobs of each submission that was accepted
        self.entries: dict[str, Entry] = {}
        self.runs: dict[str, tuple[Run, ...]] = {}
        self.returned: set[str] = set()  # jobs that have come back

    def queue(self) -> list[Entry]:
        return list(self.entries.values())

    def max_array_size(self) -> int:
        return self.limit

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        time.sleep(self.delay)
        if self.refuse_after is not None and len(self.calls) >= self.refuse_after:
            raise ClusterError("the cluster refused a submission: QOSMaxSubmitJobPerUserLimit")
        assert len(jobs) <= self.limit
        assert (snapshot / "runs" / "slurm" / "job.py").exists()
        self.calls.append(len(jobs))
        array = str(100 * len(self.calls))
        for index, job in enumerate(jobs):
            id_ = array if len(jobs) == 1 else f"{array}_{index}"
            self.entries[id_] = Entry(QueuedJob(id_), folder.name)
            self.runs[id_] = job.runs
        return array

    def start(self, id_: str) -> None:
        """A job begins, and so do those of its runs that are not over."""
        self._becomes(id_, "RUNNING", NODE)
        for run in self.runs[id_]:
            if self.wants(id_, run):
                write_spec(run.spec, run.folder)
                say(run, "running", id_)

    def wants(self, id_: str, run: Run) -> bool:
        """Whether a job will train a run when it starts, by what the run says then."""
        said = state.recorded(run.folder)
        if said.state == "done" or (said.state == "failed" and said.job == id_):
            return False
        return id_ not in self.returned or said.job in (None, id_)

    def end(self, id_: str, outcome: str = "done", **said: Any) -> None:
        """A job ends, and so do its runs."""
        for run in self.runs[id_]:
            if self.runs_in(id_, run):
                say(run, outcome, id_, **said)
        del self.entries[id_]

    def requeue(self, id_: str) -> None:
        """A job is preempted; its runs have saved themselves."""
        for run in self.runs[id_]:
            if self.runs_in(id_, run):
                say(run, "pending", id_)
        self.returned.add(id_)
        self._becomes(id_, "PENDING", "")

    def runs_in(self, id_: str, run: Run) -> bool:
        """Whether a job trains a run now."""
        said = state.recorded(run.folder)
        return said.state == "running" and said.job == id_ and self.entries[id_].job.state == "RUNNING"

    def lose(self, id_: str) -> None:
        """A job's node dies, and nobody says anything any more."""
        del self.entries[id_]

    def _becomes(self, id_: str, word: str, node: str) -> None:
        entry = self.entries[id_]
        self.entries[id_] = dataclasses.replace(entry, job=dataclasses.replace(entry.job, state=word, node=node))


def say(run: Run, phase: str, job: str | None, **more: Any) -> None:
    """Writes what a run says of itself, from another machine."""
    run.folder.mkdir(parents=True, exist_ok=True)
    content = {"state": phase, "step": 5, "steps": 10, "job": job, "host": NODE, "heartbeat": time.time(), **more}
    atomic.write_json(run.folder / state.NAME, content)
