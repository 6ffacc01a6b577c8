"""Failed runs, grouped by cause: by equal tracebacks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runs.watching.status import RunStatus

SHOWN = 5  # runs listed by name
TAIL = 8  # lines of a traceback or log that are shown


@dataclass(frozen=True)
class Cause:
    """Failed runs whose tracebacks are equal except for numbers, addresses and the names of their folders."""

    rows: Sequence[RunStatus]

    @property
    def text(self) -> str:
        """The first run's error and traceback, and the names of the runs."""
        first = self.rows[0]
        names = ", ".join(row.name for row in self.rows[:SHOWN])
        more = f" and {len(self.rows) - SHOWN:,} more" if len(self.rows) > SHOWN else ""
        tail = (first.recorded.traceback or "").rstrip().splitlines()[-TAIL:]
        head = f"{len(self.rows):,} failed: {first.recorded.error or 'no error recorded'}"
        return "\n".join([head, f"  {names}{more}", *(f"    {line}" for line in tail)])


def digest(rows: Sequence[RunStatus]) -> list[Cause]:
    """The causes of the failures among some runs, the most frequent first."""
    causes: dict[str, list[RunStatus]] = {}
    for row in rows:
        if row.state == "failed":
            causes.setdefault(_key(row), []).append(row)
    return [Cause(same) for same in sorted(causes.values(), key=len, reverse=True)]


def _key(row: RunStatus) -> str:
    """The part of error and traceback that is equal in all runs with the same cause."""
    text = f"{row.recorded.error}\n{row.recorded.traceback}"
    for own in (str(row.folder.absolute()), str(row.folder), row.name):
        text = text.replace(own, "RUN")
    return re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "N", text)
