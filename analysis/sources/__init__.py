"""Sources of scores: run folders, event files, score files and tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from analysis.paths import shown
from analysis.scores import RUN, Scores, join
from analysis.sources.layout import EVENTS, METRICS, PROGRESS, SCORES, TABLES, find, normal, others
from analysis.sources.pattern import Pattern
from analysis.sources.run_folders import read_expected, read_folder
from analysis.sources.score_files import read_score_file, stem
from analysis.sources.tables import read_table
from analysis.sources.wide import is_monitor, seeds_of
from common.errors import UserError
from common.files import open_plain
from common.text import nearest

__all__ = ["is_tabular", "read", "read_expected"]

SUPPORTED = (
    "supported are folders of runs (<task>/<variant>/<seed> with a metrics.jsonl or TensorBoard event files), score "
    "files (JSON, also .json.gz) and tables (CSV, also .csv.gz, and Parquet)"
)


def read(path: Path, metric: str, layout: str = "", columns: Mapping[str, str] = MappingProxyType({})) -> Scores:
    """Reads a source of any kind.

    A folder holds runs; `layout.find` defines their layout. Without any, it holds tables, one for each task, named by
    their files; the folder is the variant. The format of a file follows from its ending (.csv, .csv.gz, .tsv, .parquet,
    .json, .json.gz), otherwise from its first bytes.

    Args:
        path: A folder or a file.
        metric: The analysed metric.
        layout: What the names of folders and files mean, as a text for `Pattern.of`; empty for the usual layout.
        columns: task, variant, seed, step, value -> its column in tables; step also in metrics.jsonl.

    Raises:
        UserError: The source is unsupported or broken, or lacks the metric.
    """
    pattern = Pattern.of(layout) if layout else None
    if path.is_dir():
        if files := _files(path, pattern):
            parts = [_read_file(file, metric, names, columns, None) for file, names in files]
            _require_distinct(path, parts)
            return join(parts)
        return read_folder(path, metric, pattern, columns.get("step", ""))
    if not path.exists():
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, names)
        hint = f"; did you mean {path.with_name(near)}?" if near else f"; {SUPPORTED}"
        raise UserError(f"{path}: no such file or folder{hint}")
    if path.name in (METRICS, SCORES) or EVENTS in path.name:
        return read_folder(path.parent, metric, pattern, columns.get("step", ""))
    told = pattern.names(Path(normal(path))) if pattern else {}
    return _read_file(path, metric, told or {}, columns, pattern)


def is_tabular(path: Path, layout: str = "") -> bool:
    """Whether a source is a table or a folder of tables, which alone have columns."""
    if path.is_dir():
        return any(_is_table(file) for file, _ in _files(path, Pattern.of(layout) if layout else None))
    return path.is_file() and _is_table(path)


def _files(folder: Path, pattern: Pattern | None) -> list[tuple[Path, Mapping[str, str]]]:
    """The tables in a folder with the names that their paths tell: those that fit the layout, or all without runs."""
    name = shown(folder.absolute().name)
    here = {"variant": name, "suite": name}
    if pattern:
        fitting: list[tuple[Path, Mapping[str, str]]] = [
            (path, {**({} if is_monitor(path) else {"task": here["suite"]}), **here, **names})
            for path, names in pattern.find(folder)
            if path.is_file()
        ]
        return fitting if "seed" in pattern.fields else _seeded(fitting)
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES)
    if not found or find(folder) or others(folder, []):
        return []
    monitors, plain = ([path for path in found if is_monitor(path) == wanted] for wanted in (True, False))
    return [*_seeded([(path, here) for path in monitors]), *((path, {**here, "task": stem(path)}) for path in plain)]


def _seeded(files: Sequence[tuple[Path, Mapping[str, str]]]) -> list[tuple[Path, Mapping[str, str]]]:
    """The files with seeds, for those that have no column of seeds."""
    alike: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for path, names in files:
        alike.setdefault(tuple(names.items()), []).append(path)
    seed_of = {path: seed for paths in alike.values() for path, seed in seeds_of(paths).items()}
    return [(path, {**names, "seed": seed_of[path]}) for path, names in files]


def _require_distinct(folder: Path, parts: Sequence[Scores]) -> None:
    """Raises an error for a run that several files of a folder have."""
    runs = pd.concat([part.runs for part in parts])
    for task, variant, seed in runs.loc[runs.duplicated(["suite", *RUN]), RUN].itertuples(index=False):
        raise UserError(
            f"{folder}: several files have task {task}, variant {variant}, seed {seed}; give a --layout that tells "
            "them apart or selects one of them"
        )


def _read_file(
    path: Path, metric: str, names: Mapping[str, str], columns: Mapping[str, str], pattern: Pattern | None
) -> Scores:
    start = _start(path)  # first, since no FIFO may be waited for
    if _is_table(path):
        return read_table(path, metric, names, columns, pattern)
    if _ending(path) == ".json" or start[:1] in (b"[", b"{") or start.startswith(b"\x1f\x8b"):
        return read_score_file(path, metric)
    raise UserError(f"{path}: unknown format; {SUPPORTED}")


def _is_table(path: Path) -> bool:
    return _ending(path) in TABLES or path.name == PROGRESS or _start(path).startswith(b"PAR1")


def _ending(path: Path) -> str:
    """The last ending of a file's name, without that of gzip."""
    return next((ending for ending in reversed([each.lower() for each in path.suffixes]) if ending != ".gz"), "")


def _start(path: Path) -> bytes:
    try:
        with open_plain(path) as file:
            return file.read(1000).lstrip()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
