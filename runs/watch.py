"""A live table of runs that others run: drawn over itself on a terminal, a line for each change elsewhere."""

import time
from collections.abc import Callable, Sequence

from rich.live import Live

from runs import tables
from runs.status import RunStatus

PERIOD = 5.0  # seconds between two looks; each is one question to Slurm


def follow(look: Callable[[], Sequence[RunStatus]]) -> Sequence[RunStatus]:
    """Shows how runs stand until none is queued or running; returns how they stand then.

    Args:
        look: Says how they stand now.
    """
    console = tables.console()
    rows, told = look(), ""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while any(row.state in ("queued", "running") for row in rows):
            if console.is_terminal:
                live.update(tables.table(rows), refresh=True)
            elif (now := tables.counts(rows)) != told:
                told = now
                print(f"{time.strftime('%H:%M:%S')} {told}", flush=True)
            time.sleep(PERIOD)
            rows = look()
    return rows
