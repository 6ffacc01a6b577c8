"""Export of scores: the tidy table, score files of the Dreamer family, and TensorBoard event files."""

import gzip
import json
import math
from pathlib import Path

from analysis import event_folders
from analysis.scores import RUN, Scores
from common import files
from common.errors import UserError


def write(scores: Scores, metric: str, path: Path) -> None:
    """Writes the scores to a file in the format of its ending or, without an ending, to a folder of event files.

    Raises:
        UserError: The ending is not .parquet, .csv, .csv.gz, .json or .json.gz, or `event_folders.write` raises it.
    """
    if not path.suffix:
        event_folders.write(scores, metric, path)
        return
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    if name.endswith(".parquet"):
        content = to_parquet(scores)
    elif plain.endswith(".csv"):
        content = to_csv(scores)
    elif plain.endswith(".json"):
        content = to_score_file(scores, metric)
    else:
        raise UserError(
            f"{path}: scores are written to .parquet, .csv, .csv.gz, .json or .json.gz, or as TensorBoard events to a "
            "folder, whose name has no ending"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, content if plain == name else gzip.compress(content, mtime=0))


def to_parquet(scores: Scores) -> bytes:
    """The tidy table as Parquet."""
    return scores.table.to_parquet(index=False)


def to_csv(scores: Scores) -> bytes:
    """The tidy table as CSV, with all digits."""
    return scores.table.to_csv(index=False, lineterminator="\n").encode()


def to_score_file(scores: Scores, metric: str) -> bytes:
    """One metric as a JSON list of {task, method, seed, xs, ys}, in the order of the runs; null for what is not finite.

    Runs without a value of the metric are left out.
    """
    rows = scores.table[scores.table["metric"] == metric]
    entries = [
        {
            "task": run["task"].iloc[0],
            "method": run["variant"].iloc[0],
            "seed": int(run["seed"].iloc[0]),
            "xs": run["step"].tolist(),
            "ys": [value if math.isfinite(value) else None for value in run["value"].tolist()],
        }
        for _, run in rows.groupby(RUN, observed=True, sort=False)
    ]
    return json.dumps(entries).encode()
