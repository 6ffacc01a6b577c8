"""Gives Slurm what is missing: the plan, less what is done, failed, running or queued already."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.errors import UserError
from common.text import counted
from runs.executing import code_snapshot
from runs.executing.signals import deferred
from runs.executing.slurm.job import SlurmJob
from runs.settings import SlurmSettings
from runs.store import lock, run_folder, stop
from runs.store.run import Run
from runs.watching import batches
from runs.watching.jobs import Entry, Queue
from runs.watching.queue import refuse_changes, waiting_here
from runs.watching.slurm import ClusterError, chunks
from runs.watching.status import RunStatus, statuses
from runs.watching.status_table import counts
from suites.plan import RunSpec

PATIENCE = 600.0  # seconds that another launcher may take to submit


class Executor(Protocol):
    """What a submission asks of a cluster; see `runs.executing.slurm.cluster.Cluster`."""

    def queue(self) -> list[Entry]:
        """All jobs of this user."""

    def max_array_size(self) -> int:
        """How many jobs an array may have."""

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        """Submits an array; returns its id."""

    def withdraw(self, name: str) -> None:
        """Cancels what may have been accepted of a batch."""

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancels jobs."""


@dataclass(frozen=True)
class Difference:
    """What a plan lacks.

    Attributes:
        rows: Every run of the plan, and how it stands.
        missing: The runs to submit.
    """

    rows: Sequence[RunStatus]
    missing: Sequence[Run]

    @property
    def blocked(self) -> int:
        """Runs that have stopped in jobs which go on with others."""
        return sum(row.job is not None and row.state in ("pending", "failed") for row in self.rows)

    def jobs(self, settings: SlurmSettings) -> list[list[Run]]:
        """The missing runs as jobs of some runs each."""
        return list(chunks(self.missing, settings.runs_per_job))


def difference(
    specs: Sequence[RunSpec], results: Path, queue: Queue, settings: SlurmSettings, retry_failed: bool
) -> Difference:
    """Compares a plan with what is on disk and in the queue; changes nothing."""
    rows = statuses(specs, results, queue, settings.stale)
    return Difference(rows, [Run(row.spec, row.folder) for row in rows if row.is_missing(retry_failed)])


def submit(
    specs: Sequence[RunSpec],
    results: Path,
    settings: SlurmSettings,
    cluster: Executor,
    note: Callable[[str], None],
    retry_failed: bool = False,
    replace: bool = False,
) -> int:
    """Submits the runs of a plan that are missing; two launchers at once take turns.

    Args:
        specs: The plan.
        results: Root of all results; the jobs have to see it under the same path.
        settings: What the jobs ask for.
        cluster: Whom to ask.
        note: Is told, in lines, what was done.
        retry_failed: Whether runs that have failed by themselves are missing, too.
        replace: Move runs aside whose settings have changed.

    Returns:
        How many runs were submitted.

    Raises:
        ClusterError: the cluster refused, maybe half-way; what was submitted before is said, and stays.
        UserError: settings have changed under the same name; nothing was submitted.
    """
    results = results.absolute()
    with _turn(results, note):
        entries = _reachable(cluster, results, note)
        suites = {spec.suite for spec in specs}
        given = batches.queue(results, suites, entries)
        queue = Queue({**waiting_here(results, suites), **given.jobs}, given.alive)
        refuse_changes(specs, results, queue)
        for path in run_folder.claim(specs, results, replace):
            note(f"moved aside: {path}")
        found = difference(specs, results, queue, settings, retry_failed)
        for row in found.rows:
            if row.state != "running" and (
                row.job is None or row.job.waits
            ):  # what is queued would not start otherwise
                stop.allow(row.folder)
        note(counts(found.rows))
        if found.blocked:
            note(f"{counted(found.blocked, 'run')} stopped in jobs that go on with others; submit again when those end")
        if not found.missing:
            note("nothing to submit")
            return 0
        submitted = 0
        arrays = list(chunks(found.jobs(settings), cluster.max_array_size()))
        code = code_snapshot.take(results)
        for jobs in arrays:
            try:
                id_ = _submit(jobs, results, code, settings, cluster)
            except ClusterError as error:
                raise ClusterError(
                    f"{error}\n{submitted:,} of {len(found.missing):,} runs were submitted; "
                    "once the cause is mended, the same command submits the rest"
                ) from error
            runs = sum(map(len, jobs))
            submitted += runs
            note(f"submitted job {id_}: {counted(runs, 'run')} in {counted(len(jobs), 'job')}")
        code_snapshot.prune(results, {code.name, *batches.snapshots(results, entries)})
        return submitted


def _submit(
    jobs: Sequence[Sequence[Run]], results: Path, code: Path, settings: SlurmSettings, cluster: Executor
) -> str:
    """Submits one array."""
    home = batches.folder_of(results / jobs[0][0].spec.suite)
    if "%" in str(home):
        raise UserError(f"{home}: Slurm reads signs into a % in a path; rename the suite or the folder")
    batches.write(home, jobs, code.name)
    try:
        with deferred():  # between Slurm's consent and the last pickle an interrupt would orphan jobs
            return cluster.submit([SlurmJob(runs, settings) for runs in jobs], home, code, settings)
    except ClusterError:
        with suppress(ClusterError):  # what cannot be withdrawn has to be found again
            cluster.withdraw(home.name)
            shutil.rmtree(home, ignore_errors=True)
        raise


def _reachable(cluster: Executor, results: Path, note: Callable[[str], None]) -> list[Entry]:
    """Slurm's queue, without what a killed launcher has left in it half submitted: that is cancelled."""
    entries = cluster.queue()
    if orphans := batches.orphans(results, entries):
        cluster.cancel(sorted(orphans))
        note(f"cancelled {counted(len(orphans), 'job')} that a killed launcher had not submitted to the end")
    return [entry for entry in entries if entry.job.id not in orphans]


@contextmanager
def _turn(results: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Lets one launcher at a time compare and submit."""
    place = results / code_snapshot.FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{results}: results cannot be written there ({error.strerror})") from error
    if lock.is_held(place):
        note("another launcher is submitting; waiting for it")
    try:
        with lock.held(place, PATIENCE):
            yield
    except lock.BusyError:
        raise UserError(f"another launcher has been submitting to {results} for {PATIENCE:.0f} s; try again") from None
