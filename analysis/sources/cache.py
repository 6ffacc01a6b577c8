"""What was read of each run, kept so that next time only runs that changed are read."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import files
from analysis.scores import Run, Values
from analysis.sources.layout import File, normal

VERSION = 1  # of what is kept, and of what is read from the files
KEY = b"runs"  # of the Parquet file's metadata
DIGEST = 32  # bytes


class Entry(NamedTuple):
    """A run, and the state of the files that it was read from."""

    files: Sequence[File]
    run: Run


class Cache:
    """A folder with one file for each source and metric that were read."""

    def __init__(self, folder: Path):
        """Takes a folder that need not exist."""
        self._folder = folder

    def path(self, source: Path, metric: str) -> Path:
        """Where the runs under a path are kept."""
        name = json.dumps([normal(source), metric]).encode()
        return self._folder / f"{hashlib.sha256(name).hexdigest()[:16]}.runs"


class KnownRuns:
    """The runs of one source and metric, in a file that is replaced as a whole at the end of a `with` block.

    What is broken, of another version or of another metric counts as absent. The file is a SHA-256 digest of all that
    follows, and a Parquet file of step, metric (number of its name), value and episodes; its metadata has the names
    of the metrics, and of each run the folder, the files, the number of rows, and what else is known.
    """

    def __init__(self, path: Path | None, metric: str):
        """Takes up what is at a path; without one, nothing is kept."""
        self._path = path
        self._metric = metric
        self._known = _load(path, metric) if path else {}
        self._used: dict[str, Entry] = {}

    def __enter__(self) -> "KnownRuns":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path and error is None and self._is_changed():
            with suppress(OSError):  # it only makes the next time faster
                self._path.parent.mkdir(parents=True, exist_ok=True)
                files.write(self._path, _dump(self._metric, self._used))

    def read(self, folder: str, found: Sequence[File], read: Callable[[str, str], Run]) -> Run:
        """A run as it was read last time, or anew if its files are not the same.

        Args:
            folder: The run's folder.
            found: Its files as they were before this call.
            read: Reads a folder and a metric.
        """
        entry = self._known.get(folder)
        if entry is None or entry.files != found:
            entry = Entry(found, read(folder, self._metric))
        self._used[folder] = entry
        return entry.run

    def _is_changed(self) -> bool:
        same = (self._known.get(folder) is entry for folder, entry in self._used.items())
        return bool(self._used) and not (len(self._used) == len(self._known) and all(same))


def _load(path: Path, metric: str) -> dict[str, Entry]:
    try:
        raw = path.read_bytes()
    except OSError:
        return {}
    content = raw[DIGEST:]
    if hashlib.sha256(content).digest() != raw[:DIGEST]:
        return {}
    file = pq.ParquetFile(pa.BufferReader(content))
    about = json.loads(file.metadata.metadata[KEY])
    if about["version"] != VERSION or about["metric"] != metric:
        return {}
    steps, codes, values, episodes = (column.to_numpy() for column in file.read().columns)
    columns = Values(steps, np.array(about["metrics"], object)[codes], values, episodes)
    entries, end = {}, 0
    for run in about["runs"]:
        rows = slice(end, end := end + run["rows"])
        found = [File(*file) for file in run["files"]]
        entries[run["folder"]] = Entry(found, Run(run["about"], columns.part(rows)))
    return entries


def _dump(metric: str, entries: Mapping[str, Entry]) -> bytes:
    columns = Values.joined(entry.run.values for entry in entries.values())
    codes, names = pd.factorize(columns.metrics)
    runs = [
        {"folder": folder, "files": entry.files, "rows": len(entry.run.values.steps), "about": entry.run.about}
        for folder, entry in entries.items()
    ]
    about = {"version": VERSION, "metric": metric, "metrics": names.tolist(), "runs": runs}
    table = pa.table({"step": columns.steps, "metric": codes, "value": columns.values, "episodes": columns.episodes})
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: json.dumps(about).encode()})
    content = buffer.getvalue()
    return hashlib.sha256(content).digest() + content
