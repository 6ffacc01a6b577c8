"""A launcher's progress display: bars on a terminal, else plain lines."""

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from common.text import duration, printable
from runs.store.state import State


class Display:
    """Shows progress on standard output; use it as a context manager."""

    def __init__(self, console: Console | None = None, period: float = 10.0):
        """Draws bars on a terminal, else prints a line for each run, at most once per period in seconds."""
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._period = period
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[text]}", markup=False),
            )
            self._bars = Progress(*columns, console=self._console, auto_refresh=False)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def note(self, text: str) -> None:
        """Prints lines permanently, above the bars."""
        self._console.print(printable(text), markup=False, highlight=False)

    def update(self, states: Mapping[str, State]) -> None:
        """Shows the active runs by name; bars of other runs are removed."""
        for name, now in states.items():
            if self._bars is not None:
                if name not in self._tasks:
                    self._tasks[name] = self._bars.add_task(name, text="")
                self._bars.update(self._tasks[name], completed=now.step, total=now.steps or None, text=describe(now))
            elif self._is_due(name, now):
                self.note(f"{name}: {describe(now)}")
        for name in [name for name in self._tasks if name not in states]:
            assert self._bars is not None  # names have bars
            self._bars.remove_task(self._tasks.pop(name))
        if self._bars is not None:
            self._bars.refresh()

    def _is_due(self, name: str, now: State) -> bool:
        when, step = self._last.get(name, (float("-inf"), 0))
        if now.step == step or time.monotonic() - when < self._period:
            return False
        self._last[name] = (time.monotonic(), now.step)
        return True


def describe(now: State) -> str:
    """Step, return, environment steps per second and remaining time, as far as known."""
    parts = [f"step {now.step:,} of {now.steps:,}"]
    if now.return_ is not None:
        parts.append(f"return {now.return_:.1f}")
    if now.fps and now.fps > 0:
        left = duration(max(0, now.steps - now.step) / now.fps)  # the last action may go beyond
        parts += [f"{now.fps:.1f} steps/s", f"ETA {left}"]
    return ", ".join(parts)
