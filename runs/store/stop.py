"""Stop requests: a signal, `cancel`, or a dead launcher. The run then saves a checkpoint and ends."""

import os
import signal
import time
from pathlib import Path
from types import FrameType

MARK = ".cancel"  # in a run's folder: asks it to stop, also on another machine
INTERVAL = 2.0  # seconds between two checks of the mark: a shared file system is slow
NOTICE = signal.SIGUSR2  # Slurm sends it before a preemption and before the time limit


class Stop:
    """Stop requests to a run, and their reason."""

    def __init__(self, folder: Path, launcher: int | None = None, deadline: float | None = None):
        """Watches a run's folder.

        Args:
            folder: The run's folder.
            launcher: The process id of the launcher; another parent means that the launcher is dead.
            deadline: Time from which a notice means the time limit, in seconds since the epoch.
        """
        self._folder = folder
        self._launcher = launcher
        self._deadline = deadline
        self._checked = time.monotonic()
        self.reason = ""

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        """The signal handler. A notice overrides the reason of other signals, since it is more specific."""
        if number == NOTICE:
            late = self._deadline is not None and time.time() >= self._deadline
            self.reason = "timed out" if late else "preempted"
        elif not self.reason:
            self.reason = "cancelled" if is_cancelled(self._folder) else f"stopped by {signal.Signals(number).name}"

    @property
    def requested(self) -> bool:
        """Whether the run must save a checkpoint and end."""
        if not self.reason and self._launcher is not None and os.getppid() != self._launcher:
            self.reason = "stopped as its launcher is gone"
        if not self.reason and time.monotonic() - self._checked > INTERVAL:
            self._checked = time.monotonic()
            if is_cancelled(self._folder):
                self.reason = "cancelled"
        return bool(self.reason)


def cancel(folder: Path) -> None:
    """Asks a run to stop; also works before it starts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def is_cancelled(folder: Path) -> bool:
    """Whether a run is marked as cancelled."""
    return (folder / MARK).exists()


def allow(folder: Path) -> None:
    """Removes the mark of a cancellation."""
    if is_cancelled(folder):
        (folder / MARK).unlink(missing_ok=True)
