"""What `launch.py run` does with a plan: shows it, prints it as commands, trains it here, or submits it."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

from common.origin import ROOT
from common.text import counted
from runs.store import run_folder
from runs.watching import follow, gone, status_table
from runs.watching.jobs import Queue
from runs.watching.queue import look, refuse_changes
from runs.watching.request import RunRequest


def ask(requests: Sequence[RunRequest]) -> Queue:
    """Reads the queues for the runs of some suites; prints warnings on standard error."""
    queue = look(requests[0].results, {request.suite for request in requests})
    for warning in queue.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return queue


def preview(request: RunRequest) -> None:
    """Prints the status of the runs, and how many would be trained here; changes nothing."""
    queue = ask([request])
    rows = request.look(queue)
    status_table.show(rows)
    missing = [row for row in rows if row.is_missing(request.retry_failed)]
    print(f"to run: {counted(len(missing), 'run')}")
    _warn_of_changes(request)
    _warn_of_gone(request, queue)


def preview_jobs(request: RunRequest) -> None:
    """Prints the status of the runs, how many would be submitted, and how sbatch would be called; changes nothing.

    Raises:
        UserError: a run is queued or running with other settings.
    """
    from runs.executing.slurm.cluster import Cluster, flags
    from runs.executing.slurm.submission import difference
    from runs.watching.slurm import ClusterError

    queue = ask([request])
    refuse_changes(request.specs, request.results, queue)
    found = difference(request.specs, request.results, queue, request.slurm, request.retry_failed)
    status_table.show(found.rows)
    jobs = len(found.jobs(request.slurm))
    line = f"to submit: {counted(len(found.missing), 'run')} as {counted(jobs, 'job')}"
    try:
        limit = Cluster().max_array_size()
        calls = counted(ceil(jobs / limit), "call")
        line += f" by {calls} of sbatch (an array of this cluster has at most {limit:,} jobs)"
    except ClusterError as error:
        line += f"; {error}"
    print(line)
    print("sbatch settings:", *flags(request.slurm), sep="\n  ")
    _warn_of_changes(request)
    _warn_of_gone(request, queue)


def _warn_of_changes(request: RunRequest) -> None:
    if not request.replace and (refusal := run_folder.refusal(request.specs, request.results)):
        print(f"warning: {refusal}", file=sys.stderr)


def _warn_of_gone(request: RunRequest, queue: Queue) -> None:
    if remark := gone.remark(request.gone(queue)):
        print(f"warning: {remark}", flush=True)


def train(request: RunRequest, workers: int) -> int:
    """Trains the missing runs here; returns an exit code.

    Args:
        request: The runs.
        workers: Runs in parallel.

    Raises:
        UserError: settings have changed under the same name; nothing was started.
    """
    from runs.executing.local import launch

    _warn_of_gone(request, look(request.results, [request.suite]))
    return launch(
        request.specs,
        request.results,
        workers=workers,
        retry_failed=request.retry_failed,
        replace=request.replace,
    )


def submit(request: RunRequest, wait: bool) -> int:
    """Submits the missing runs and returns, or follows them to the end.

    Args:
        request: The runs.
        wait: Follow all runs of the plan until none is queued or running.

    Returns:
        An exit code: 0, or after waiting 1 if not all runs are done.

    Raises:
        ClusterError: the cluster refused; earlier submissions remain.
        UserError: settings have changed under the same name; nothing was submitted.
    """
    from runs.executing.slurm import submission
    from runs.executing.slurm.cluster import Cluster

    _warn_of_gone(request, look(request.results, [request.suite]))
    submission.submit(
        request.specs,
        request.results,
        request.slurm,
        Cluster(),
        lambda line: print(line, flush=True),
        retry_failed=request.retry_failed,
        replace=request.replace,
    )
    if not wait:
        return 0
    rows = follow.follow(lambda: look(request.results, [request.suite]), request.look)
    status_table.show(rows)
    return 0 if all(row.state == "done" for row in rows) else 1


def commands(request: RunRequest, suite: Path, overrides: Sequence[str]) -> Iterator[str]:
    """Yields a shell command for each missing run, which trains it here.

    Args:
        request: The runs.
        suite: The suite's file.
        overrides: Settings from the command line.
    """
    for row in request.look(ask([request])):
        if row.is_missing(request.retry_failed):
            which = [f"task={row.run.task}", f"variant={row.run.variant}", f"seed={row.run.seed}"]
            command = [sys.executable, str(ROOT / "launch.py"), "run", str(suite), "--only", *which]
            command += ["--set", *overrides] if overrides else []
            command += ["--results", str(request.results)] if request.results != Path("results") else []
            command += ["--retry-failed"] if row.state == "failed" else []
            command += ["--replace"] if request.replace else []
            yield shlex.join(command)
