"""Score files of the Dreamer family, and tables of published scores: JSON, plain or gzip."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.scores import Points, Run, Scores, from_runs
from analysis.sources.fields import is_name, is_number, number, seed
from common.errors import UserError

RETURNS = ("return", "score")  # last parts of the metrics that a score file can have
EXPECTED = (
    "a score file is a JSON list of {task, method, seed, xs, ys}, plain or gzip; "
    "a table of published scores a JSON object {method, steps, scores: {task: score}}"
)


def read_score_file(path: Path, metric: str) -> Scores:
    """Reads a score file, or a table of published scores as one evaluation of one run per task.

    Args:
        path: The file; its stem is the suite.
        metric: The name of its values.

    Raises:
        UserError: The file cannot be read or is malformed, two entries are the same run, or the metric is no return.
    """
    if metric.rpartition("/")[2] not in RETURNS:
        raise UserError(f"{path}: a score file has returns alone, not {metric!r}; leave --metric out")
    content = _content(path)
    if isinstance(content, dict):
        runs = list(_published(path, content, metric))
    elif isinstance(content, list):
        runs = list(_entries(path, content, metric))
    else:
        raise UserError(f"{path}: contains {type(content).__name__}; {EXPECTED}")
    return from_runs(runs, path.name)


def _content(path: Path) -> object:
    try:
        raw = path.read_bytes()
        return json.loads(gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}; {EXPECTED}") from error
    except (ValueError, EOFError, RecursionError, zlib.error) as error:
        raise UserError(f"{path}: not JSON ({error}); {EXPECTED}") from error


def _entries(path: Path, content: list[Any], metric: str) -> Iterator[Run]:
    names = set()
    for index, entry in enumerate(content):
        where = f"{path}: entry {index}"
        if not isinstance(entry, dict):
            raise UserError(f"{where} is {type(entry).__name__}, not an object; {EXPECTED}")
        if absent := [key for key in ("task", "method", "seed", "xs", "ys") if key not in entry]:
            raise UserError(f"{where} lacks {', '.join(absent)}; {EXPECTED}")
        xs, ys = entry["xs"], entry["ys"]
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise UserError(f"{where}: xs and ys must be lists of the same length")
        steps = [number(x) for x in xs]
        if not all(map(math.isfinite, steps)):
            raise UserError(f"{where}: xs must be finite numbers, the environment steps")
        if not all(y is None or is_number(y) for y in ys):
            raise UserError(f"{where}: ys must be numbers, the returns, or null")
        for key in ("task", "method"):
            if not is_name(entry[key]):
                raise UserError(f"{where}: the {key} must be a name, not {entry[key]!r}")
        run = _run(path, entry["task"], entry["method"], seed(entry["seed"], where), metric, steps, map(number, ys))
        name = (run.about["task"], run.about["variant"], run.about["seed"])
        if name in names:
            raise UserError(
                f"{where}: second entry of task {name[0]}, method {name[1]}, seed {name[2]}; each run has one entry"
            )
        names.add(name)
        yield run


def _published(path: Path, content: Mapping[str, Any], metric: str) -> Iterator[Run]:
    method, steps, scores = (content.get(key) for key in ("method", "steps", "scores"))
    if not is_name(method):
        raise UserError(f"{path}: the method must be a name, not {method!r}; {EXPECTED}")
    if not math.isfinite(number(steps)):
        raise UserError(f"{path}: steps must be a number, the environment steps, not {steps!r}; {EXPECTED}")
    if not isinstance(scores, dict):
        raise UserError(f"{path}: scores must be an object {{task: score}}, not {scores!r}; {EXPECTED}")
    for task, score in scores.items():
        if not is_name(task) or not (score is None or is_number(score)):
            raise UserError(f"{path}: scores must map tasks to numbers, not {task!r}: {score!r}")
        yield _run(path, task, str(method), 0, metric, [number(steps)], [number(score)])


def _run(path: Path, task: str, method: str, seed: int, metric: str, steps: list[float], values: Any) -> Run:
    about = {"suite": stem(path), "task": task, "variant": method, "seed": seed}
    points = Points(np.array(steps, float), np.array(list(values), float), np.full(len(steps), math.nan))
    return Run(about, {metric: points})


def stem(path: Path) -> str:
    """The name of a file without its endings, used as the name of the suite."""
    return path.name.split(".")[0] or path.name
