"""What a Slurm job does: it is a launcher of its own runs, and asks to come back where they had to stop.

The runs' processes are the job's children, several where they share a job. On Slurm's notice, ahead of a preemption or
of the time limit, they save themselves and end, and so does the job, with an exit code that makes its batch script put
it back into the queue. Later it starts here again from the same pickle. That holds run folders, specs and the job's
settings: how far a run has come stands in its folder alone.
"""

import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any, NoReturn

from runs.executing.display import Display
from runs.executing.launcher import Launcher
from runs.executing.slurm.budget import verdict
from runs.settings import SlurmSettings
from runs.store import provenance, state
from runs.store.run import Run
from runs.store.state import State
from runs.store.stop import NOTICE, is_cancelled

COMES_BACK = os.EX_TEMPFAIL  # exit code on which the batch script requeues the job
POLL = 0.2  # seconds
NEWS = 600.0  # seconds between two lines of a run in the job's log: thousands of jobs run for days
GLANCE = 30.0  # seconds between two looks at a run's state, which its job needs for these lines only
RESERVE = 15.0  # seconds of the notice that are left for the requeueing
SLACK = 90.0  # seconds that Slurm may give its notice early: 60, by its manual, and the job's own start
PATIENCE = 1800.0  # seconds to wait for a lock that has outlived its node
MERCY = 900.0  # seconds to wait for the end that Slurm has announced by SIGTERM


class SlurmJob:
    """The function of a job, which submitit pickles, calls, and on Slurm's notice asks for a checkpoint."""

    # Before a job begins, nothing goes on that a notice would have to wait for.
    _launcher: Launcher | None = None
    _ended = True
    _last_moment = math.inf  # for runs to have saved themselves, once notice was given

    def __init__(self, runs: Sequence[Run], settings: SlurmSettings):
        """Takes the runs that share the job."""
        self.runs = tuple(runs)
        self.settings = settings

    def __call__(self) -> None:
        """Trains the runs that are not over.

        Raises:
            RuntimeError: a run has failed, so that Slurm shows the job as failed, too.
            SystemExit: the job is to come back, as its runs were stopped and Slurm has not ended it.
        """
        self._signals: list[int] = []
        self._ended = False
        # In a thread: the main one stays free for submitit's signal handler, which calls `checkpoint`.
        Thread(target=self._launch, daemon=True).start()
        while not self._ended:
            time.sleep(POLL)
        if self._launcher is None:
            raise RuntimeError("the launcher has failed; its traceback stands above")
        terminated = [how for how in self._launcher.failed.values() if how.signal == signal.SIGTERM.name]
        if self._launcher.stopped or terminated:
            # SIGTERM reached the runs and not us: Slurm is about to cancel the job, or to preempt it without notice.
            # A job that ended by itself now would not come back.
            print("the runs were stopped from outside; waiting for Slurm to end the job", flush=True)
            time.sleep(MERCY)
            if self._to_do():
                sys.exit(COMES_BACK)
        haunted = [run for run in self._launcher.left if _is_ours(run)]
        failed = [run.name for run in self.runs if run in self._launcher.failed or run in haunted or _has_failed(run)]
        if failed:
            raise RuntimeError(f"failed: {', '.join(failed)}")

    def checkpoint(self) -> NoReturn:
        """Lets the runs save themselves, and ends this process.

        submitit would requeue the job itself when this returned, but only after it has replaced the pickle, with a
        moment at which there is none, though nothing in ours ever changes. And it would need Slurm's commands here, in
        a container maybe.
        """
        if not self._ended:
            self._signals.append(NOTICE)
        # To come back, the job has to end before Slurm ends it, also if a run has not saved itself by then.
        notice = self.settings.notice
        self._last_moment = min(self._last_moment, time.monotonic() + notice - min(RESERVE, notice / 4))
        while not self._ended and time.monotonic() < self._last_moment:
            time.sleep(POLL)
        if self._to_do():
            print("going back into the queue", flush=True)
            sys.exit(COMES_BACK)
        sys.exit(1 if any(_has_failed(run) for run in self.runs) else 0)

    def _launch(self) -> None:
        try:
            with Display(period=NEWS) as display:
                launcher = Launcher(
                    self._to_do(),
                    len(self.runs),
                    display,
                    self._signals,
                    retry_failed=True,
                    patience=lambda run: PATIENCE if _is_ours(run) else 0.0,
                    deadline=time.time() + 3600 * self.settings.hours - self.settings.notice - SLACK,
                    glance=GLANCE,
                )
                launcher.run()
                self._launcher = launcher
        finally:
            self._ended = True

    def _to_do(self) -> list[Run]:
        """The runs that are to be tried, or tried again; those that may not be any more are failed."""
        wanted = []
        for run in self.runs:
            now = state.read(run.folder)
            failed_here = now.state == "failed" and now.signal is None and now.job == state.slurm_job()
            if now.state == "done" or failed_here or is_cancelled(run.folder):
                continue
            if now.state == "running" or (reason := self._verdict(run)) is None:  # what goes on has not failed yet
                wanted.append(run)
            else:
                print(f"{run.name}: failed: {reason}", flush=True)
                steps = run.spec.settings.steps
                state.write(run.folder, State("failed", now.step, steps, now.return_, error=reason))
        return wanted

    def _verdict(self, run: Run) -> str | None:
        from runs.store.checkpoint import Checkpoints

        id_ = os.environ.get("SLURM_JOB_ID")
        attempts = [attempt for attempt in provenance.attempts_of(run.folder) if _job(attempt) == id_]
        restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        return verdict(attempts, Checkpoints(run.folder / "checkpoints").position(), restarts, self.settings)


def _is_ours(run: Run) -> bool:
    """Whether who holds a run's lock is a process of this job's earlier life.

    On a lost node it is gone, but the file server may take minutes to notice.
    """
    said = state.recorded(run.folder)
    return said.state == "running" and said.job == state.slurm_job()


def _has_failed(run: Run) -> bool:
    return state.read(run.folder).state == "failed"


def _job(attempt: dict[str, Any]) -> str | None:
    return attempt.get("slurm", {}).get("SLURM_JOB_ID")
