"""Scales of normalisation: random play and a human on Atari, random actions elsewhere, or a file of scales."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from analysis.scores import LARGEST
from common import files
from common.errors import UserError
from common.text import nearest, shortened
from envs.registry import canonical

FOLDER = Path(__file__).parents[1] / "results" / "published" / "references"
RANDOM = FOLDER / "random.json"
ACTION_REPEAT = 2  # of the random actions whose return counts as 0: one scale for all variants

SCALE = ("task", "low", "high")  # columns of a file of scales


@dataclass(frozen=True)
class Scale:
    """The returns of a task that count as 0 and as 1."""

    low: float
    high: float


@dataclass(frozen=True)
class References:
    """Two scores per game.

    Attributes:
        source: Where they are published.
        unit: The unit of a score.
        random: Task -> score of uniformly random actions.
        human: Task -> score of a practised human.
    """

    source: str
    unit: str
    random: Mapping[str, float]
    human: Mapping[str, float]


@cache
def references() -> References:
    """The scores in results/published/references/atari.json."""
    return TypeAdapter(References).validate_json((FOLDER / "atari.json").read_bytes())


@dataclass(frozen=True)
class RandomReturn:
    """What random actions get on a task.

    Attributes:
        task: The task; not an alias.
        action_repeat: Environment steps for which each action is repeated.
        mean: Mean return of an episode.
    """

    task: str
    action_repeat: int
    mean: float


@dataclass(frozen=True)
class RandomReturns:
    """The returns of random actions.

    Attributes:
        source: What measured them.
        rows: One for each task and action repeat.
    """

    source: str
    rows: Sequence[RandomReturn]


@cache
def random_returns() -> RandomReturns:
    """The returns in results/published/references/random.json."""
    return TypeAdapter(RandomReturns).validate_json(RANDOM.read_bytes())


def random_return(task: str) -> float | None:
    """The mean return of random actions at `ACTION_REPEAT`, None if unknown."""
    rows = random_returns().rows
    return next((row.mean for row in rows if (row.task, row.action_repeat) == (canonical(task), ACTION_REPEAT)), None)


def read_scales(path: Path) -> dict[str, Scale]:
    """Task -> scale, from a CSV file with the columns task, low and high; other columns are ignored.

    Raises:
        UserError: The file cannot be read or lacks a column; a task has two lines; low and high are equal or not
            finite.
    """
    try:
        text = files.read_bytes(path).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        lines, columns = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        near = nearest(path.name, [other.name for other in path.parent.glob("*.csv")])
        hint = f"; did you mean {path.parent / near}?" if near and near != path.name else ""
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"normalization {path}: cannot be read ({reason}); expected a CSV file with the columns task, low, high"
            + hint
        ) from error
    for column in SCALE:
        if column not in columns:
            near = nearest(column, columns)
            hint = f"; did you mean {near}?" if near else ""
            raise UserError(
                f"normalization {path}: no column {column}; its columns are {', '.join(columns) or 'none'}{hint}"
            )
    scales: dict[str, Scale] = {}
    for number, line in enumerate(lines, 2):
        where, task = f"normalization {path}, line {number}", (line["task"] or "").strip()
        if task in scales:
            raise UserError(f"{where}: second line of {task}; each task has one line")
        scales[task] = Scale(_number(line, "low", where), _number(line, "high", where))
        if not abs(scales[task].high - scales[task].low) >= 1 / LARGEST:
            raise UserError(
                f"{where}: low and high of {task} are both {scales[task].low:g}; the returns that count as 0 "
                "and as 1 must differ"
            )
    return scales


def _number(line: Mapping[str, str | None], column: str, where: str) -> float:
    text = line[column] or ""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= LARGEST:
        shown = shortened(text) or "empty"
        raise UserError(f"{where}: {column} of {line['task']} is {shown}; expected a finite number")
    return number
