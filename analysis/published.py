"""Published scores, shown with measured ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from analysis.sources.score_files import is_points
from common.errors import UserError
from common.text import nearest

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
        if name.endswith(".csv"):
            methods += _read_table(Path(name))
        elif name.endswith(".json"):
            methods += _read_points(Path(name)) or [_read_object(Path(name))]
        elif name in (known := published_names()):
            methods.append(_read_object(FOLDER / f"{name}.json"))
        else:
            near = nearest(name, known)
            raise UserError(
                f"no published scores named {name!r} in {FOLDER}; there are {', '.join(known) or 'none'}; a "
                f".json or .csv file is also accepted." + (f" Did you mean {near!r}?" if near else "")
            )
    return methods


def _read_object(path: Path) -> Published:
    try:
        return TypeAdapter(Published).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path}: {where}: {first['msg']}") from None


def _read_points(path: Path) -> list[Published]:
    """The methods of a file `{task: {method: score}}`; none if the file is of another form."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    if not is_points(content):
        return []
    methods = dict.fromkeys(method for scores in content.values() for method in scores)
    return [
        Published(
            method, path.name, "score as in the file",
            {task: float(score) for task, scores in content.items() if (score := scores.get(method)) is not None},
        )
        for method in methods
    ]  # fmt: skip


def _read_table(path: Path) -> list[Published]:
    expected = "a table of published scores has the column task and a column of numbers for each method"
    try:
        table = pd.read_csv(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; {expected}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not CSV ({error}); {expected}") from None
    if "task" not in table or len(table.columns) < 2:
        raise UserError(f"{path}: has the columns {', '.join(map(str, table.columns))}; {expected}")
    if doubled := sorted(set(table["task"][table["task"].duplicated()])):
        raise UserError(f"{path}: two rows of {doubled[0]}; each task has one row")
    methods = []
    for method in table.columns.drop("task"):
        if not pd.api.types.is_numeric_dtype(table[method]):
            raise UserError(f"{path}: the column {method} has values that are not numbers; {expected}")
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
