"""What the outside learns of a run while it trains, state.json, and what the run learns from there: stop requests."""

import dataclasses
import math
import time
from pathlib import Path

from runs.store import state
from runs.store.state import Phase, State
from runs.store.stop import Stop
from runs.training.progress import Progress


class Stopped(Exception):  # noqa: N818  # an event, not an error
    """The run was asked to stop, and nothing of it is lost."""


class Monitor:
    """Writes state.json as the run goes on, and reports stop requests to it.

    Attributes:
        progress: How far the run has come; before its checkpoint is read, what state.json knows.
        fps: Environment steps a second, None before they are known.
    """

    def __init__(self, folder: Path, steps: int, every: float, stop: Stop):
        """Watches a run.

        Args:
            folder: The run's folder.
            steps: Environment steps of the whole run.
            every: Seconds between two heartbeats.
            stop: Stop requests.
        """
        before = state.read(folder)
        self.progress = Progress(step=before.step, last_return=before.return_)
        self.fps: float | None = None
        self._folder = folder
        self._steps = steps
        self._every = every
        self._stop = stop
        self._began = time.monotonic()
        self._beat = -math.inf

    @property
    def stop_reason(self) -> str:
        """Why the run was asked to stop; empty if it was not."""
        return self._stop.reason

    @property
    def stop_wanted(self) -> bool:
        """Whether the run is asked to stop now."""
        return self._stop.wanted

    @property
    def seconds(self) -> float:
        """Seconds spent on the run by this attempt and those before."""
        return self.progress.seconds + time.monotonic() - self._began

    def check(self) -> None:
        """A heartbeat; call it now and then while something takes long.

        Raises:
            Stopped: the run is asked to stop.
        """
        if self.stop_wanted:
            raise Stopped
        self.heartbeat()

    def heartbeat(self) -> None:
        """Writes the state if the last writing is long enough ago."""
        if time.monotonic() - self._beat > self._every:
            self.write("running")

    def write(self, phase: Phase, error: str | None = None, traceback: str | None = None) -> None:
        """Writes the state now."""
        self._beat = time.monotonic()
        fps = self.fps if phase == "running" else None
        now = State(phase, self.progress.step, self._steps, self.progress.last_return, fps)
        state.write(self._folder, dataclasses.replace(now, error=error, traceback=traceback))
