"""Cancels runs: processes by a mark in the run's folder, here or on other machines; jobs by Slurm."""

from pathlib import Path

from common.errors import UserError
from common.text import counted
from runs.store import state, stop
from runs.watching.jobs import Queue
from runs.watching.queue import look
from runs.watching.request import RunRequest
from runs.watching.status import statuses


def cancel(request: RunRequest) -> str:
    """Stops the queued and running runs; running ones save a checkpoint first. Returns a summary.

    A Slurm job is cancelled once all of its runs are; until then its other runs continue.

    Raises:
        UserError: Slurm does not answer; local runs are cancelled all the same.
    """
    queue = look(request.results, [request.suite])
    rows = statuses(request.specs, request.results, queue, request.slurm.stale)
    wanted = {row.folder: row for row in rows if row.state in ("queued", "running")}
    doomed = _jobs(queue, set(wanted))
    for folder, row in wanted.items():
        if row.state == "running" or row.job_id not in doomed:  # a job that has not started cannot see a mark
            stop.cancel(folder)
    if doomed:
        from runs.watching.slurm import Slurm

        Slurm().cancel(doomed)
    if queue.warnings:
        raise UserError(f"{queue.warnings[0]}; {counted(len(wanted), 'run')} cancelled, but none in Slurm's queue")
    queued = sum(row.state == "queued" for row in wanted.values())
    running = len(wanted) - queued
    if not wanted:
        return "nothing to cancel: none of these runs is queued or running"
    then = "; running runs save a checkpoint first" if running else ""
    return f"cancelled: {queued:,} queued, {running:,} running{then}"


def _jobs(queue: Queue, wanted: set[Path]) -> list[str]:
    """The Slurm jobs that have no run left once these runs are cancelled."""
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
    """Whether a job will not train one of its runs any more."""
    recorded = state.recorded(folder)
    return recorded.state == "done" or (recorded.state == "failed" and recorded.job == id_) or stop.is_cancelled(folder)
