"""The lines of a metrics.jsonl that an analysis is made of; most of a long run's are others, and are not parsed."""

import functools
import json
import math
import re
from typing import Any

from analysis.scores import HOURS, MODEL_ERROR, SEQUENCES
from analysis.sources.fields import number

UPDATES = "train/updates"
COST = ("parameters/actor", "parameters/value", "parameters/world_model", "flops/update")
Row = tuple[float, str, float, float]  # step, metric, value, episodes
TIMED = re.compile(rb'"time/hours": *([-+.0-9eE]+)')
STEP = re.compile(rb'"step": *([-+.0-9eE]+)')
DECODER = json.JSONDecoder()
DECODER = json.JSONDecoder()


def parse(raw: bytes, metric: str) -> tuple[list[Row], int]:
    """Reads what is kept of a run, each metric in the order of its lines.

    That is the metric with the `episodes` that stand beside it (`eval/episodes` for `eval/return`), model errors, the
    cost on the first line, the last number of updates, and the hours at the steps of the metric and at the end. Where
    no line tells the hours at such a step, they are interpolated between the lines before and after.

    Returns:
        The rows, and the number of lines that are no JSON object with a finite step, of those that had to be looked at.
    """
    key = json.dumps(metric).encode() if metric.isascii() else b'"'
    episodes = f"{metric.rpartition('/')[0]}/episodes"
    rows: list[Row] = []
    hours: list[Row] = []
    torn = 0
    waiting: list[float] = []  # steps of the metric whose hours the next line with a time tells
    timed = b""  # the last line with a time
    for index, text in enumerate(raw.splitlines()):
        errors = b'"model_error/' in text
        if key in text or errors or index == 0 or text[-1:] != b"}":
            line = parse_line(text)
            if line is None:
                torn += bool(text.strip())
                continue
            step = line["step"]
            if metric in line:
                rows.append((step, metric, number(line[metric]), _count(line.get(episodes))))
                waiting.append(step)
            if errors:
                rows += [
                    (step, name, number(value), math.nan)
                    for name, value in line.items()
                    if name.startswith("model_error/") and (name == SEQUENCES or MODEL_ERROR.fullmatch(name))
                ]
            if index == 0:
                rows += [(step, name, number(line[name]), math.nan) for name in COST if name in line]
        if b'"time/hours"' in text:
            if waiting:
                hours += _hours(waiting, timed, text)
                waiting = []
            timed = text
    if timed:
        hours += _hours(waiting, timed, timed)  # what was evaluated later has none
        last, ended = _time(timed)
        if math.isfinite(last) and (not hours or hours[-1][0] != last):
            hours.append((last, HOURS, ended, math.nan))
    return rows + hours + _updates(raw), torn


def parse_line(text: bytes) -> dict[str, Any] | None:
    """A line's object, or None if it is torn or has no finite step."""
    try:
        stripped = text.decode().strip()
        line, end = DECODER.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    whole = end == len(stripped) and isinstance(line, dict) and math.isfinite(number(line.get("step")))
    return line if whole else None


def _count(value: object) -> float:
    return found if math.isfinite(found := number(value)) else math.nan


def _hours(steps: list[float], before: bytes, after: bytes) -> list[Row]:
    """The hours at some steps between two lines with times, or at them."""
    last, ended = _time(after)
    if steps == [last]:
        return [(last, HOURS, ended, math.nan)]
    first, began = _time(before) if before else (0.0, 0.0)
    share = {step: (step - first) / (last - first) if last > first else 1.0 for step in steps if first <= step <= last}
    return [(step, HOURS, began + (ended - began) * part, math.nan) for step, part in share.items()]


@functools.lru_cache(maxsize=4)  # the line after one evaluation is the line before the next
def _time(text: bytes) -> tuple[float, float]:
    """Step and hours of a line, NaN where it has none."""
    step, hours = STEP.search(text), TIMED.match(text, text.find(b'"time/hours"'))
    try:
        return float(step[1]), float(hours[1])  # type: ignore[index]
    except (TypeError, ValueError):
        return math.nan, math.nan


def _updates(raw: bytes) -> list[Row]:
    """The last number of updates."""
    end = len(raw)
    while (found := raw.rfind(b'"train/updates"', 0, end)) >= 0:
        start = raw.rfind(b"\n", 0, found) + 1
        stop = raw.find(b"\n", found)
        line = parse_line(raw[start : stop if stop >= 0 else len(raw)])
        if line is not None and UPDATES in line:
            return [(line["step"], UPDATES, number(line[UPDATES]), math.nan)]
        end = found
    return []
