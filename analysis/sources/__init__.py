"""Where scores come from: run folders, event files, score files and tables."""

import difflib
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.scores import Scores
from analysis.sources.layout import EVENTS, METRICS
from analysis.sources.run_folders import read_expected, read_folder
from analysis.sources.score_files import read_score_file
from analysis.sources.tables import read_table

__all__ = ["read", "read_expected"]

UNDERSTOOD = (
    "understood are folders of runs (<task>/<variant>/<seed> with a metrics.jsonl or TensorBoard's event files), score "
    "files (JSON, also .json.gz) and tables (CSV, also .csv.gz, and Parquet)"
)


def read(path: Path, metric: str) -> Scores:
    """Reads whatever is at a path.

    A folder holds runs: see `layout.find`, also for what its suites are. A file is what its ending says, .csv or
    .parquet (also packed, .csv.gz) or .json, and without such an ending what it begins with.

    Args:
        path: A folder or a file.
        metric: What is analysed.

    Raises:
        AnalysisError: If it is nothing of the kind, is broken, or does not have the metric.
    """
    if path.is_dir():
        return read_folder(path, metric)
    if not path.exists():
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = f"; did you mean {path.with_name(near[0])}?" if near else f"; {UNDERSTOOD}"
        raise AnalysisError(f"{path}: no such file or folder{hint}")
    if path.name == METRICS or EVENTS in path.name:
        return read_folder(path.parent, metric)
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"][-1:]
    with path.open("rb") as file:
        start = file.read(1000).lstrip()
    if endings in ([".csv"], [".parquet"]) or start.startswith(b"PAR1"):
        return read_table(path, metric)
    if endings == [".json"] or start[:1] in (b"[", b"{") or start.startswith(b"\x1f\x8b"):
        return read_score_file(path, metric)
    raise AnalysisError(f"{path}: what is this? {UNDERSTOOD}")
