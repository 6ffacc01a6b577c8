"""What is known of queues: which job or launcher has a run in its hands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suites.errors import UserError
from suites.plan import RunSpec

SHOWN = 5  # runs that an error lists
BATCHES = "slurm"  # folder of a suite: what was given to Slurm, one folder a batch


@dataclass(frozen=True)
class QueuedJob:
    """What has a run in its queue.

    Attributes:
        id: A Slurm job as squeue names it, `12` or `12_3`; or a local launcher, `<host>-<pid>`.
        state: Slurm's word, PENDING or RUNNING mostly.
        reason: Why it waits, in Slurm's word; empty for none.
        node: Where it runs.
        hash: Of the settings that the run was submitted with; empty where they are not fixed yet.
    """

    id: str
    state: str = "PENDING"
    reason: str = ""
    node: str = ""
    hash: str = ""

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


def refuse_changes(specs: Sequence[RunSpec], results: Path, queue: Queue) -> None:
    """Makes sure that no run is queued or running with other settings than its spec's.

    Raises:
        UserError: some are; they are named with their jobs.
    """
    changed = []
    for spec in specs:
        job = queue.jobs.get(spec.folder(results))
        if job is not None and job.hash not in ("", spec.hash):
            changed.append(f"\n  {spec.folder(results)}, job {job.id}")
    if changed:
        more = f"\n  ... and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        raise UserError(
            f"{len(changed):,} of these runs are in the queue with other settings:{''.join(changed[:SHOWN])}"
            f"{more}\ncancel them first, or undo the change"
        )
