"""A fake cluster: tests submit, start, end, preempt and lose jobs."""

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from common import files
from runs.executing.slurm.job import SlurmJob
from runs.settings import SlurmSettings
from runs.store import state
from runs.store.run import Run
from runs.store.run_folder import write_spec
from runs.watching.jobs import Entry, QueuedJob
from runs.watching.slurm import ClusterError

NODE = "node7"


class FakeCluster:
    """Jobs by id, in the order of their submission; the real `SlurmJob` decides what a started job does."""

    def __init__(self, limit: int = 1000, refuse_after: int | None = None, delay: float = 0.0):
        """Refuses submissions after `refuse_after`; each takes `delay` seconds."""
        self.limit = limit
        self.refuse_after = refuse_after
        self.delay = delay
        self.calls: list[int] = []  # jobs of each submission that was accepted
        self.entries: dict[str, Entry] = {}
        self.jobs: dict[str, SlurmJob] = {}
        self.restarts: dict[str, int] = {}
        self.withdrawn: list[str] = []

    def queue(self) -> list[Entry]:
        return list(self.entries.values())

    def max_array_size(self) -> int:
        return self.limit

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        time.sleep(self.delay)
        if self.refuse_after is not None and len(self.calls) >= self.refuse_after:
            raise ClusterError("the cluster refused a submission: QOSMaxSubmitJobPerUserLimit")
        assert len(jobs) <= self.limit
        assert (snapshot / "runs" / "executing" / "slurm" / "job.py").exists()
        self.calls.append(len(jobs))
        array = str(100 * len(self.calls))
        for index, job in enumerate(jobs):
            id_ = array if len(jobs) == 1 else f"{array}_{index}"
            self.entries[id_] = Entry(QueuedJob(id_), folder.name)
            self.jobs[id_] = job
            self.restarts[id_] = 0
        self.pickle(folder)
        (folder / f"{array}_submission.sh").touch()
        return array

    def pickle(self, folder: Path) -> None:
        """Leaves the files that submitit leaves."""
        for entry in self.entries.values():
            if entry.name == folder.name:
                (folder / f"{entry.job.id}_submitted.pkl").touch()

    def withdraw(self, name: str) -> None:
        self.withdrawn.append(name)

    def cancel(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            del self.entries[id_]

    def to_do(self, id_: str) -> list[Run]:
        """The runs that a job would train if it started now."""
        array, _, index = id_.partition("_")
        variables = {"SLURM_JOB_ID": id_, "SLURM_RESTART_COUNT": str(self.restarts[id_])}
        if index:
            variables |= {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": index}
        with mock.patch.dict(os.environ, variables):
            return self.jobs[id_]._to_do()

    def start(self, id_: str) -> None:
        """A job starts, and so do those of its runs that have not ended."""
        self._becomes(id_, "RUNNING", NODE)
        for run in self.to_do(id_):
            write_spec(run.spec, run.folder)
            record(run, "running", id_)

    def running(self, id_: str) -> list[Run]:
        """The runs that a job trains now."""
        recorded = [(run, state.recorded(run.folder)) for run in self.jobs[id_].runs]
        return [run for run, now in recorded if now.state == "running" and now.job == id_]

    def end(self, id_: str, outcome: str = "done", **more: Any) -> None:
        """A job ends, and so do its runs."""
        for run in self.running(id_):
            record(run, outcome, id_, **more)
        del self.entries[id_]

    def requeue(self, id_: str) -> None:
        """A job is preempted; its runs have saved checkpoints."""
        for run in self.running(id_):
            record(run, "pending", id_)
        self.restarts[id_] += 1
        self._becomes(id_, "PENDING", "")

    def lose(self, id_: str) -> None:
        """A job's node is lost; its runs record nothing any more."""
        del self.entries[id_]

    def _becomes(self, id_: str, word: str, node: str) -> None:
        entry = self.entries[id_]
        self.entries[id_] = dataclasses.replace(entry, job=dataclasses.replace(entry.job, state=word, node=node))


def record(run: Run, phase: str, job: str | None, **more: Any) -> None:
    """Records the state of a run, as from another machine."""
    run.folder.mkdir(parents=True, exist_ok=True)
    content = {"state": phase, "step": 5, "steps": 10, "job": job, "host": NODE, "heartbeat": time.time(), **more}
    files.write_json(run.folder / state.NAME, content)
