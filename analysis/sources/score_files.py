"""Score files of the Dreamer family, and tables of published scores: JSON, plain or gzip."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from analysis.paths import shown
from analysis.scores import LARGEST_STEP, Points, Run, Scores, from_runs
from analysis.sources.fields import is_name, is_number, note_on, number, numbered, seed
from common.errors import UserError
from common.text import counted, listed, quoted, shortened

RETURNS = ("return", "score")  # last parts of the metrics that a score file can have
EXPECTED = (
    "a score file is a JSON list of {task, method, seed, xs, ys}, plain or gzip; "
    "a table of published scores a JSON object {method, steps, scores: {task: score}} or {task: {method: score}}"
)


def read_score_file(path: Path, metric: str) -> Scores:
    """Reads a score file, or a table of published scores as one evaluation of one run per task.

    Seeds that are text are numbered in order. Values are `ys`, or what an entry has under the name of the metric.

    Args:
        path: The file; its stem is the suite.
        metric: The name of its values.

    Raises:
        UserError: The file cannot be read or is malformed, two entries are the same run, or the metric is no return.
    """
    content = _content(path)
    if not _is_return(metric) and not isinstance(content, list):
        raise UserError(f"{path}: such a score file has returns alone, not {quoted(metric)}; leave --metric out")
    notes: tuple[str, ...] = ()
    if is_points(content):
        runs = list(_points(path, content, metric))
        notes = (f"{shown(path.name)}: scores without steps, shown at step 0",)
    elif isinstance(content, dict):
        runs = list(_published(path, content, metric))
    elif isinstance(content, list):
        numbers = _numbers(content)
        runs = list(_entries(path, content, metric, numbers))
        notes = tuple(note_on(numbers, path))
    else:
        raise UserError(f"{path}: contains {type(content).__name__}; {EXPECTED}")
    return replace(from_runs(runs, shown(path.name)), notes=notes)


def is_points(content: object) -> TypeGuard[Mapping[str, Mapping[str, float | None]]]:
    """Whether the content of a file is `{task: {method: score}}`."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(
            is_name(task)
            and isinstance(scores, dict)
            and all(is_name(method) and (score is None or is_number(score)) for method, score in scores.items())
            for task, scores in content.items()
        )
    )


def _numbers(content: list[Any]) -> dict[str, int]:
    """Seed that is text -> its number."""
    given = [entry.get("seed") for entry in content if isinstance(entry, dict)]
    seeds = [str(each) for each in given if type(each) in (str, int)]
    whole = [int(text) for text in seeds if text.isdecimal() and len(text) < 20]
    texts = [each for each in given if isinstance(each, str) and is_name(each)]
    texts = [text for text in texts if not (text.isdecimal() and len(text) < 20)]
    return numbered(texts, whole)


def _points(path: Path, content: Mapping[str, Mapping[str, float | None]], metric: str) -> Iterator[Run]:
    """One run for each score; it is done, because one score is all that is known of it."""
    for task, scores in content.items():
        for method, score in scores.items():
            run = _run(path, task, method, 0, metric, [0.0], [number(score)])
            yield run._replace(about={**run.about, "state": "done"})


def _content(path: Path) -> object:
    try:
        raw = path.read_bytes()
        return json.loads(gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}; {EXPECTED}") from error
    except (ValueError, EOFError, RecursionError, zlib.error) as error:
        raise UserError(f"{path}: not JSON ({error}); {EXPECTED}") from error


def _entries(path: Path, content: list[Any], metric: str, numbers: Mapping[str, int]) -> Iterator[Run]:
    names = set()
    for index, entry in enumerate(content):
        where = f"{path}: entry {index}"
        if not isinstance(entry, dict):
            raise UserError(f"{where} is {type(entry).__name__}, not an object; {EXPECTED}")
        key = "ys" if _is_return(metric) and metric not in entry else metric
        if absent := [name for name in ("task", "method", "seed", "xs", key) if name not in entry]:
            raise UserError(f"{where} lacks {', '.join(absent)}{_other_values(entry, key in absent)}; {EXPECTED}")
        xs, ys = entry["xs"], entry[key]
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise UserError(f"{where}: xs and {key} must be lists of the same length")
        steps = [number(x) for x in xs]
        if not all(abs(step) <= LARGEST_STEP for step in steps):
            raise UserError(f"{where}: xs must be finite numbers up to 1e15, the environment steps")
        if not all(y is None or is_number(y) for y in ys):
            raise UserError(f"{where}: {key} must be numbers, the returns, or null")
        for name in ("task", "method"):
            if not is_name(entry[name]):
                raise UserError(f"{where}: the {name} must be a name, not {quoted(entry[name])}")
        text = entry["seed"] if isinstance(entry["seed"], str) else ""
        own = numbers[text] if text in numbers else seed(entry["seed"], where)
        run = _run(path, entry["task"], entry["method"], own, metric, steps, map(number, ys))
        of = (run.about["task"], run.about["variant"], run.about["seed"])
        if of in names:
            raise UserError(
                f"{where}: second entry of task {of[0]}, method {of[1]}, "
                f"seed {shortened(str(entry['seed']))}; each run has one entry"
            )
        names.add(of)
        yield run


def _is_return(metric: str) -> bool:
    """Whether a metric is what `ys` holds."""
    return metric.rpartition("/")[2] in RETURNS


def _other_values(entry: Mapping[str, Any], missing: bool) -> str:
    """The values that an entry has in place of missing ones."""
    lists = [key for key, value in entry.items() if isinstance(value, list) and key != "xs"]
    return f", but has {listed(lists)}, to be selected by --metric" if missing and lists else ""


def _published(path: Path, content: Mapping[str, Any], metric: str) -> Iterator[Run]:
    if not {"method", "steps", "scores"} & set(content):
        raise UserError(f"{path}: {_described(content)}; {EXPECTED}")
    method, steps, scores = (content.get(key) for key in ("method", "steps", "scores"))
    if not is_name(method):
        raise UserError(f"{path}: the method must be a name, not {quoted(method)}; {EXPECTED}")
    if not abs(number(steps)) <= LARGEST_STEP:
        raise UserError(f"{path}: steps must be a number up to 1e15, not {quoted(steps)}; {EXPECTED}")
    if not isinstance(scores, dict):
        raise UserError(f"{path}: scores must be an object {{task: score}}, not {quoted(scores)}; {EXPECTED}")
    for task, score in scores.items():
        if not is_name(task) or not (score is None or is_number(score)):
            raise UserError(f"{path}: scores must map tasks to numbers, not {quoted(task)}: {quoted(score)}")
        yield _run(path, task, str(method), 0, metric, [number(steps)], [number(score)])


def _described(content: Mapping[str, Any]) -> str:
    """What an object of another form has at its top, and the form if it is known."""
    depth, inside = 0, content
    while isinstance(inside, dict) and inside:
        depth, inside = depth + 1, next(iter(inside.values()))
    form = ", the form of marl-eval, {env: {task: {algorithm: {seed: ...}}}}, which is not read" if depth > 4 else ""
    return f"has {listed(list(content)) or 'nothing'} at its top, in {counted(depth, 'level')} of objects{form}"


def _run(path: Path, task: str, method: str, seed: int, metric: str, steps: list[float], values: Any) -> Run:
    about = {"suite": stem(path), "task": task, "variant": method, "seed": seed}
    points = Points(np.array(steps, float), np.array(list(values), float), np.full(len(steps), math.nan))
    return Run(about, {metric: points})


def stem(path: Path) -> str:
    """The name of a file without its endings, used as the name of the suite."""
    return shown(path.name.split(".")[0] or path.name)
