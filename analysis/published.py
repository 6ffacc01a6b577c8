"""Published scores, shown with measured ones."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from analysis.scores import LARGEST, LARGEST_STEP
from analysis.sources.fields import is_name, number
from analysis.sources.score_files import is_points
from common import files
from common.errors import UserError
from common.text import MESSAGE, listed, nearest, quoted, shortened

FOLDER = Path(__file__).parents[1] / "results" / "published"


@dataclass(frozen=True)
class Published:
    """The scores of one method: one number per task, without seeds or intervals.

    Attributes:
        method: The method's display name.
        source: The paper and its table.
        unit: What a score is.
        scores: Task -> score; a task that was not measured is absent.
        steps: Environment steps of training behind a score; None if unknown.
        observations: What the agent observed; empty if unknown.
        note: Caveats of a comparison.
    """

    method: str
    source: str
    unit: str
    scores: Mapping[str, float]
    steps: int | None = None
    observations: str = ""
    note: str = ""

    def score(self, task: str) -> float | None:
        """The method's score on a task; both names of dm_control's ball in cup are accepted."""
        return self.scores.get(task.replace("_ball_in_cup_", "_cup_"))

    @property
    def label(self) -> str:
        """The name in a legend."""
        steps = "" if self.steps is None else f"{self.steps:.0e} steps".replace("e+0", "e")
        known = ", ".join(filter(None, (self.observations, steps)))
        return f"{self.method}, published ({known})" if known else f"{self.method}, published"


def published_names() -> list[str]:
    """All methods in results/published."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_published(names: Sequence[str]) -> list[Published]:
    """The published scores of methods, in the order of their names.

    Args:
        names: Methods of results/published, or files: a .json of the same format or `{task: {method: score}}`, or a
            .csv with one row per task, the column `task` and one column per method, empty where a method was not
            measured.

    Raises:
        UserError: A name is unknown, or a file is malformed.
    """
    methods: list[Published] = []
    for name in names:
        known = published_names()
        if not name.endswith((".csv", ".json")) and name not in known:
            near = nearest(name, known)
            raise UserError(
                f"no published scores named {quoted(name)} in {FOLDER}; there are {', '.join(known) or 'none'}; a "
                f".json or .csv file is also accepted" + (f"; did you mean {near}?" if near else "")
            )
        path = FOLDER / f"{name}.json" if name in known else Path(name)
        found = _read_table(path) if name.endswith(".csv") else _read_points(path) or [_read_object(path)]
        for method in found:
            _check(method, path)
        methods += found
    return methods


def _bytes(path: Path, expected: str = "") -> bytes:
    try:
        return files.read_bytes(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}{expected}") from None


def _check(method: Published, path: Path) -> None:
    """Refuses names that cannot be printed, and numbers that no figure has room for."""
    for name in (method.method, *method.scores):
        if not is_name(name):
            raise UserError(f"{path}: {quoted(name)} is no name of a method or task")
    for task, score in method.scores.items():
        if not abs(score) <= LARGEST:
            raise UserError(f"{path}: the score of {method.method} on {task} is {score:g}; expected a finite number")
    if method.steps is not None and not 0 <= method.steps <= LARGEST_STEP:
        raise UserError(f"{path}: steps of {method.method} must be environment steps up to 1e15")


def _read_object(path: Path) -> Published:
    try:
        return TypeAdapter(Published).validate_json(_bytes(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path}: {shortened(where)}: {shortened(first['msg'], MESSAGE)}") from None


def _read_points(path: Path) -> list[Published]:
    """The methods of a file `{task: {method: score}}`; none if the file is of another form."""
    try:
        content = json.loads(_bytes(path))
    except (ValueError, RecursionError):
        return []
    if not is_points(content):
        return []
    methods = dict.fromkeys(method for scores in content.values() for method in scores)
    return [
        Published(
            method, path.name, "score as in the file",
            {task: number(score) for task, scores in content.items() if (score := scores.get(method)) is not None},
        )
        for method in methods
    ]  # fmt: skip


def _read_table(path: Path) -> list[Published]:
    expected = "a table of published scores has the column task and a column of numbers for each method"
    raw = _bytes(path, f"; {expected}")
    try:
        table = pd.read_csv(io.BytesIO(raw))
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not CSV ({shortened(str(error), MESSAGE)}); {expected}") from None
    if "task" not in table or len(table.columns) < 2:
        columns = shortened(listed(list(map(str, table.columns))), MESSAGE)
        raise UserError(f"{path}: has the columns {columns}; {expected}")
    tasks = table["task"].astype(str)
    if doubled := sorted(set(tasks[tasks.duplicated()])):
        raise UserError(f"{path}: two rows of {shortened(doubled[0])}; each task has one row")
    methods = []
    for method in table.columns.drop("task"):
        if not pd.api.types.is_numeric_dtype(table[method]):
            raise UserError(f"{path}: the column {shortened(str(method))} has values that are not numbers; {expected}")
        scores = table.set_index("task")[method].dropna()
        methods.append(
            Published(
                str(method),
                path.name,
                "score as in the table",
                {str(task): float(score) for task, score in scores.items()},
            )
        )
    return methods
