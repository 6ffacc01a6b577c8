"""Who has which runs: local launchers list theirs in files, Slurm in its queue, which names our batches."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.errors import UserError
from runs.store import run_folder
from runs.watching import batches, local_queue
from runs.watching.batches import BATCHES
from runs.watching.jobs import Queue, QueuedJob
from runs.watching.slurm import Slurm
from suites.identity import VERSION
from suites.plan import RunSpec

SHOWN = 5  # runs that an error lists


def refuse_changes(specs: Sequence[RunSpec], results: Path, queue: Queue) -> None:
    """Makes sure that no run is queued or running with other settings than its spec's.

    Raises:
        UserError: some are; they are named with their jobs.
    """
    changed = []
    for spec in specs:
        folder = spec.folder(results)
        job = queue.jobs.get(folder)
        if job is None or job.identity is None or spec.is_same(job.identity):
            continue
        # A hash of an old rule may differ for settings that are not read; once the run has begun, its folder knows.
        if job.identity.version == VERSION or not run_folder.holds(folder, spec):
            changed.append(f"\n  {folder}, job {job.id}")
    if changed:
        more = f"\n  ... and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        raise UserError(
            f"{len(changed):,} of these runs are in the queue with other settings:{''.join(changed[:SHOWN])}"
            f"{more}\ncancel them first, or undo the change"
        )


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
    try:
        given = batches.queue(results, suites, Slurm().queue())
    except UserError as error:
        return Queue(waiting, warnings=[str(error)])
    return Queue({**waiting, **given.jobs}, given.alive)


def waiting_here(results: Path, suites: Iterable[str]) -> dict[Path, QueuedJob]:
    """The runs of some suites that wait for local launchers."""
    return {
        folder: QueuedJob(launcher)
        for suite in suites
        for folder, launcher in local_queue.read(results / suite).items()
    }
