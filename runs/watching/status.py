"""How each run of a suite stands, from the outside: what it says of itself, held against locks, queues and clocks."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runs.store import lock, state, stop
from runs.store.state import State
from runs.watching.jobs import Queue, QueuedJob
from suites.plan import RunSpec

Standing = Literal["pending", "queued", "running", "done", "failed", "stale"]
STANDINGS: tuple[Standing, ...] = ("pending", "queued", "running", "done", "failed", "stale")


@dataclass(frozen=True)
class RunStatus:
    """One run, how it stands, what it last said, and the job that has it."""

    spec: RunSpec
    folder: Path
    state: Standing
    said: State
    job: QueuedJob | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.spec.name

    @property
    def steps(self) -> int:
        """Environment steps of the whole run."""
        return self.spec.settings.steps

    @property
    def fps(self) -> float | None:
        """Environment steps a second, of a run that is running."""
        return self.said.fps if self.state == "running" else None

    @property
    def eta(self) -> float | None:
        """Seconds until the last step, at this speed."""
        return max(0, self.steps - self.said.step) / self.fps if self.fps else None

    @property
    def job_id(self) -> str | None:
        """The job that has the run, or else the one that had it last."""
        return self.job.id if self.job else self.said.job

    @property
    def node(self) -> str | None:
        """Where the run is, or else was last."""
        return (self.job.node if self.job else None) or self.said.host

    def is_missing(self, retry_failed: bool) -> bool:
        """Whether the run is to be started; one that a signal killed did not fail by itself.

        One that was cancelled or has failed in a job that goes on with others is left until that job has ended: no run
        is ever in two jobs.
        """
        if self.job is not None:
            return False
        if self.state == "failed":
            return retry_failed or self.said.signal is not None
        return self.state in ("pending", "stale")


def statuses(specs: Sequence[RunSpec], results: Path, queue: Queue, patience: float) -> list[RunStatus]:
    """The status of each run, in the order of the specs; runs that were never started are pending or queued.

    Args:
        specs: The runs.
        results: Root of all results.
        queue: What local launchers and Slurm have.
        patience: Minutes without a heartbeat after which a run that nobody is known to run is stale.
    """
    rows = []
    for spec in specs:
        folder = spec.folder(results)
        standing, said = stand(folder, queue, patience)
        rows.append(RunStatus(spec, folder, standing, said, queue.jobs.get(folder)))
    return rows


def stand(folder: Path, queue: Queue, patience: float) -> tuple[Standing, State]:
    """How the run of a folder stands, and what it last said of itself."""
    said, job = state.recorded(folder), queue.jobs.get(folder)
    held = said.state != "done" and lock.is_held(folder)
    cancelled = job is not None and stop.is_cancelled(folder)
    return judge(said, held, job, cancelled, queue.alive, patience), said


def judge(
    said: State, held: bool, job: QueuedJob | None, cancelled: bool, alive: frozenset[str] | None, patience: float
) -> Standing:
    """How a run stands.

    Args:
        said: What it last said of itself.
        held: Whether a process holds its lock, as far as this machine can tell.
        job: What has it in its queue.
        cancelled: Whether somebody wants it to stop, though its job may go on.
        alive: Ids of all Slurm jobs of this user, or None if Slurm could not be asked.
        patience: Minutes that a heartbeat may be old.
    """
    if said.state == "done":
        return "done"
    if held:
        return "running"
    if job is not None:
        if said.state == "failed" and said.job == job.id:
            return "failed"  # others of its job go on
        if cancelled and not (said.state == "running" and said.job == job.id):
            return "pending"  # likewise
        return "queued" if job.waits else "running"
    if said.state != "running":
        return said.state
    # It says that it runs, and nobody is seen to run it. On this machine, or in a job that Slurm has no more, that is
    # certain; elsewhere, where locks may not reach and Slurm may not answer, its heartbeat has the last word.
    here = said.host == socket.gethostname()
    certain = here if said.job is None or alive is None else said.job not in alive
    old = said.heartbeat is None or time.time() - said.heartbeat > 60 * patience
    return "stale" if certain or old else "running"
