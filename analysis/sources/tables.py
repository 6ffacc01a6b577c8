"""Tidy tables with one row per value: CSV, plain or gzip, and Parquet."""

import csv
import gzip
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from analysis.paths import shown
from analysis.scores import ENVIRONMENT_STEPS, LARGEST_STEP, Scores, from_table
from analysis.sources import wide
from analysis.sources.columns import EXPECTED, FACTOR, choose
from analysis.sources.fields import LARGEST_SEED, is_name, note_on, numbered
from analysis.sources.pattern import Pattern
from analysis.sources.score_files import stem
from common.errors import UserError
from common.text import MESSAGE, listed, nearest, quoted, shortened

NAME = pa.dictionary(pa.int32(), pa.string())
NAMED = ("task", "variant", "suite", "metric")  # columns of text; the others are numbers
TEXT = (*NAMED, "seed")  # of columns in CSV: a seed may be a name
SEPARATORS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(rb"(^|[;\t])-?[0-9]+,[0-9]+(e[-+]?[0-9]+)?\r?($|[;\t])", re.MULTILINE)


def read_table(
    path: Path,
    metric: str,
    names: Mapping[str, str] = MappingProxyType({}),
    columns: Mapping[str, str] = MappingProxyType({}),
    pattern: Pattern | None = None,
) -> Scores:
    """Reads CSV or Parquet with the columns task, variant, seed, step, value; optionally suite, metric, episodes.

    Columns may have other common names, and be separated by commas, semicolons or tabs. W&B's export, with a column for
    each run, and Stable-Baselines3's monitor files are read too.

    Args:
        path: The file; its stem is the suite if there is no column suite.
        metric: The analysed metric, and the metric of all values if there is no column metric.
        names: task, variant, seed or suite -> its name by the path, for what has no column.
        columns: task, variant, seed, step, value, ... -> its column, where the user tells it.
        pattern: The layout of names of runs in W&B's export.

    Raises:
        UserError: The file cannot be read, lacks a column, or has an invalid number or name.
    """
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}; {EXPECTED}") from error
    unit = ENVIRONMENT_STEPS
    if raw.startswith(b"PAR1"):
        first, (frame, unit, notes) = 1, _parquet(raw, path, names, columns)
    elif raw.startswith(b"#"):
        first, (frame, notes) = 3, wide.monitor(raw, path, names)
    else:
        header, separator = _header(raw, path)
        if runs := wide.runs_of(header):
            first, (frame, notes) = 2, wide.export(raw, path, separator, runs, pattern)
        else:
            first, (frame, unit, notes) = 2, _csv(raw, path, header, separator, names, columns)
    for name in set(names) - set(frame):
        frame[name] = pd.Categorical([names[name]] * len(frame))
    if isinstance(frame["seed"].dtype, pd.CategoricalDtype):
        frame["seed"], numbers = _seeds(frame["seed"].cat)
        notes = [*notes, *note_on(numbers, path)]
    for name in NAMED:
        if name in frame:
            _check_names(frame[name], path, first)
    if FACTOR in frame:
        frame["step"] *= frame[FACTOR].where(frame[FACTOR] > 0)
    for name, right in (
        ("seed", (frame["seed"] % 1 == 0) & frame["seed"].between(0, LARGEST_SEED)),
        ("step", frame["step"].abs() <= LARGEST_STEP),
    ):
        if not right.all():
            row = int(np.argmin(right))
            meaning = "an integer from 0 on" if name == "seed" else "a finite number up to 1e15"
            raise UserError(f"{path}: row {row + first}: {name} must be {meaning}, not {frame[name][row]}")
    if "metric" in frame:
        _check_metric(frame["metric"], metric, path)
    absent: dict[str, str | float] = {"suite": stem(path), "metric": metric, "episodes": np.nan}
    for name in set(absent) - set(frame):
        frame[name] = absent[name]
    return replace(from_table(frame, shown(path.name)), unit=unit, notes=tuple(notes))


def _parquet(
    raw: bytes, path: Path, names: Mapping[str, str], given: Mapping[str, str]
) -> tuple[pd.DataFrame, str, list[str]]:
    try:
        table = pa.parquet.read_table(pa.BufferReader(raw))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not Parquet: {shortened(str(error), MESSAGE)}") from error
    chosen, unit, notes = choose(table.column_names, given, names, path)
    columns = {}
    for name, column in chosen.items():
        try:
            columns[name] = (
                table[column].cast(pa.string()).dictionary_encode()
                if name in NAMED or (name == "seed" and _is_text(table[column].type))
                else table[column].cast(pa.float64())
            )
        except pa.ArrowException as error:
            raise UserError(
                f"{path}: column {column} has the type {table[column].type}, which does not fit {name}: "
                f"{shortened(str(error), MESSAGE)}"
            ) from error
    return pa.table(columns).to_pandas(), unit, notes


def _is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_dictionary(type_)


def _header(raw: bytes, path: Path) -> tuple[list[str], str]:
    """The columns of a CSV file, and what separates them: what gives the most columns."""
    try:
        line = re.split(rb"[\r\n]", raw, maxsplit=1)[0].decode("utf-8-sig")
    except ValueError as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}; {EXPECTED}") from error
    rows = {separator: next(csv.reader([line], delimiter=separator), []) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda each: len(rows[each]))
    return rows[separator], separator


def _csv(
    raw: bytes, path: Path, header: Sequence[str], separator: str, names: Mapping[str, str], given: Mapping[str, str]
) -> tuple[pd.DataFrame, str, list[str]]:
    column_of = {column.strip(): column for column in header}
    spaced = any(stripped != column for stripped, column in column_of.items())
    chosen, unit, notes = choose(list(column_of), given, names, path)
    chosen = {name: column_of[column] for name, column in chosen.items()}
    comma = separator != "," and DECIMAL_COMMA.search(raw) is not None
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(raw),
            pa.csv.ReadOptions(use_threads=False),  # with threads, errors do not name the row
            pa.csv.ParseOptions(newlines_in_values=True, delimiter=separator),
            pa.csv.ConvertOptions(
                column_types={column: NAME if name in TEXT else pa.float64() for name, column in chosen.items()},
                null_values=["", "null", "None", "NA", "NaN", "nan"],
                include_columns=list(chosen.values()),
                decimal_point="," if comma else ".",
            ),
        )
    except pa.ArrowException as error:
        message = re.sub(r"In CSV column #(\d+)", lambda match: f"column {header[int(match[1])]}", str(error))
        raise UserError(f"{path}: {shortened(message, MESSAGE)}; {EXPECTED}") from error
    if comma:
        notes.append(f"{shown(path.name)}: a comma is the decimal point")
    frame = table.rename_columns(list(chosen)).to_pandas()
    for name in TEXT if spaced else ():  # spaces after separators
        if name in frame:
            frame[name] = frame[name].astype(object).str.strip().astype("category")
    return frame, unit, notes


def _seeds(names: Any) -> tuple[NDArray[np.float64], dict[str, int]]:
    """Seeds as numbers, and text -> number for those that are text; NaN for an empty cell.

    Args:
        names: The accessor `cat` of a column of text.
    """
    texts = [str(text) for text in names.categories]
    given = [_float(text) for text in texts]
    numbers = numbered(
        (text for text, seed in zip(texts, given, strict=True) if seed is None and is_name(text)),
        (int(seed) for seed in given if seed is not None and math.isfinite(seed)),
    )
    known = [numbers.get(text, math.nan) if seed is None else seed for text, seed in zip(texts, given, strict=True)]
    return np.array([*known, math.nan])[names.codes], numbers


def _float(text: str) -> float | None:
    try:
        return float(text) if "_" not in text else None  # for Python, 1_5 is 15
    except ValueError:
        return None


def _check_names(column: pd.Series, path: Path, first: int) -> None:
    wrong = [name for name in column.cat.categories if not is_name(name)]
    rows = np.flatnonzero(column.isna() | column.isin(wrong))
    if rows.size:
        raise UserError(f"{path}: row {rows[0] + first}: {column.name} must be a name, not {quoted(column[rows[0]])}")


def _check_metric(column: pd.Series, metric: str, path: Path) -> None:
    found = list(column.cat.categories)
    if found and metric not in found:
        near = nearest(metric, found, cutoff=0)
        raise UserError(
            f"{path}: no values of {quoted(metric)}; there are {listed(found)}. "
            f"Select another with --metric NAME; the nearest is {near}"
        )
