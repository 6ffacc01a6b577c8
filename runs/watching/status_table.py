"""Tables of runs for a terminal: how each stands, or each task and variant where there are too many."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from common.text import counted, ranges
from runs.watching.failures import digest
from runs.watching.status import STANDINGS, RunStatus

if TYPE_CHECKING:
    pass

MAX_ROWS = 200  # rows of a table before it is grouped, and groups before it is cut
NUMBERS = ("step", "steps", "steps/s", "ETA", "return")
PLACES = ("node", "job")


def console() -> Console:
    """Where tables go: standard output, with names as they are."""
    width = None if sys.stdout.isatty() else 1000  # a pipe or file has no edge to fold names at
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
    """Prints the table of some runs, how many are in each state, and why some have failed."""
    console().print(table(rows))
    if (cut := len(groups(rows)) - MAX_ROWS) > 0:
        print(f"... and {cut:,} more (--only shows fewer, status --json shows all)")
    print(counts(rows))
    for cause in digest(rows):
        print(f"\n{cause.text}")


def counts(rows: Sequence[RunStatus]) -> str:
    """How many runs are in each state, in words."""
    return f"{counted(len(rows), 'run')}: {_states(rows)}"


def groups(rows: Sequence[RunStatus]) -> list[list[RunStatus]]:
    """The runs that share a row: each its own, or by task and variant if there are too many."""
    if len(rows) <= MAX_ROWS:
        return [[row] for row in rows]
    found: dict[tuple[str, str, str], list[RunStatus]] = {}
    for row in rows:
        found.setdefault((row.spec.suite, row.spec.task, row.spec.variant), []).append(row)
    return list(found.values())


def to_json(row: RunStatus) -> dict[str, Any]:
    """A run as `status --json` prints it; times in seconds, `heartbeat` of the epoch."""
    return {
        "suite": row.spec.suite,
        "task": row.spec.task,
        "variant": row.spec.variant,
        "seed": row.spec.seed,
        "state": row.state,
        "step": row.said.step,
        "steps": row.steps,
        "fps": row.fps,
        "eta": row.eta,
        "return": row.said.return_,
        "heartbeat": row.said.heartbeat,
        "node": row.node,
        "job": row.job_id,
        "reason": (row.job.reason if row.job else "") or None,
        "error": row.said.error if row.state == "failed" else None,
        "folder": str(row.folder),
    }


def _cells(rows: Sequence[RunStatus]) -> list[str]:
    first = rows[0]
    returns = [row.said.return_ for row in rows if row.said.return_ is not None]
    speeds = [row.fps for row in rows if row.fps]
    etas = [row.eta for row in rows if row.eta is not None]
    return [
        first.spec.task,
        first.spec.variant,
        ranges(sorted(row.spec.seed for row in rows)),
        _state(first) if len(rows) == 1 else _states(rows),
        f"{sum(row.said.step for row in rows):,}",
        f"{sum(row.steps for row in rows):,}",
        f"{sum(speeds):,.1f}" if speeds else "-",
        str(timedelta(seconds=round(max(etas)))) if etas else "-",
        f"{sum(returns) / len(returns):.1f}" if returns else "-",
        _listed([row.node for row in rows]),
        _listed([row.job_id for row in rows]),
    ]


def _states(rows: Sequence[RunStatus]) -> str:
    found = Counter(row.state for row in rows)
    return ", ".join(f"{found[state]:,} {state}" for state in STANDINGS if state in found)


def _state(row: RunStatus) -> str:
    waits = row.state == "queued" and row.job is not None and row.job.reason
    return f"{row.state} ({row.job.reason})" if waits and row.job else row.state


def _listed(names: Sequence[str | None]) -> str:
    """Different names, or how many if there are several."""
    different = list(dict.fromkeys(name for name in names if name))
    return different[0] if len(different) == 1 else f"{len(different)}" if different else "-"
