"""What `launch.py run` does with a plan: shows it, spells it out as commands, or gives it to an executor."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from runs import folder, tables, watch
from runs.census import look
from runs.launcher import ROOT
from runs.queue import Queue, refuse_changes
from runs.settings import SlurmSettings
from runs.status import RunStatus, statuses
from suites.errors import counted
from suites.plan import RunSpec


@dataclass(frozen=True)
class Order:
    """Runs, and how they are wanted.

    Attributes:
        specs: The plan.
        results: Root of all results.
        slurm: What jobs ask of a cluster.
        retry_failed: Whether runs that have failed by themselves are to be tried again.
        replace: Whether runs whose settings have changed are moved aside.
    """

    specs: Sequence[RunSpec]
    results: Path
    slurm: SlurmSettings
    retry_failed: bool = False
    replace: bool = False

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.specs[0].suite

    def look(self, queue: Queue) -> list[RunStatus]:
        """How the runs stand, by a look at the queues."""
        return statuses(self.specs, self.results, queue, self.slurm.stale)


def ask(orders: Sequence[Order]) -> Queue:
    """Who has the runs of some suites in a queue now; says on standard error what could not be found out."""
    queue = look(orders[0].results, {order.suite for order in orders})
    for warning in queue.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return queue


def preview(order: Order) -> None:
    """Prints how the runs stand, and which of them would be trained here; touches nothing."""
    rows = order.look(ask([order]))
    tables.show(rows)
    missing = [row for row in rows if row.is_missing(order.retry_failed)]
    print(f"to run: {counted(len(missing), 'run')}")
    _warn_of_changes(order)


def preview_jobs(order: Order) -> None:
    """Prints how the runs stand, which of them would be submitted, and how sbatch would be called; touches nothing.

    Raises:
        UserError: a run is queued or running with other settings.
    """
    from runs.slurm.cluster import Cluster, ClusterError, flags
    from runs.slurm.submission import difference

    queue = ask([order])
    refuse_changes(order.specs, order.results, queue)
    found = difference(order.specs, order.results, queue, order.slurm, order.retry_failed)
    tables.show(found.rows)
    jobs = len(found.jobs(order.slurm))
    line = f"to submit: {counted(len(found.missing), 'run')} as {counted(jobs, 'job')}"
    try:
        limit = Cluster().max_array_size()
        calls = counted(ceil(jobs / limit), "call")
        line += f" by {calls} of sbatch (an array of this cluster has at most {limit:,} jobs)"
    except ClusterError as error:
        line += f"; {error}"
    print(line)
    print("sbatch settings:", *flags(order.slurm), sep="\n  ")
    _warn_of_changes(order)


def _warn_of_changes(order: Order) -> None:
    if not order.replace and (refusal := folder.refusal(order.specs, order.results)):
        print(f"warning: {refusal}", file=sys.stderr)


def submit(order: Order, wait: bool) -> int:
    """Submits what is missing and returns, or follows it to the end.

    Args:
        order: The runs.
        wait: Follow all runs of the plan until none is queued or running.

    Returns:
        An exit code: 0, or after waiting 1 if not all runs are done.

    Raises:
        ClusterError: the cluster refused; what was submitted before stays.
        UserError: settings have changed under the same name; nothing was submitted.
    """
    from runs.slurm import submission
    from runs.slurm.cluster import Cluster

    submission.submit(
        order.specs,
        order.results,
        order.slurm,
        Cluster(),
        lambda line: print(line, flush=True),
        retry_failed=order.retry_failed,
        replace=order.replace,
    )
    if not wait:
        return 0
    rows = watch.follow(lambda: look(order.results, [order.suite]), order.look)
    tables.show(rows)
    return 0 if all(row.state == "done" for row in rows) else 1


def commands(order: Order, suite: Path, overrides: Sequence[str]) -> Iterator[str]:
    """Yields for each run that is missing a line that trains it here, to be pasted into a shell.

    Args:
        order: The runs.
        suite: The suite's file.
        overrides: Settings that were given on the command line.
    """
    for row in order.look(ask([order])):
        if row.is_missing(order.retry_failed):
            which = [f"task={row.spec.task}", f"variant={row.spec.variant}", f"seed={row.spec.seed}"]
            command = [sys.executable, str(ROOT / "launch.py"), "run", str(suite), "--only", *which]
            command += ["--set", *overrides] if overrides else []
            command += ["--results", str(order.results)] if order.results != Path("results") else []
            command += ["--retry-failed"] if row.state == "failed" else []
            yield shlex.join(command)
