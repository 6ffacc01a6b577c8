"""Cancels runs: processes by a mark in the run's folder, here or on other machines; jobs by Slurm."""

from pathlib import Path

from common.errors import UserError
from common.text import counted
from runs.store import state, stop
from runs.watching import gone
from runs.watching.jobs import Queue
from runs.watching.queue import look
from runs.watching.request import RunRequest


def cancel(request: RunRequest, only_gone: bool = False) -> str:
    """Stops the queued and running runs; running ones save a checkpoint first. Returns a summary.

    A Slurm job is cancelled once all of its runs are; until then its other runs continue.

    Args:
        request: The runs.
        only_gone: Stop the runs that the suite no longer names, and no others.

    Raises:
        UserError: Slurm does not answer; local runs are cancelled all the same.
    """
    queue = look(request.results, [request.suite])
    no_longer_named = request.gone(queue)
    rows = no_longer_named if only_gone else request.look(queue)
    wanted = {row.folder: row for row in rows if row.is_active}
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
    then = "; running runs save a checkpoint first" if running else ""
    summary = f"cancelled: {queued:,} queued, {running:,} running{then}"
    if not wanted:
        which = "no run that the suite no longer names" if only_gone else "none of these runs"
        summary = f"nothing to cancel: {which} is queued or running"
    remark = "" if only_gone else gone.remark(no_longer_named)
    return f"{summary}\n{remark}" if remark else summary


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
