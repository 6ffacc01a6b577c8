"""Queues: which job or launcher has which run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suites.identity import Identity


@dataclass(frozen=True)
class QueuedJob:
    """A Slurm job or local launcher that has a run in its queue.

    Attributes:
        id: A Slurm job as squeue names it, `12` or `12_3`; or a local launcher, `<host>-<pid>`.
        state: Slurm's name of the state, mostly PENDING or RUNNING.
        reason: Slurm's reason for waiting; empty if there is none.
        node: Where it runs.
        identity: That of the run as submitted; None if it is not fixed yet.
    """

    id: str
    state: str = "PENDING"
    reason: str = ""
    node: str = ""
    identity: Identity | None = None

    @property
    def waits(self) -> bool:
        """Whether it has not started."""
        return self.state in ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT")


@dataclass(frozen=True)
class Queue:
    """The content of all queues at one time.

    Attributes:
        jobs: Run folder -> the job or launcher that has it.
        alive: Ids of all Slurm jobs of this user, also of other projects; None if Slurm was not asked or is silent.
        warnings: What could not be read, as text.
    """

    jobs: Mapping[Path, QueuedJob] = field(default_factory=dict)
    alive: frozenset[str] | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Entry:
    """A line of Slurm's queue: a job and its name."""

    job: QueuedJob
    name: str
