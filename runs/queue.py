"""Which runs somebody is about to run or runs: local launchers by their rosters, Slurm by its queue and our batches."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runs import roster
from suites.errors import UserError

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
        batches: Names of our batches that have jobs in the queue.
        warnings: What could not be found out, in words.
    """

    jobs: Mapping[Path, QueuedJob] = field(default_factory=dict)
    alive: frozenset[str] | None = None
    batches: frozenset[str] = frozenset()
    warnings: Sequence[str] = ()


def look(results: Path, suites: Iterable[str], rosters: bool = True) -> Queue:
    """Asks who has the runs of some suites; Slurm, by one call of squeue, only where something was ever given to it.

    Args:
        results: Root of all results.
        suites: Names of suites.
        rosters: Whether to read the rosters of local launchers, too.
    """
    suites = list(suites)
    waiting: dict[Path, QueuedJob] = {}
    if rosters:
        for suite in suites:
            waiting |= {folder: QueuedJob(launcher) for folder, launcher in roster.read(results / suite).items()}
    if not any((results / suite / BATCHES).is_dir() for suite in suites):
        return Queue(waiting)
    if shutil.which("squeue") is None:
        return Queue(waiting, warnings=["runs were given to Slurm, but there is no squeue here to ask about them"])
    from runs.slurm import batch
    from runs.slurm.cluster import Cluster

    try:
        given = batch.queue(results, suites, Cluster().queue())
    except UserError as error:
        return Queue(waiting, warnings=[str(error)])
    return Queue({**waiting, **given.jobs}, given.alive, given.batches)
