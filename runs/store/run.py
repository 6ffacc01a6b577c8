"""A run and its folder on disk."""

from dataclasses import dataclass
from pathlib import Path

from suites.plan import RunSpec

OUTPUT = "output.log"  # in a run's folder: the output of its processes


@dataclass(frozen=True)
class Run:
    """A run and its folder."""

    spec: RunSpec
    folder: Path

    @property
    def name(self) -> str:
        """The run's name in messages."""
        return self.spec.name
