"""Layout of runs: `<task>/<variant>/<seed>/` in the folder of a suite, or in a folder of such folders."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

METRICS, SCORES = "metrics.jsonl", "scores.jsonl"
EVENTS = "tfevents"  # in the names of TensorBoard files
TABLES = (".csv", ".tsv", ".parquet")
PROGRESS = "progress.txt"  # a table of Spinning Up, separated by tabs
NO_TASKS = {"analysis", "slurm"}  # folders of a suite that are not tasks
SEED = re.compile(r"(seed|s|run|)[-_ =]?([0-9]{1,16})", re.ASCII | re.IGNORECASE)
DEPTH = 8  # levels of folders that are searched for runs in another layout


class Place(NamedTuple):
    """The name and folder of a run."""

    suite: str
    task: str
    variant: str
    seed: int
    folder: str


def find(root: Path) -> list[Place]:
    """The runs in a folder, sorted by name.

    The folder is a run if it has metrics.jsonl, scores.jsonl or event files; otherwise a suite if there are runs three
    levels below it; otherwise each folder in it is a suite. The name of a run's folder is its seed: a number or, if no
    folder beside it is called by a number, one of `seed_0`, `seed0`, `run2`, `00`, all of one form.
    """
    root = Path(normal(root))
    if is_run(str(root)):
        suite, task, variant, name = map(name_of, ("", "", "", *root.parts)[-4:])
        return [Place(suite, task, variant, _seeds([name]).get(name, 0), str(root))]
    return list(_suite(root.name, str(root))) or [
        place for name, folder in _folders(str(root)) for place in _suite(name_of(name), folder)
    ]


def others(root: Path, places: Collection[Place]) -> list[Path]:
    """The folders of runs at any place in a folder that are not among the places, sorted, relative to it."""
    top, known = normal(root), {place.folder for place in places}
    return [Path(folder).relative_to(top) for folder in _runs(top, DEPTH) if folder not in known]


def tables(root: Path) -> list[Path]:
    """The tables at any place in a folder, sorted, relative to it."""
    top = normal(root)
    return [Path(path).relative_to(top) for path in _tables(top, DEPTH)]


def has_events_only(folder: str) -> bool:
    """Whether a run has TensorBoard's event files and neither metrics.jsonl nor scores.jsonl."""
    names = [entry.name for entry in _entries(folder)]
    return not {METRICS, SCORES} & set(names) and any(EVENTS in name for name in names)


def normal(path: Path) -> str:
    """An absolute path without dots; links are not followed, because a run's path determines its name."""
    return os.path.normpath(path.absolute())


def is_run(folder: str) -> bool:
    """Whether a folder holds a run."""
    return any(
        (entry.name in (METRICS, SCORES) or EVENTS in entry.name) and entry.is_file() for entry in _entries(folder)
    )


def folder_name(name: str) -> str:
    """A name as that of a folder: what folders cannot have, or what is not searched for runs, is percent-encoded."""
    encoded = name.replace("%", "%25").replace("/", "%2F")
    first = encoded[:1]
    return f"%{ord(first):02X}{encoded[1:]}" if first == "." or encoded in NO_TASKS else encoded


def name_of(folder: str) -> str:
    """The name behind that of a folder, which is mostly the same."""
    name = unquote(folder)
    return name if folder_name(name) == folder else folder


def is_seed(name: str) -> bool:
    """Whether the name of a folder is a seed, in any form."""
    return bool(SEED.fullmatch(name))


def _suite(suite: str, root: str) -> Iterator[Place]:
    for task, tasks in _folders(root):
        if task in NO_TASKS:
            continue
        for variant, variants in _folders(tasks):
            folders = dict(_folders(variants))
            for name, seed in _seeds([name for name in folders if SEED.fullmatch(name)]).items():
                if is_run(folders[name]):
                    yield Place(suite, name_of(task), name_of(variant), seed, folders[name])


def _seeds(names: Collection[str]) -> dict[str, int]:
    """Name of a folder -> its seed: the plain numbers or, without any, names of one form with different numbers."""
    plain = {name: int(name) for name in names if len(name) < 17 and name.isdecimal() and str(int(name)) == name}
    padded = [name for name in names if name.isdecimal() and name not in plain]
    if plain and not (padded and len({len(name) for name in (*plain, *padded)}) == 1):
        return plain
    found = {name: match for name in names if (match := SEED.fullmatch(name))}
    seeds = {name: int(match[2]) for name, match in found.items()}
    one_form = len({match[1].lower() for match in found.values()}) == 1
    return seeds if one_form and len(set(seeds.values())) == len(seeds) else {}


def _runs(folder: str, depth: int) -> Iterator[str]:
    """The folders of runs below a folder; a run's own folders are not searched."""
    for name, path in _folders(folder):
        if is_run(path):
            yield path
        elif depth > 1 and name not in NO_TASKS:
            yield from _runs(path, depth - 1)


def _tables(folder: str, depth: int) -> Iterator[str]:
    names = sorted(entry.name for entry in _entries(folder) if entry.name[0] != "." and entry.is_file())
    yield from (f"{folder}/{name}" for name in names if Path(name).suffix.lower() in TABLES or name == PROGRESS)
    for name, path in _folders(folder) if depth > 1 else []:
        if name not in NO_TASKS:
            yield from _tables(path, depth - 1)


def _folders(root: str) -> list[tuple[str, str]]:
    """Name and path of the folders in a folder, without hidden and unprintable names."""
    found = (entry for entry in _entries(root) if entry.name[0] != "." and entry.name.isprintable() and entry.is_dir())
    return sorted((entry.name, entry.path) for entry in found)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
