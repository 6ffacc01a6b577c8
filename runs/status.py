"""How far each run of a suite is, from the outside; imports nothing heavy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runs import state
from runs.state import Phase
from suites.plan import RunSpec


@dataclass(frozen=True)
class RunStatus:
    """One row of a status table; `step` and `steps` count environment steps."""

    task: str
    variant: str
    seed: int
    state: Phase
    step: int
    steps: int
    return_: float | None


def statuses(specs: Sequence[RunSpec], results: Path) -> list[RunStatus]:
    """The status of each run, in the order of the specs; runs that were never started are pending."""
    rows = []
    for spec in specs:
        found = state.read(spec.folder(results))
        rows.append(
            RunStatus(spec.task, spec.variant, spec.seed, found.state, found.step, spec.settings.steps, found.return_)
        )
    return rows
