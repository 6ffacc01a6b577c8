"""Validation of numbers, seeds and names in files of other programs."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.text import quoted

SHOWN = 5  # names in a note
LARGEST_SEED = 2**53  # floats represent integers exactly up to here


def is_number(value: object) -> bool:
    """Whether a JSON value is a number."""
    return type(value) in (float, int)


def number(value: Any) -> float:
    """A JSON value as a float: NaN if it is not a number, infinite if it is too large for a float."""
    try:
        return float(value) if is_number(value) else math.nan
    except OverflowError:
        return math.inf


def is_name(value: object) -> bool:
    """Whether a value can name a task, a variant or a suite."""
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def numbered(texts: Iterable[str], taken: Iterable[int]) -> dict[str, int]:
    """Seed that is text -> its number: in the order of appearance, after the seeds that are numbers."""
    return {text: number for number, text in enumerate(dict.fromkeys(texts), int(max(taken, default=-1)) + 1)}


def note_on(numbers: Mapping[str, int], path: Path) -> list[str]:
    """What is to be said about seeds that were numbered, if any were."""
    named = [f"{text} is {number}" for text, number in numbers.items()]
    more = f" and {len(named) - SHOWN:,} more" if len(named) > SHOWN else ""
    return [f"{path.name}: seeds that are text are numbered: {', '.join(named[:SHOWN])}{more}"] if numbers else []


def seed(value: object, where: str) -> int:
    """A seed as an integer, from an integer, a whole float or digits as text.

    Raises:
        UserError: The seed is negative or anything else.
    """
    found = number(int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 20 else value)
    if not found.is_integer() or not 0 <= found < LARGEST_SEED:
        raise UserError(f"{where}: the seed must be an integer from 0 on, not {quoted(value)}")
    return int(found)
