"""The status of each run, from outside: its recorded state, checked against locks, queues and the heartbeat."""

import math
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common import lock
from runs.store import state, stop
from runs.store.state import State
from runs.watching.jobs import Queue, QueuedJob
from suites.plan import RunName, RunSpec

RunState = Literal["pending", "queued", "running", "done", "failed", "stale"]
RUN_STATES: tuple[RunState, ...] = ("pending", "queued", "running", "done", "failed", "stale")


@dataclass(frozen=True)
class RunStatus:
    """A run, its status, the state it recorded last, and the job that has it."""

    run: RunName
    folder: Path
    state: RunState
    recorded: State
    job: QueuedJob | None

    @property
    def name(self) -> str:
        """The run's name in messages."""
        return self.run.name

    @property
    def steps(self) -> int:
        """Environment steps of the whole run; 0 if only the run's name is known, and it never began."""
        return self.run.settings.steps if isinstance(self.run, RunSpec) else self.recorded.steps

    @property
    def fps(self) -> float | None:
        """Environment steps per second; None unless it is running."""
        return self.recorded.fps if self.state == "running" else None

    @property
    def eta(self) -> float | None:
        """Seconds until the last step at this speed; None if unknown."""
        if not self.fps or self.fps <= 0:
            return None
        seconds = max(0, self.steps - self.recorded.step) / self.fps
        return seconds if math.isfinite(seconds) else None

    @property
    def job_id(self) -> str | None:
        """The job that has the run, or the last one that had it."""
        return self.job.id if self.job else self.recorded.job

    @property
    def node(self) -> str | None:
        """The node where the run is, or where it was last."""
        return (self.job.node if self.job else None) or self.recorded.host

    @property
    def is_active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ("queued", "running")

    def is_missing(self, retry_failed: bool) -> bool:
        """Whether the run must be started; a run killed by a signal counts as interrupted, not as failed.

        A run that was cancelled or failed in a job that continues with other runs is not missing until that job has
        ended: no run is ever in two jobs.
        """
        if self.job is not None:
            return False
        if self.state == "failed":
            return retry_failed or self.recorded.signal is not None
        return self.state in ("pending", "stale")


def statuses(runs: Sequence[RunName], results: Path, queue: Queue, patience: float) -> list[RunStatus]:
    """The status of each run, in the order given.

    Args:
        runs: The runs.
        results: Root of all results.
        queue: The queues of local launchers and Slurm.
        patience: Minutes without a heartbeat after which a run without a known process or job is stale.
    """
    rows = []
    for run in runs:
        folder = run.folder(results)
        status, recorded = status_of(folder, queue, patience)
        rows.append(RunStatus(run, folder, status, recorded, queue.jobs.get(folder)))
    return rows


def status_of(folder: Path, queue: Queue, patience: float) -> tuple[RunState, State]:
    """The status of the run in a folder, and the state it recorded last."""
    recorded, job = state.recorded(folder), queue.jobs.get(folder)
    held = recorded.state != "done" and lock.is_held(folder)
    cancelled = job is not None and stop.is_cancelled(folder)
    return run_state(recorded, held, job, cancelled, queue.alive, patience), recorded


def run_state(
    recorded: State, held: bool, job: QueuedJob | None, cancelled: bool, alive: frozenset[str] | None, patience: float
) -> RunState:
    """The status of a run.

    Args:
        recorded: The state it recorded last.
        held: Whether a process holds its lock, as far as this machine can tell.
        job: The job or launcher that has it in its queue.
        cancelled: Whether it is marked as cancelled, though its job may continue.
        alive: Ids of all Slurm jobs of this user, or None if Slurm could not be asked.
        patience: Maximal age of a heartbeat, in minutes.
    """
    if recorded.state == "done":
        return "done"
    if held:
        return "running"
    if job is not None:
        if recorded.state == "failed" and recorded.job == job.id:
            return "failed"  # its job continues with other runs
        if cancelled and not (recorded.state == "running" and recorded.job == job.id):
            return "pending"  # likewise
        return "queued" if job.waits else "running"
    if recorded.state != "running":
        return recorded.state
    # It is recorded as running, but no process or job is known. That is certain on this machine, or if Slurm no longer
    # has its job. Otherwise locks may not work between machines, or Slurm may be silent: the heartbeat decides.
    here = recorded.host == socket.gethostname()
    certain = here if recorded.job is None or alive is None else recorded.job not in alive
    old = recorded.heartbeat is None or time.time() - recorded.heartbeat > 60 * patience
    return "stale" if certain or old else "running"
