"""Who has which runs now: local launchers say so in their rosters, Slurm in its queue, which names our batches."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from runs import roster
from runs.queue import BATCHES, Queue, QueuedJob
from suites.errors import UserError


def look(results: Path, suites: Iterable[str], rosters: bool = True) -> Queue:
    """Asks who has the runs of some suites; Slurm, by one call of squeue, only where something was ever given to it.

    Args:
        results: Root of all results.
        suites: Names of suites.
        rosters: Whether to read the rosters of local launchers, too.
    """
    suites = list(suites)
    waiting = waiting_here(results, suites) if rosters else {}
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
    return Queue({**waiting, **given.jobs}, given.alive)


def waiting_here(results: Path, suites: Iterable[str]) -> dict[Path, QueuedJob]:
    """The runs of some suites that wait for local launchers."""
    return {
        folder: QueuedJob(launcher) for suite in suites for folder, launcher in roster.read(results / suite).items()
    }
