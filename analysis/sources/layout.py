"""Layout of runs: `<task>/<variant>/<seed>/` in the folder of a suite, or in a folder of such folders."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

METRICS = "metrics.jsonl"
EVENTS = "tfevents"  # in the names of TensorBoard files
NO_TASKS = {"analysis", "slurm"}  # folders of a suite that are not tasks


class Place(NamedTuple):
    """The name and folder of a run."""

    suite: str
    task: str
    variant: str
    seed: int
    folder: str


def find(root: Path) -> list[Place]:
    """The runs in a folder, sorted by name.

    The folder is a run if it has metrics.jsonl or event files; otherwise a suite if there are runs three levels below
    it; otherwise each folder in it is a suite. The name of a run's folder is its seed.
    """
    root = Path(normal(root))
    if is_run(str(root)):
        suite, task, variant, seed = ("", "", "", *root.parts)[-4:]
        return [Place(suite, task, variant, int(seed) if _is_seed(seed) else 0, str(root))]
    return list(_suite(root.name, str(root))) or [
        place for name, folder in _folders(str(root)) for place in _suite(name, folder)
    ]


def has_events_only(folder: str) -> bool:
    """Whether a run has TensorBoard's event files and no metrics.jsonl."""
    names = [entry.name for entry in _entries(folder)]
    return METRICS not in names and any(EVENTS in name for name in names)


def normal(path: Path) -> str:
    """An absolute path without dots; links are not followed, because a run's path determines its name."""
    return os.path.normpath(path.absolute())


def is_run(folder: str) -> bool:
    """Whether a folder holds a run."""
    return any(entry.name == METRICS or EVENTS in entry.name for entry in _entries(folder))


def _suite(suite: str, root: str) -> Iterator[Place]:
    for task, tasks in _folders(root):
        if task in NO_TASKS:
            continue
        for variant, variants in _folders(tasks):
            for seed, folder in _folders(variants):
                if _is_seed(seed) and is_run(folder):
                    yield Place(suite, task, variant, int(seed), folder)


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


def _is_seed(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 16 and str(int(name)) == name
