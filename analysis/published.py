"""Scores that papers printed, to draw beside one's own."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from analysis.errors import AnalysisError

FOLDER = Path(__file__).parents[1] / "results" / "published"


@dataclass(frozen=True)
class Published:
    """One method's scores: a point a task, without seeds or intervals.

    Attributes:
        method: The method's name in print.
        source: The paper, and the table in it.
        unit: What a score is.
        steps: Environment steps of training behind a score.
        observations: What the agent saw.
        scores: Task -> score, tasks that were not measured absent.
        note: What to know before comparing.
    """

    method: str
    source: str
    unit: str
    steps: int
    observations: str
    scores: Mapping[str, float]
    note: str

    def score(self, task: str) -> float | None:
        """The method's score on a task, by either of the names of dm_control's ball in cup."""
        return self.scores.get(task.replace("_ball_in_cup_", "_cup_"))

    @property
    def label(self) -> str:
        """How a legend names it."""
        return f"{self.method}, published ({self.observations}, {self.steps:.0e} steps)".replace("e+0", "e")


def published_names() -> list[str]:
    """All methods with published scores here."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_published(name: str) -> Published:
    """The published scores of a method.

    Raises:
        AnalysisError: If there are none under that name, or the file does not hold what `Published` says.
    """
    names = published_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(names) or "none"
        raise AnalysisError(f"no published scores named {name!r} in {FOLDER}; there are {known}.{hint}")
    path = FOLDER / f"{name}.json"
    try:
        return TypeAdapter(Published).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise AnalysisError(f"{path}: {where}: {first['msg']}") from None
