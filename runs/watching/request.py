"""A request for runs."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from runs.settings import SlurmSettings
from runs.watching import gone
from runs.watching.jobs import Queue
from runs.watching.status import RunStatus, statuses
from suites.plan import RunSpec


@dataclass(frozen=True)
class RunRequest:
    """The runs of a suite, and how to execute them.

    Attributes:
        specs: The plan.
        names: The names of all runs of the suite, also of those that the plan leaves out.
        results: Root of all results.
        slurm: What jobs request from the cluster.
        retry_failed: Whether to retry failed runs; those killed by a signal are always retried.
        replace: Whether to move runs with changed settings aside.
    """

    specs: Sequence[RunSpec]
    names: Set[str]
    results: Path
    slurm: SlurmSettings
    retry_failed: bool = False
    replace: bool = False

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.specs[0].suite

    def look(self, queue: Queue) -> list[RunStatus]:
        """The status of each run, given the queues."""
        return statuses(self.specs, self.results, queue, self.slurm.stale)

    def gone(self, queue: Queue) -> list[RunStatus]:
        """The status of each run on disk or in the queues that the suite no longer names."""
        return statuses(gone.runs(self.suite, self.names, self.results, queue), self.results, queue, self.slurm.stale)
