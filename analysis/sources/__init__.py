"""Sources of scores: run folders, event files, score files and tables."""

from pathlib import Path

from analysis.scores import Scores
from analysis.sources.layout import EVENTS, METRICS, SCORES
from analysis.sources.pattern import Pattern
from analysis.sources.run_folders import read_expected, read_folder
from analysis.sources.score_files import read_score_file
from analysis.sources.tables import read_table
from common.errors import UserError
from common.text import nearest

__all__ = ["read", "read_expected"]

SUPPORTED = (
    "supported are folders of runs (<task>/<variant>/<seed> with a metrics.jsonl or TensorBoard event files), score "
    "files (JSON, also .json.gz) and tables (CSV, also .csv.gz, and Parquet)"
)


def read(path: Path, metric: str, layout: str = "") -> Scores:
    """Reads a source of any kind.

    A folder holds runs; `layout.find` defines their layout. The format of a file follows from its ending (.csv,
    .csv.gz, .parquet, .json, .json.gz), otherwise from its first bytes.

    Args:
        path: A folder or a file.
        metric: The analysed metric.
        layout: What the names of folders and files mean, as a text for `Pattern.of`; empty for the usual layout.

    Raises:
        UserError: The source is unsupported or broken, or lacks the metric.
    """
    pattern = Pattern.of(layout) if layout else None
    if path.is_dir():
        return read_folder(path, metric, pattern)
    if not path.exists():
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, names)
        hint = f"; did you mean {path.with_name(near)}?" if near else f"; {SUPPORTED}"
        raise UserError(f"{path}: no such file or folder{hint}")
    if not path.is_file():
        raise UserError(f"{path}: no plain file, but a FIFO or device; {SUPPORTED}")
    if path.name in (METRICS, SCORES) or EVENTS in path.name:
        return read_folder(path.parent, metric, pattern)
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"][-1:]
    with path.open("rb") as file:
        start = file.read(1000).lstrip()
    if endings in ([".csv"], [".parquet"]) or start.startswith(b"PAR1"):
        return read_table(path, metric)
    if endings == [".json"] or start[:1] in (b"[", b"{") or start.startswith(b"\x1f\x8b"):
        return read_score_file(path, metric)
    raise UserError(f"{path}: unknown format; {SUPPORTED}")
