"""Tables of other tools that are not tidy: W&B's export and Stable-Baselines3's monitor files."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.paths import shown
from analysis.sources.pattern import Pattern
from common.errors import UserError
from common.text import MESSAGE, listed, quoted, shortened

RUN = re.compile(r"(.+?) - (.+?)(__MIN|__MAX|__STEP)?")  # a column of W&B's export: run - metric
STEPS = ("step", "global_step")
NAMED = re.compile(r"([^-/]+)([-/])([^-/]+)\2(\d+)", re.ASCII)  # task-variant-seed
MONITOR = ("r", "l", "t")
LEADING = re.compile(r"\d{1,15}", re.ASCII)  # a number that a name begins with


def runs_of(header: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Column -> run and metric, if a header is that of W&B's export: a step, then columns `run - metric`."""
    if len(header) < 2 or header[0].strip().lower().split("/")[-1] not in STEPS:
        return {}
    found = {column: match for column in header[1:] if (match := RUN.fullmatch(column))}
    if len(found) < len(header) - 1:
        return {}
    return {column: (match[1], match[2]) for column, match in found.items() if not match[3]}


def export(
    raw: bytes, path: Path, separator: str, runs: Mapping[str, tuple[str, str]], pattern: Pattern | None
) -> tuple[pd.DataFrame, list[str]]:
    """W&B's export as a tidy table. A run's name tells its task, variant and seed, as in `walker_walk-dreamer-0`.

    Raises:
        UserError: The name of a run does not tell them, or the file is malformed.
    """
    try:
        table = pd.read_csv(io.BytesIO(raw), sep=separator)
        steps = table.iloc[:, 0].astype(float)
        frames = []
        for column, (run, metric) in runs.items():
            values = table[column].astype(float)
            told = _names(run, pattern, path)
            frames.append(pd.DataFrame({**told, "step": steps, "metric": metric, "value": values})[values.notna()])
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not an export of W&B's charts: {shortened(str(error), MESSAGE)}") from error
    frame = pd.concat(frames, ignore_index=True)
    frame = frame.astype({"seed": float, **dict.fromkeys(("task", "variant", "metric"), "category")})
    return frame, [f"{shown(path.name)}: W&B's export, with the names of runs as task, variant and seed"]


def is_monitor(path: Path) -> bool:
    """Whether a file is called as Stable-Baselines3 calls its monitor files."""
    return path.name.lower().endswith("monitor.csv")


def seeds_of(paths: Sequence[Path]) -> dict[Path, str]:
    """File of a run -> its seed: the numbers that names begin with if all do and differ, otherwise their order."""
    numbers = [match[0] for path in paths if (match := LEADING.match(path.name))]
    distinct = len({int(number) for number in numbers}) == len(paths)
    return dict(zip(paths, numbers if distinct else map(str, range(len(paths))), strict=True))


def monitor(raw: bytes, path: Path, names: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """A monitor file of Stable-Baselines3, one row per episode, as a tidy table.

    Unless names tell, the task is that of its first line, the variant the name of its folder, the seed the number that
    its name begins with. Steps are the sum of the episodes' lengths.

    Raises:
        UserError: It is no monitor file.
    """
    first, _, rest = raw.partition(b"\n")
    try:
        about = json.loads(first[1:])
        table = pd.read_csv(io.BytesIO(rest))
        if not isinstance(about, dict) or not set(MONITOR) <= set(table.columns):
            raise ValueError(f"its columns are {listed(list(map(str, table.columns)))}")
        step, value = table["l"].astype(float).cumsum(), table["r"].astype(float)
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: begins with #, but is no monitor file of Stable-Baselines3, which has a line of JSON and the "
            f"columns r, l, t: {shortened(str(error), MESSAGE)}"
        ) from error
    number = LEADING.match(path.name)
    own = {
        "task": str(about.get("env_id") or shown(path.name.split(".")[0])),
        "variant": shown(path.absolute().parent.name),
    }
    told = {**own, "seed": number[0] if number else "0", **names}
    frame = pd.DataFrame({"step": step, "value": value}).assign(**{name: told[name] for name in ("task", "variant")})
    frame = frame.astype(dict.fromkeys(("task", "variant"), "category")).assign(seed=float(told["seed"]))
    note = f"{shown(path.name)}: a monitor file; task {told['task']}, variant {told['variant']}, seed {told['seed']}"
    return frame, [f"{note}; values are returns of training episodes"]


def _names(run: str, pattern: Pattern | None, path: Path) -> Mapping[str, str]:
    if pattern and (told := pattern.names(Path(run))) and {"task", "variant", "seed"} <= set(told):
        return {name: told[name] for name in ("task", "variant", "seed")}
    if match := NAMED.fullmatch(run):
        return {"task": match[1], "variant": match[3], "seed": match[4]}
    raise UserError(
        f"{path}: an export of W&B whose run {quoted(run)} does not tell task, variant and seed; name runs as "
        "task-variant-seed, say what the names mean with --layout, such as '{task}-{variant}-seed{seed}', or make the "
        "table tidy: one row a value, with the columns task, variant, seed, step, value"
    )
