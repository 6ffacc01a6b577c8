"""Tidy tables with one row per value: CSV, plain or gzip, and Parquet."""

import csv
import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analysis.scores import Scores, from_table
from analysis.sources.fields import LARGEST_SEED, is_name
from analysis.sources.score_files import stem
from common.errors import UserError
from common.text import nearest

NAME = pa.dictionary(pa.int32(), pa.string())
# Column -> its other accepted names, and its type.
REQUIRED: Mapping[str, tuple[Sequence[str], pa.DataType]] = {
    "task": ((), NAME),
    "variant": (("method",), NAME),
    "seed": ((), pa.float64()),
    "step": ((), pa.float64()),
    "value": (("score", "return"), pa.float64()),
}
OPTIONAL: Mapping[str, tuple[Sequence[str], pa.DataType]] = {
    "suite": ((), NAME),
    "metric": ((), NAME),
    "episodes": ((), pa.float64()),
}
EXPECTED = "expected the columns task, variant (or method), seed, step, value (or score, or return)"


def read_table(path: Path, metric: str) -> Scores:
    """Reads CSV or Parquet with the columns task, variant, seed, step, value; optionally suite, metric, episodes.

    Args:
        path: The file; its stem is the suite if there is no column suite.
        metric: The analysed metric, and the metric of all values if there is no column metric.

    Raises:
        UserError: The file cannot be read, lacks a column, or has an invalid number or name.
    """
    try:
        raw = path.read_bytes()
        first, table = (1, _parquet(raw, path)) if raw.startswith(b"PAR1") else (2, _csv(raw, path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    frame = table.to_pandas()
    for name in ("task", "variant", "suite", "metric"):
        if name in frame:
            _check_names(frame[name], path, first)
    for name, right in (
        ("seed", (frame["seed"] % 1 == 0) & frame["seed"].between(0, LARGEST_SEED)),
        ("step", np.isfinite(frame["step"])),
    ):
        if not right.all():
            row = int(np.argmin(right))
            meaning = "an integer from 0 on" if name == "seed" else "a finite number"
            raise UserError(f"{path}: row {row + first}: {name} must be {meaning}, not {frame[name][row]}")
    if "metric" in frame:
        _check_metric(frame["metric"], metric, path)
    absent = {"suite": stem(path), "metric": metric, "episodes": np.nan}
    return from_table(frame.assign(**{name: value for name, value in absent.items() if name not in frame}), path.name)


def _parquet(raw: bytes, path: Path) -> pa.Table:
    try:
        table = pa.parquet.read_table(pa.BufferReader(raw))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not Parquet: {error}") from error
    columns = {}
    for column, (name, dtype) in _columns(table.column_names, path).items():
        try:
            columns[name] = (
                table[column].cast(pa.string()).dictionary_encode() if dtype == NAME else table[column].cast(dtype)
            )
        except pa.ArrowException as error:
            raise UserError(
                f"{path}: column {column} has the type {table[column].type}, which does not fit {name}: {error}"
            ) from error
    return pa.table(columns)


def _csv(raw: bytes, path: Path) -> pa.Table:
    try:
        raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        header = next(csv.reader([re.split(rb"[\r\n]", raw, maxsplit=1)[0].decode("utf-8-sig")]), [])
    except (EOFError, zlib.error, OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}; {EXPECTED}") from error
    columns = _columns(header, path)
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(raw),
            pa.csv.ReadOptions(use_threads=False),  # with threads, errors do not name the row
            pa.csv.ParseOptions(newlines_in_values=True),
            pa.csv.ConvertOptions(
                column_types={column: dtype for column, (_, dtype) in columns.items()},
                null_values=["", "null", "None", "NA", "NaN", "nan"],
                include_columns=list(columns),
            ),
        )
    except pa.ArrowException as error:
        message = re.sub(r"In CSV column #(\d+)", lambda match: f"column {header[int(match[1])]}", str(error))
        raise UserError(f"{path}: {message}; {EXPECTED}") from error
    return table.rename_columns([name for name, _ in columns.values()])


def _columns(found: Sequence[str], path: Path) -> dict[str, tuple[str, pa.DataType]]:
    """Column of the file -> its name in the tidy table, and its type."""
    columns = {}
    for name, (others, dtype) in {**REQUIRED, **OPTIONAL}.items():
        column = next((column for column in (name, *others) if column in found), None)
        if column is not None:
            columns[column] = (name, dtype)
        elif name in REQUIRED:
            near = nearest(name, found)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UserError(f"{path}: no column {name}; there are {', '.join(found) or 'none'}.{hint} {EXPECTED}")
    return columns


def _check_names(column: pd.Series, path: Path, first: int) -> None:
    wrong = [name for name in column.cat.categories if not is_name(name)]
    rows = np.flatnonzero(column.isna() | column.isin(wrong))
    if rows.size:
        raise UserError(f"{path}: row {rows[0] + first}: {column.name} must be a name, not {column[rows[0]]!r}")


def _check_metric(column: pd.Series, metric: str, path: Path) -> None:
    found = list(column.cat.categories)
    if found and metric not in found:
        near = nearest(metric, found, cutoff=0)
        raise UserError(
            f"{path}: no values of {metric!r}; there are {', '.join(found)}. "
            f"Select another with --metric NAME; the nearest is {near}"
        )
