"""Which launcher or job has which run: by the files of local launchers, and by Slurm's queue, which names batches."""

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

SHOWN = 5  # runs listed in an error


def refuse_changes(specs: Sequence[RunSpec], results: Path, queue: Queue) -> None:
    """Refuses runs that are queued or running with settings other than their specs'.

    Raises:
        UserError: there are some; lists them with their jobs.
    """
    changed = []
    for spec in specs:
        folder = spec.folder(results)
        job = queue.jobs.get(folder)
        if job is None or job.identity is None or spec.is_same(job.identity):
            continue
        # A hash of an old version may differ by settings that are not read; once the run has started, its folder tells.
        if job.identity.version == VERSION or not run_folder.holds(folder, spec):
            changed.append(f"\n  {folder}, job {job.id}")
    if changed:
        more = f"\n  ... and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        raise UserError(
            f"{len(changed):,} of these runs are in the queue with other settings:{''.join(changed[:SHOWN])}"
            f"{more}\ncancel them first, or undo the change"
        )


def look(results: Path, suites: Iterable[str], local: bool = True) -> Queue:
    """Reads the queues for the runs of some suites; calls squeue once, and only if any were ever submitted to Slurm.

    Args:
        results: Root of all results.
        suites: Names of suites.
        local: Whether to read the queues of local launchers, too.
    """
    suites = list(suites)
    waiting = waiting_here(results, suites) if local else {}
    if not any((results / suite / BATCHES).is_dir() for suite in suites):
        return Queue(waiting)
    if shutil.which("squeue") is None:
        return Queue(waiting, warnings=["runs were submitted to Slurm, but there is no squeue here to query it"])
    try:
        slurm_queue = batches.queue(results, suites, Slurm().queue())
    except UserError as error:
        return Queue(waiting, warnings=[str(error)])
    return Queue({**waiting, **slurm_queue.jobs}, slurm_queue.alive)


def waiting_here(results: Path, suites: Iterable[str]) -> dict[Path, QueuedJob]:
    """The runs of some suites that wait for local launchers."""
    return {
        folder: QueuedJob(launcher)
        for suite in suites
        for folder, launcher in local_queue.read(results / suite).items()
    }
