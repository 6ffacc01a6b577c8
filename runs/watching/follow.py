"""Follows runs of other processes: a live table on a terminal, else a line for each change."""

import time
from collections.abc import Callable, Sequence

from rich.console import Group
from rich.live import Live
from rich.text import Text

from runs.watching import status_table
from runs.watching.jobs import Queue
from runs.watching.status import RunStatus

PERIOD = 5.0  # seconds between two updates; each is one call of squeue


def follow(ask: Callable[[], Queue], look: Callable[[Queue], Sequence[RunStatus]]) -> Sequence[RunStatus]:
    """Shows the status of runs until none is queued or running; returns the final status.

    Args:
        ask: Reads the queues; if Slurm does not answer, it is called again.
        look: Returns the status of the runs, given the queues.
    """
    console, shown = status_table.console(), ""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            began = time.monotonic()
            queue = ask()
            if not queue.warnings:
                rows = look(queue)
                if not any(row.is_active for row in rows):
                    return rows
            now = "; ".join(queue.warnings) or status_table.counts(rows)
            if console.is_terminal:
                live.update(Group(status_table.table(rows), now) if not queue.warnings else Text(now), refresh=True)
            elif now != shown:
                shown = now
                print(f"{time.strftime('%H:%M:%S')} {now}", flush=True)
            time.sleep(max(PERIOD, 10 * (time.monotonic() - began)))  # thousands of runs take longer to read
