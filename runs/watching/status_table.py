"""Tables of runs for a terminal: the status of each, or of each task and variant if there are many."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from common.text import counted, duration, printable, ranges, shortened
from runs.watching.failures import digest
from runs.watching.status import RUN_STATES, RunStatus

MAX_ROWS = 200  # with more runs, the table is grouped; with more groups, it is cut
NUMBERS = ("step", "steps", "steps/s", "ETA", "return")
PLACES = ("node", "job")


def console() -> Console:
    """The console for tables: standard output, without markup."""
    width = None if sys.stdout.isatty() else 1000  # names are not folded in a pipe or file
    return Console(width=width, highlight=False, markup=False, emoji=False)


def table(rows: Sequence[RunStatus]) -> Table:
    """A row for each run, or for each task and variant if there are more than `MAX_ROWS` runs."""
    many = len(rows) > MAX_ROWS
    drawn = Table(box=None, pad_edge=False)
    for header in ("task", "variant", "seeds" if many else "seed", "state"):
        drawn.add_column(header, overflow="fold")
    for header in NUMBERS:
        drawn.add_column(header, justify="right", no_wrap=True)
    for header in PLACES:
        drawn.add_column(header, overflow="fold")
    for group in groups(rows)[:MAX_ROWS]:
        drawn.add_row(*_cells(group))
    return drawn


def show(rows: Sequence[RunStatus]) -> None:
    """Prints the table of some runs, the number in each state, and the causes of failures."""
    console().print(table(rows))
    if (cut := len(groups(rows)) - MAX_ROWS) > 0:
        print(f"... and {cut:,} more (--only shows fewer, status --json shows all)")
    print(counts(rows))
    for row in rows:
        for loss in row.recorded.damage or ():
            print(f"damaged: {row.name}: {printable(loss)}")
    for cause in digest(rows):
        print(f"\n{printable(cause.text)}")


def counts(rows: Sequence[RunStatus]) -> str:
    """The number of runs in each state, as text."""
    return f"{counted(len(rows), 'run')}: {_states(rows)}"


def groups(rows: Sequence[RunStatus]) -> list[list[RunStatus]]:
    """The runs of each row: a single one, or those of a task and variant if there are many."""
    if len(rows) <= MAX_ROWS:
        return [[row] for row in rows]
    found: dict[tuple[str, str, str], list[RunStatus]] = {}
    for row in rows:
        found.setdefault((row.run.suite, row.run.task, row.run.variant), []).append(row)
    return list(found.values())


def to_json(row: RunStatus) -> dict[str, Any]:
    """A run as `status --json` prints it; times are in seconds, `heartbeat` since the epoch."""
    return {
        "suite": row.run.suite,
        "task": row.run.task,
        "variant": row.run.variant,
        "seed": row.run.seed,
        "state": row.state,
        "step": row.recorded.step,
        "steps": row.steps or None,
        "fps": row.fps,
        "eta": row.eta,
        "return": row.recorded.return_,
        "heartbeat": row.recorded.heartbeat,
        "node": row.node,
        "job": row.job_id,
        "reason": (row.job.reason if row.job else "") or None,
        "error": row.recorded.error if row.state == "failed" else None,
        "damage": row.recorded.damage,
        "folder": str(row.folder),
    }


def _cells(rows: Sequence[RunStatus]) -> list[str]:
    first = rows[0]
    returns = [row.recorded.return_ for row in rows if row.recorded.return_ is not None]
    speeds = [row.fps for row in rows if row.fps]
    etas = [row.eta for row in rows if row.eta is not None]
    return [
        first.run.task,
        first.run.variant,
        ranges(sorted(row.run.seed for row in rows)),
        _state(first) if len(rows) == 1 else _states(rows),
        f"{sum(row.recorded.step for row in rows):,}",
        f"{steps:,}" if (steps := sum(row.steps for row in rows)) else "-",
        f"{sum(speeds):,.1f}" if speeds else "-",
        duration(max(etas)) if etas else "-",
        f"{sum(returns) / len(returns):.1f}" if returns else "-",
        _listed([row.node for row in rows]),
        _listed([row.job_id for row in rows]),
    ]


def _states(rows: Sequence[RunStatus]) -> str:
    found = Counter(row.state for row in rows)
    return ", ".join(f"{found[state]:,} {state}" for state in RUN_STATES if state in found)


def _state(row: RunStatus) -> str:
    waits = row.state == "queued" and row.job is not None and row.job.reason
    return f"{row.state} ({row.job.reason})" if waits and row.job else row.state


def _listed(names: Sequence[str | None]) -> str:
    """The name if all are equal, else the number of different ones."""
    different = list(dict.fromkeys(shortened(name) for name in names if name))
    return different[0] if len(different) == 1 else f"{len(different)}" if different else "-"
