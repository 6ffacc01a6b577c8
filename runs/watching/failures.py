"""What went wrong, once for each cause: failed runs grouped by equal tracebacks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runs.watching.status import RunStatus

SHOWN = 5  # runs that are named
TAIL = 8  # lines of a traceback or log that are shown


@dataclass(frozen=True)
class Cause:
    """Failed runs whose tracebacks are equal but for numbers, addresses and their own folders' names."""

    rows: Sequence[RunStatus]

    @property
    def text(self) -> str:
        """The first run's error and traceback, and which runs have failed so."""
        first = self.rows[0]
        names = ", ".join(row.name for row in self.rows[:SHOWN])
        more = f" and {len(self.rows) - SHOWN:,} more" if len(self.rows) > SHOWN else ""
        tail = (first.said.traceback or "").rstrip().splitlines()[-TAIL:]
        head = f"{len(self.rows):,} failed: {first.said.error or 'it did not say why'}"
        return "\n".join([head, f"  {names}{more}", *(f"    {line}" for line in tail)])


def digest(rows: Sequence[RunStatus]) -> list[Cause]:
    """The causes of the failures among some runs, the most frequent first."""
    causes: dict[str, list[RunStatus]] = {}
    for row in rows:
        if row.state == "failed":
            causes.setdefault(_key(row), []).append(row)
    return [Cause(same) for same in sorted(causes.values(), key=len, reverse=True)]


def _key(row: RunStatus) -> str:
    """What is the same of one cause in all runs."""
    text = f"{row.said.error}\n{row.said.traceback}"
    for own in (str(row.folder.absolute()), str(row.folder), row.name):
        text = text.replace(own, "RUN")
    return re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "N", text)
