"""Evaluation returns and model errors of many runs, as tidy tables, from run folders or from score files."""

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.errors import AnalysisError

EVALUATIONS = ["task", "variant", "seed", "step", "score"]
MODEL_ERRORS = ["task", "variant", "seed", "step", "measure", "horizon", "value", "sequences"]
RUNS = ["task", "variant", "seed", "planned", "state", "renderer", "episodes", "torn"]
RUN = ["task", "variant", "seed"]  # what names a run
ERROR = [*RUN, "measure", "horizon"]  # what names a model error of a run
MODEL_ERROR = re.compile(r"model_error/(image|reward|kl)/([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class ExpectedRun:
    """A run that a suite plans, whether or not its folder exists."""

    task: str
    variant: str
    seed: int
    folder: Path
    steps: int  # planned environment steps


@dataclass(frozen=True)
class Scores:
    """What was read, before anything is left out.

    Attributes:
        table: One row an evaluation: task, variant, seed, step (environment steps), score (the mean return of the
            evaluation's episodes, NaN where the file has none).
        model_errors: One row a measure and horizon of an evaluation: task, variant, seed, step, measure (`image`,
            `reward` or `kl`), horizon (agent steps ahead), value (NaN where the file has no number), sequences (that
            it is averaged over, NaN if unknown). Empty if no run has a world model that was measured.
        runs: One row a run: task, variant, seed, planned (environment steps, NaN if unknown), state (`missing` if
            there is no folder, empty if unknown), renderer (empty if unknown), episodes (of an evaluation, NaN if
            unknown), torn (lines that are no JSON object).
        source: Where the scores come from, for captions.
        unplanned: Run folders that were found beside the planned ones, and were not read.
    """

    table: pd.DataFrame
    model_errors: pd.DataFrame
    runs: pd.DataFrame
    source: str
    unplanned: tuple[Path, ...] = ()


def read_runs(expected: Sequence[ExpectedRun], suite: str, root: Path) -> Scores:
    """Reads the folders of all planned runs.

    Args:
        expected: The planned runs.
        suite: The suite's name.
        root: The suite's folder, `<root>/<task>/<variant>/<seed>`; runs in it that nobody planned are listed.
    """
    evaluations: list[tuple[Any, ...]] = []
    errors: list[tuple[Any, ...]] = []
    runs: list[tuple[Any, ...]] = []
    for run in expected:
        name = (run.task, run.variant, run.seed)
        lines, torn = _read_evaluations(run.folder / "metrics.jsonl")
        evaluations += [(*name, line["step"], _number(line["eval/return"])) for line in lines]
        errors += [(*name, line["step"], *error) for line in lines for error in _model_errors(line)]
        episodes = _number(lines[-1].get("eval/episodes")) if lines else math.nan
        state = _read_object(run.folder / "state.json").get("state", "") if run.folder.is_dir() else "missing"
        renderer = _read_object(run.folder / "provenance.json").get("renderer") or ""
        runs.append((*name, run.steps, str(state), str(renderer), episodes, torn))
    planned = {run.folder for run in expected}
    found = (path.parent for path in root.glob("*/*/*/metrics.jsonl") if path.parent.name.isdigit())
    unplanned = tuple(sorted(folder for folder in found if folder not in planned))
    return _scores(evaluations, errors, runs, f"suite {suite}", unplanned)


def read_score_files(paths: Sequence[Path]) -> Scores:
    """Reads score files of the Dreamer family: a JSON list of {task, method, seed, xs, ys}, plain or gzip.

    Raises:
        AnalysisError: If a file cannot be read or is not of that form, or two entries are of one run.
    """
    evaluations: list[tuple[Any, ...]] = []
    names: dict[tuple[str, str, int], Path] = {}
    for path in paths:
        for name, points in _read_score_file(path):
            if name in names:
                raise AnalysisError(
                    f"{path}: a second entry of task {name[0]}, method {name[1]}, seed {name[2]}, after one in "
                    f"{names[name]}; a run is one entry"
                )
            names[name] = path
            evaluations += [(*name, step, score) for step, score in points]
    runs = [(*name, math.nan, "", "", math.nan, 0) for name in names]
    return _scores(evaluations, [], runs, "score files " + ", ".join(path.name for path in paths))


def usable(scores: Scores) -> pd.DataFrame:
    """The evaluations that statistics are made from, sorted by task, variant, seed and step.

    The rule: an evaluation without a finite return is left out; of several at one step of a run, the last counts.
    """
    return _usable(scores.table, "score", RUN)


def usable_model_errors(scores: Scores) -> pd.DataFrame:
    """The model errors that statistics are made from, by the same rule, sorted by run, measure, horizon and step."""
    return _usable(scores.model_errors, "value", ERROR)


def _usable(table: pd.DataFrame, value: str, series: list[str]) -> pd.DataFrame:
    finite = table[table[value].abs() < math.inf]
    return finite.drop_duplicates([*series, "step"], keep="last").sort_values([*series, "step"], ignore_index=True)


def _scores(
    evaluations: list[Any], errors: list[Any], runs: list[Any], source: str, unplanned: tuple[Path, ...] = ()
) -> Scores:
    table = pd.DataFrame(evaluations, columns=EVALUATIONS).astype({"seed": int, "step": float, "score": float})
    model_errors = pd.DataFrame(errors, columns=MODEL_ERRORS).astype(
        {"seed": int, "step": float, "horizon": int, "value": float, "sequences": float}
    )
    frame = pd.DataFrame(runs, columns=RUNS).astype({"seed": int, "planned": float, "episodes": float, "torn": int})
    return Scores(table, model_errors, frame, source, unplanned)


def _read_evaluations(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The lines of a run's metrics that hold an evaluation, and the number of torn lines."""
    lines, torn = [], 0
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror}") from error
    for text in raw.splitlines():
        if not text.strip() or (b'"eval/return"' not in text and text.endswith(b"}")):
            continue  # most lines hold training metrics: they need no parsing
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            torn += 1
            continue
        if not isinstance(line, dict) or not math.isfinite(_number(line.get("step"))):
            torn += 1
        elif "eval/return" in line:
            lines.append(line)
    return lines, torn


def _model_errors(line: Mapping[str, Any]) -> Iterator[tuple[str, int, float, float]]:
    """Measure, horizon, value and number of sequences of every model error of an evaluation."""
    sequences = _number(line.get("model_error/sequences"))
    for key, value in line.items():
        if match := MODEL_ERROR.fullmatch(key):
            yield match[1], int(match[2]), _number(value), sequences if sequences < math.inf else math.nan


def _read_object(path: Path) -> Mapping[str, Any]:
    """A JSON object, or an empty one where there is none: what it tells is helpful, not necessary."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_score_file(path: Path) -> Iterator[tuple[tuple[str, str, int], list[tuple[float, float]]]]:
    expected = "a score file is a JSON list of {task, method, seed, xs, ys}, plain or gzip"
    try:
        raw = path.read_bytes()
        content = json.loads(gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw)
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror or error}; {expected}") from error
    except (ValueError, EOFError, RecursionError, zlib.error) as error:
        raise AnalysisError(f"{path}: not JSON ({error}); {expected}") from error
    if not isinstance(content, list):
        raise AnalysisError(f"{path}: holds {type(content).__name__} at its top; {expected}")
    for index, entry in enumerate(content):
        where = f"{path}: entry {index}"
        if not isinstance(entry, dict):
            raise AnalysisError(f"{where} is {type(entry).__name__}, not an object; {expected}")
        if absent := [key for key in ("task", "method", "seed", "xs", "ys") if key not in entry]:
            raise AnalysisError(f"{where} lacks {', '.join(absent)}; {expected}")
        xs, ys = entry["xs"], entry["ys"]
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise AnalysisError(f"{where}: xs and ys must be lists of the same length")
        if not all(math.isfinite(_number(x)) for x in xs):
            raise AnalysisError(f"{where}: xs must be finite numbers, the environment steps")
        if not all(y is None or _is_number(y) for y in ys):
            raise AnalysisError(f"{where}: ys must be numbers, the returns; null where there is none")
        for key in ("task", "method"):
            if not isinstance(entry[key], str) or not entry[key].isprintable() or not entry[key].strip():
                raise AnalysisError(f"{where}: the {key} must be a name, not {entry[key]!r}")
        name = (entry["task"], entry["method"], _seed(entry["seed"], where))
        yield name, [(_number(x), _number(y)) for x, y in zip(xs, ys, strict=True)]


def _seed(value: object, where: str) -> int:
    """A seed as an integer; writers of score files also put it down as text or as a float without a fraction."""
    number = _number(int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 20 else value)
    if not number.is_integer() or not 0 <= number < 2**53:
        raise AnalysisError(f"{where}: the seed must be an integer from 0 on, not {value!r}")
    return int(number)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    """The value as a float: NaN for what is no number, infinite for what no float can hold."""
    try:
        return float(value) if _is_number(value) else math.nan
    except OverflowError:
        return math.inf
