"""What may stand for a number, a seed or a name in files that others wrote."""

import math
from typing import Any

from analysis.errors import AnalysisError

LARGEST_SEED = 2**53  # up to which floats hold integers exactly


def is_number(value: object) -> bool:
    """Whether a value of JSON is a number."""
    return type(value) in (float, int)


def number(value: Any) -> float:
    """A value of JSON as a float: NaN for what is no number, infinite for what no float can hold."""
    try:
        return float(value) if is_number(value) else math.nan
    except OverflowError:
        return math.inf


def is_name(value: object) -> bool:
    """Whether a value can name a task, a variant or a suite."""
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def seed(value: object, where: str) -> int:
    """A seed as an integer; writers of files also put it down as text or as a float without a fraction.

    Raises:
        AnalysisError: If it is something else, or negative.
    """
    found = number(int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 20 else value)
    if not found.is_integer() or not 0 <= found < LARGEST_SEED:
        raise AnalysisError(f"{where}: the seed must be an integer from 0 on, not {value!r}")
    return int(found)
