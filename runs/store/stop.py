"""Wishes that a run save itself and end: by a signal, by a person far away, or because its launcher is gone."""

import os
import signal
import time
from pathlib import Path
from types import FrameType

MARK = ".cancel"  # in a run's folder: somebody wants it to stop, on whatever machine it is
GLANCE = 2.0  # seconds between two looks for the mark: a shared file system is slow
NOTICE = signal.SIGUSR2  # what Slurm sends ahead of a preemption or of the time limit


class Stop:
    """A wish to stop, and why."""

    def __init__(self, folder: Path, launcher: int | None = None, deadline: float | None = None):
        """Watches a run's folder.

        Args:
            folder: The run's folder.
            launcher: The process id that this process's parent has to keep, or else the launcher is gone.
            deadline: Seconds of the epoch from which on a notice is one of the time limit.
        """
        self._folder = folder
        self._launcher = launcher
        self._deadline = deadline
        self._glanced = time.monotonic()
        self.reason = ""

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        """Asks; has the signature of a signal handler. A notice tells more than a signal that came with it."""
        if number == NOTICE:
            late = self._deadline is not None and time.time() >= self._deadline
            self.reason = "timed out" if late else "preempted"
        elif not self.reason:
            self.reason = "cancelled" if is_cancelled(self._folder) else f"stopped by {signal.Signals(number).name}"

    @property
    def wanted(self) -> bool:
        """Whether the run should save itself and end."""
        if not self.reason and self._launcher is not None and os.getppid() != self._launcher:
            self.reason = "stopped as its launcher is gone"
        if not self.reason and time.monotonic() - self._glanced > GLANCE:
            self._glanced = time.monotonic()
            if is_cancelled(self._folder):
                self.reason = "cancelled"
        return bool(self.reason)


def cancel(folder: Path) -> None:
    """Asks a run to stop, also one that has not started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def is_cancelled(folder: Path) -> bool:
    """Whether somebody has asked a run to stop."""
    return (folder / MARK).exists()


def allow(folder: Path) -> None:
    """Forgets that anybody asked."""
    if is_cancelled(folder):
        (folder / MARK).unlink(missing_ok=True)
