"""The function of a Slurm job: it launches the job's runs, and requeues the job if they had to stop.

The runs' processes are children of the job, several if they share a job. On Slurm's notice, before a preemption or the
time limit, they save checkpoints and end. The job then ends with an exit code on which its batch script requeues it.
Later it starts again from the same pickle. The pickle holds run folders, specs and the job's settings; the progress of
a run is only in its folder.
"""

import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Any, NoReturn

from common import lock
from runs.executing.display import Display
from runs.executing.launcher import Launcher
from runs.executing.slurm.budget import verdict
from runs.settings import SlurmSettings
from runs.store import provenance, state
from runs.store.run import Run
from runs.store.state import State
from runs.store.stop import NOTICE, is_cancelled

REQUEUE = os.EX_TEMPFAIL  # exit code on which the batch script requeues the job
POLL = 0.2  # seconds
LOG_PERIOD = 600.0  # seconds between two lines of a run in the job's log: thousands of jobs run for days
INTERVAL = 30.0  # seconds between two reads of a run's state, which are only needed for these lines
RESERVE = 15.0  # seconds of the notice that are reserved for requeueing
SLACK = 90.0  # seconds that the notice may be early: 60 by Slurm's manual, and the start of the job
PATIENCE = 1800.0  # seconds to wait for a lock that a lost node seems to hold
GRACE = 900.0  # seconds to wait for Slurm to end the job after SIGTERM


class SlurmJob:
    """A job's function: submitit pickles it, calls it, and calls `checkpoint` on Slurm's notice."""

    # Before a job starts, a notice has nothing to wait for.
    _launcher: Launcher | None = None
    _ended = True
    _last_moment = math.inf  # for runs to save checkpoints after a notice

    def __init__(self, runs: Sequence[Run], settings: SlurmSettings):
        """Creates the function for the runs that share the job."""
        self.runs = tuple(runs)
        self.settings = settings

    def __call__(self) -> None:
        """Trains the runs that have not ended.

        Raises:
            RuntimeError: a run has failed, so that Slurm shows the job as failed, too.
            SystemExit: the job must be requeued, since its runs were stopped and Slurm has not ended it.
        """
        self._signals: list[int] = []
        self._ended = False
        # In a thread, because submitit's signal handler, which calls `checkpoint`, needs the main thread.
        Thread(target=self._launch, daemon=True).start()
        while not self._ended:
            time.sleep(POLL)
        if self._launcher is None:
            raise RuntimeError("the launcher failed; see the traceback above")
        terminated = [how for how in self._launcher.failed.values() if how.signal == signal.SIGTERM.name]
        if self._launcher.stopped or terminated:
            # SIGTERM reached the runs but not this process: Slurm is about to cancel the job, or to preempt it without
            # notice. If the job ended by itself now, Slurm would not requeue it.
            print("the runs were stopped from outside; waiting for Slurm to end the job", flush=True)
            time.sleep(GRACE)
            if self._to_do():
                sys.exit(REQUEUE)
        locked = [run for run in self._launcher.left if _is_ours(run)]
        failed = [run.name for run in self.runs if run in self._launcher.failed or run in locked or _has_failed(run)]
        if failed:
            raise RuntimeError(f"failed: {', '.join(failed)}")

    def checkpoint(self) -> NoReturn:
        """Lets the runs save checkpoints, and ends this process.

        If this returned, submitit would requeue the job itself. But it would first replace the pickle, which never
        changes here, and for a moment there would be none. It would also need Slurm's commands here, possibly inside a
        container.
        """
        if not self._ended:
            self._signals.append(NOTICE)
        # To be requeued, the job must end before Slurm ends it, even if a run has not saved a checkpoint by then.
        notice = self.settings.notice
        self._last_moment = min(self._last_moment, time.monotonic() + notice - min(RESERVE, notice / 4))
        while not self._ended and time.monotonic() < self._last_moment:
            time.sleep(POLL)
        if self._to_do():
            print("requeueing the job", flush=True)
            sys.exit(REQUEUE)
        sys.exit(1 if any(_has_failed(run) for run in self.runs) else 0)

    def _launch(self) -> None:
        try:
            with Display(period=LOG_PERIOD) as display:
                launcher = Launcher(
                    self._to_do(),
                    len(self.runs),
                    display,
                    self._signals,
                    retry_failed=True,
                    patience=lambda run: PATIENCE if _is_ours(run) else 0.0,
                    deadline=time.time() + 3600 * self.settings.hours - self.settings.notice - SLACK,
                    interval=INTERVAL,
                )
                launcher.run()
                self._launcher = launcher
        finally:
            self._ended = True

    def _to_do(self) -> list[Run]:
        """The runs to start or resume; runs over their budget are recorded as failed."""
        runs = []
        for run in self.runs:
            now = state.read(run.folder)
            failed_here = now.state == "failed" and now.signal is None and now.job == state.slurm_job()
            if now.state == "done" or failed_here or is_cancelled(run.folder):
                continue
            if now.state == "running" or (reason := self._verdict(run)) is None:  # a running one has not failed yet
                runs.append(run)
            else:
                print(f"{run.name}: failed: {reason}", flush=True)
                steps = run.spec.settings.steps
                with suppress(lock.BusyError), lock.held(run.folder):
                    state.write(run.folder, State("failed", now.step, steps, now.return_, error=reason))
        return runs

    def _verdict(self, run: Run) -> str | None:
        from runs.store.checkpoint import Checkpoints

        id_ = os.environ.get("SLURM_JOB_ID")
        attempts = [attempt for attempt in provenance.attempts_of(run.folder) if _job(attempt) == id_]
        restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        return verdict(attempts, Checkpoints(run.folder / "checkpoints").position(), restarts, self.settings)


def _is_ours(run: Run) -> bool:
    """Whether the lock of a run belongs to an earlier attempt of this job.

    If its node was lost, the process is gone, but the file server may take minutes to release the lock.
    """
    recorded = state.recorded(run.folder)
    return recorded.state == "running" and recorded.job == state.slurm_job()


def _has_failed(run: Run) -> bool:
    return state.read(run.folder).state == "failed"


def _job(attempt: dict[str, Any]) -> str | None:
    slurm = attempt.get("slurm")
    return slurm.get("SLURM_JOB_ID") if isinstance(slurm, dict) else None
