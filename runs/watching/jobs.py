"""What is known of queues: which job or launcher has which run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suites.identity import Identity


@dataclass(frozen=True)
class QueuedJob:
    """What has a run in its queue.

    Attributes:
        id: A Slurm job as squeue names it, `12` or `12_3`; or a local launcher, `<host>-<pid>`.
        state: Slurm's word, PENDING or RUNNING mostly.
        reason: Why it waits, in Slurm's word; empty for none.
        node: Where it runs.
        identity: Of the run as it was submitted; None where that is not fixed yet.
    """

    id: str
    state: str = "PENDING"
    reason: str = ""
    node: str = ""
    identity: Identity | None = None

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.state in ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT")


@dataclass(frozen=True)
class Queue:
    """A look at all queues.

    Attributes:
        jobs: Run folder -> what has it.
        alive: Ids of all Slurm jobs of this user, ours or not; None where Slurm was not asked or did not answer.
        warnings: What could not be found out, in words.
    """

    jobs: Mapping[Path, QueuedJob] = field(default_factory=dict)
    alive: frozenset[str] | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Entry:
    """A line of Slurm's queue: a job, and its name there."""

    job: QueuedJob
    name: str
