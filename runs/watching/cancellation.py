"""Cancels runs, whoever has them: their processes by a mark in the run's folder, their jobs by Slurm."""

from pathlib import Path

from common.errors import UserError
from common.text import counted
from runs.store import state, stop
from runs.watching.jobs import Queue
from runs.watching.queue import look
from runs.watching.request import RunRequest
from runs.watching.status import statuses


def cancel(order: RunRequest) -> str:
    """Stops the runs that are queued or running; those that run save themselves first. Says in words what it did.

    A Slurm job is cancelled as a whole once all of its runs are; until then the others of its runs go on.

    Raises:
        UserError: Slurm does not answer; what runs or waits here is cancelled all the same.
    """
    queue = look(order.results, [order.suite])
    rows = statuses(order.specs, order.results, queue, order.slurm.stale)
    wanted = {row.folder: row for row in rows if row.state in ("queued", "running")}
    doomed = _jobs(queue, set(wanted))
    for folder, row in wanted.items():
        if row.state == "running" or row.job_id not in doomed:  # a job that has not begun is not there to see a mark
            stop.cancel(folder)
    if doomed:
        from runs.watching.slurm import Slurm

        Slurm().cancel(doomed)
    if queue.warnings:
        raise UserError(f"{queue.warnings[0]}; {counted(len(wanted), 'run')} cancelled, none that only Slurm has")
    queued = sum(row.state == "queued" for row in wanted.values())
    running = len(wanted) - queued
    if not wanted:
        return "nothing to cancel: none of these runs is queued or running"
    then = "; what runs saves itself first" if running else ""
    return f"cancelled: {queued:,} queued, {running:,} running{then}"


def _jobs(queue: Queue, wanted: set[Path]) -> list[str]:
    """The Slurm jobs that have nothing to do any more if some runs are cancelled."""
    members: dict[str, list[Path]] = {}
    for folder, job in queue.jobs.items():
        if job.id in (queue.alive or ()):
            members.setdefault(job.id, []).append(folder)
    return [
        id_
        for id_, folders in members.items()
        if not wanted.isdisjoint(folders) and all(folder in wanted or _is_over(folder, id_) for folder in folders)
    ]


def _is_over(folder: Path, id_: str) -> bool:
    """Whether a job has nothing to do with one of its runs any more."""
    said = state.recorded(folder)
    return said.state == "done" or (said.state == "failed" and said.job == id_) or stop.is_cancelled(folder)
