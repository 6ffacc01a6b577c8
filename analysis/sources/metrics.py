"""All numbers in a run's metrics.jsonl, by metric."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from analysis.scores import LARGEST_STEP, Points
from analysis.sources.columns import is_step
from analysis.sources.fields import number

Array = NDArray[np.float64]
STEP = "step"
NUMBERS = {float, int, type(None)}


def step_of(raw: bytes, given: str = "") -> str:
    """The key of the steps: the given one if there is any, or the only other name of a step if there is no `step`."""
    if given and json.dumps(given).encode() in raw:
        return given
    if b'"step"' in raw:
        return STEP
    names = [name for name in _object(raw.partition(b"\n")[0]) or {} if is_step(name)]
    return names[0] if len(names) == 1 else STEP


def parse(raw: bytes, step: str = STEP) -> tuple[dict[str, Points], int]:
    """Reads every metric of a run, with the steps under the key `step`.

    Null is NaN. A metric that is never a number or null, such as a list or text, is left out. The value of
    `<prefix>/episodes` on a line applies to all metrics with the prefix on that line.

    Returns:
        Metric -> its values in the order of the lines, and the number of lines that are not a JSON object with a step
        up to `LARGEST_STEP`.
    """
    rows_of: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}  # lines with equal names are converted together
    torn = 0
    for place, text in enumerate(raw.splitlines()):
        line = _object(text)
        if line is None:
            torn += bool(text.strip())
        else:
            rows_of.setdefault(tuple(line), []).append((place, *line.values()))
    parts: dict[str, list[tuple[Array, Points]]] = {}
    measured: set[str] = set()
    for names, rows in rows_of.items():
        places, *columns = zip(*rows, strict=True)
        kinds_of = {name: set(map(type, column)) for name, column in zip(names, columns, strict=True)}
        column_of = {name: _floats(column, kinds_of[name]) for name, column in zip(names, columns, strict=True)}
        steps = column_of.pop(step, np.full(len(places), np.nan))
        whole = np.abs(steps) <= LARGEST_STEP
        torn += len(places) - int(whole.sum())
        for name, column in column_of.items():
            episodes = _episodes(name, column_of, len(places))
            points = Points(steps[whole], column[whole], episodes[whole])
            parts.setdefault(name, []).append((np.array(places)[whole], points))
        measured |= {name for name, kinds in kinds_of.items() if kinds & NUMBERS}
    return {name: _joined(found) for name, found in parts.items() if name in measured}, torn


def _object(text: bytes) -> dict[str, Any] | None:
    """The JSON object of a line, None if it has none."""
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            line = json.loads(text.decode())  # which also accepts NaN and Infinity
        except (ValueError, RecursionError):
            return None
    return line if isinstance(line, dict) else None


def _floats(column: Sequence[Any], kinds: set[type]) -> Array:
    """The values of one metric, NaN if a value is not a number."""
    if kinds <= {float, int}:
        try:
            return np.array(column, float)
        except OverflowError:  # an integer too large for a float
            pass
    return np.array([number(value) for value in column] if kinds & NUMBERS else [np.nan] * len(column))


def _episodes(name: str, column_of: dict[str, Array], size: int) -> Array:
    counted = f"{name.rpartition('/')[0]}/episodes"
    if name == counted or counted not in column_of:
        return np.full(size, np.nan)
    return np.where(np.isfinite(column_of[counted]), column_of[counted], np.nan)


def _joined(parts: list[tuple[Array, Points]]) -> Points:
    """Joins the values of one metric from lines with different other metrics, in the order of the lines."""
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([places for places, _ in parts]))
    return Points(*(np.concatenate(columns)[order] for columns in zip(*(points for _, points in parts), strict=True)))
