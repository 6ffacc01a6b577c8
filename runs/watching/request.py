"""Runs, and what is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runs.settings import SlurmSettings
from runs.watching.jobs import Queue
from runs.watching.status import RunStatus, statuses
from suites.plan import RunSpec


@dataclass(frozen=True)
class RunRequest:
    """Runs, and how they are wanted.

    Attributes:
        specs: The plan.
        results: Root of all results.
        slurm: What jobs ask of a cluster.
        retry_failed: Whether runs that have failed by themselves are to be tried again.
        replace: Whether runs whose settings have changed are moved aside.
    """

    specs: Sequence[RunSpec]
    results: Path
    slurm: SlurmSettings
    retry_failed: bool = False
    replace: bool = False

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.specs[0].suite

    def look(self, queue: Queue) -> list[RunStatus]:
        """How the runs stand, by a look at the queues."""
        return statuses(self.specs, self.results, queue, self.slurm.stale)
