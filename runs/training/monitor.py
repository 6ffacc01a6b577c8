"""The connection of a training run to the outside: it writes state.json and receives stop requests."""

import dataclasses
import math
import time
from pathlib import Path

from common.lock import Lock
from runs.store import state
from runs.store.state import Phase, State
from runs.store.stop import Stop
from runs.training.progress import Progress


class Stopped(Exception):  # noqa: N818  # an event, not an error
    """The run was asked to stop; nothing is lost."""


class Monitor:
    """Writes state.json while the run trains, and reports to it stop requests and the loss of its lock.

    Attributes:
        progress: The progress of the run; before its checkpoint is read, that of state.json.
        fps: Environment steps per second; None until they are known.
    """

    def __init__(self, folder: Path, steps: int, every: float, stop: Stop, lock: Lock):
        """Watches a run.

        Args:
            folder: The run's folder.
            steps: Environment steps of the whole run.
            every: Seconds between two heartbeats.
            stop: Stop requests.
            lock: The lock of the folder.
        """
        before = state.read(folder)
        self.progress = Progress(step=before.step, last_return=before.return_)
        self.fps: float | None = None
        self._folder = folder
        self._steps = steps
        self._every = every
        self._stop = stop
        self._lock = lock
        self._began = time.monotonic()
        self._beat = -math.inf

    @property
    def stop_reason(self) -> str:
        """Why the run was asked to stop; empty if it was not."""
        return self._stop.reason

    @property
    def stop_requested(self) -> bool:
        """Whether the run is asked to stop now."""
        return self._stop.requested

    @property
    def seconds(self) -> float:
        """Seconds spent on the run by this and earlier attempts."""
        return self.progress.seconds + time.monotonic() - self._began

    def check(self) -> None:
        """A heartbeat; call it regularly in slow operations.

        Raises:
            Stopped: the run is asked to stop.
            common.lock.BusyError: another process has taken the run over.
        """
        if self.stop_requested:
            raise Stopped
        self.heartbeat()

    def check_lock(self) -> None:
        """Verifies that the run is still this process's; call it before each write to its folder.

        Raises:
            common.lock.BusyError: another process has taken the run over.
        """
        self._lock.check()

    def heartbeat(self) -> None:
        """Writes the state if the last write is long enough ago; checks the lock in any case."""
        self.check_lock()
        if time.monotonic() - self._beat > self._every:
            self.write("running")

    def write(self, phase: Phase, error: str | None = None, traceback: str | None = None) -> None:
        """Writes the state now."""
        self.check_lock()
        self._beat = time.monotonic()
        fps = self.fps if phase == "running" else None
        now = State(phase, self.progress.step, self._steps, self.progress.last_return, fps)
        damage = self.progress.losses or None
        state.write(self._folder, dataclasses.replace(now, error=error, traceback=traceback, damage=damage))
