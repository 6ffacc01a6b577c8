"""Submits the missing runs: those of the plan that are not done, failed, running or queued."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common import lock
from common.errors import UserError
from common.text import counted
from runs.executing import code_snapshot
from runs.executing.signals import deferred
from runs.executing.slurm.job import SlurmJob
from runs.settings import SlurmSettings
from runs.store import run_folder, stop
from runs.store.run import Run
from runs.watching import batches
from runs.watching.jobs import Entry, Queue
from runs.watching.queue import refuse_changes, waiting_here
from runs.watching.slurm import ClusterError, chunks
from runs.watching.status import RunStatus, statuses
from runs.watching.status_table import counts
from suites.plan import RunSpec

PATIENCE = 600.0  # seconds to wait for another launcher's submission


class Executor(Protocol):
    """The interface of a cluster; see `runs.executing.slurm.cluster.Cluster`."""

    def queue(self) -> list[Entry]:
        """All jobs of this user."""

    def max_array_size(self) -> int:
        """How many jobs an array may have."""

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        """Submits an array; returns its id."""

    def withdraw(self, name: str) -> None:
        """Cancels the jobs of a batch that may have been accepted."""

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancels jobs."""


@dataclass(frozen=True)
class Difference:
    """The difference between a plan and what exists.

    Attributes:
        rows: Every run of the plan, with its status.
        missing: The runs to submit.
    """

    rows: Sequence[RunStatus]
    missing: Sequence[Run]

    @property
    def blocked(self) -> int:
        """The number of runs that stopped in jobs which continue with other runs."""
        return sum(row.job is not None and row.state in ("pending", "failed") for row in self.rows)

    def jobs(self, settings: SlurmSettings) -> list[list[Run]]:
        """The missing runs, grouped into jobs."""
        return list(chunks(self.missing, settings.runs_per_job))


def difference(
    specs: Sequence[RunSpec], results: Path, queue: Queue, settings: SlurmSettings, retry_failed: bool
) -> Difference:
    """Compares a plan with the disk and the queue; changes nothing."""
    rows = statuses(specs, results, queue, settings.stale)
    both = zip(specs, rows, strict=True)
    return Difference(rows, [Run(spec, row.folder) for spec, row in both if row.is_missing(retry_failed)])


def submit(
    specs: Sequence[RunSpec],
    results: Path,
    settings: SlurmSettings,
    cluster: Executor,
    note: Callable[[str], None],
    retry_failed: bool = False,
    replace: bool = False,
) -> int:
    """Submits the missing runs of a plan; concurrent launchers take turns.

    Args:
        specs: The plan.
        results: Root of all results; must have the same path in the jobs.
        settings: What the jobs request.
        cluster: The cluster.
        note: Called with each line of the report.
        retry_failed: Whether failed runs count as missing.
        replace: Move runs with changed settings aside.

    Returns:
        The number of submitted runs.

    Raises:
        ClusterError: the cluster refused, possibly after some submissions; these remain, and the message counts them.
        UserError: settings have changed under the same name; nothing was submitted.
    """
    results = results.absolute()
    with _turn(results, note):
        entries = _reachable(cluster, results, note)
        suites = {spec.suite for spec in specs}
        slurm_queue = batches.queue(results, suites, entries)
        queue = Queue({**waiting_here(results, suites), **slurm_queue.jobs}, slurm_queue.alive)
        refuse_changes(specs, results, queue)
        for path in run_folder.claim(specs, results, replace):
            note(f"moved aside: {path}")
        found = difference(specs, results, queue, settings, retry_failed)
        for row in found.rows:
            if row.state != "running" and (row.job is None or row.job.waits):  # queued runs would not start otherwise
                stop.allow(row.folder)
        note(counts(found.rows))
        if found.blocked:
            note(
                f"{counted(found.blocked, 'run')} stopped in jobs that continue with other runs; "
                "submit again when those jobs end"
            )
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
                    "once the cause is fixed, the same command submits the rest"
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
    folder = batches.folder_of(results / jobs[0][0].spec.suite)
    if "%" in str(folder):
        raise UserError(f"{folder}: Slurm interprets % in a path; rename the suite or the folder")
    batches.write(folder, jobs, code.name)
    try:
        with deferred():  # an interrupt between Slurm's acceptance and the last pickle would orphan jobs
            return cluster.submit([SlurmJob(runs, settings) for runs in jobs], folder, code, settings)
    except ClusterError:
        with suppress(ClusterError):  # if it cannot be withdrawn, the folder is needed to find its jobs
            cluster.withdraw(folder.name)
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _reachable(cluster: Executor, results: Path, note: Callable[[str], None]) -> list[Entry]:
    """Slurm's queue; first cancels the jobs that a killed launcher left without their pickles."""
    entries = cluster.queue()
    if orphans := batches.orphans(results, entries):
        cluster.cancel(sorted(orphans))
        note(f"cancelled {counted(len(orphans), 'job')} that a killed launcher had only partly submitted")
    return [entry for entry in entries if entry.job.id not in orphans]


@contextmanager
def _turn(results: Path, note: Callable[[str], None]) -> Iterator[None]:
    """The submission lock: one launcher at a time compares and submits."""
    folder = results / code_snapshot.FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{results}: results cannot be written there ({error.strerror})") from error
    if lock.is_held(folder):
        note("another launcher is submitting; waiting for it")
    try:
        with lock.held(folder, PATIENCE):
            yield
    except lock.BusyError:
        raise UserError(f"another launcher has been submitting to {results} for {PATIENCE:.0f} s; try again") from None
