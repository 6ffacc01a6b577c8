"""Runs on disk or in a queue that their suite no longer names, since their task, variant or seed was taken out of it.

A suite with another name has other runs, so the runs of a renamed suite are not among them.
"""

import os
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from common.text import counted
from runs.store.run_folder import SPEC
from runs.watching.batches import BATCHES
from runs.watching.jobs import Queue
from runs.watching.status import RunStatus
from suites.plan import RunName, named


def runs(suite: str, names: Set[str], results: Path, queue: Queue) -> list[RunName]:
    """The runs of a suite that it does not name, in the order of their names.

    Args:
        suite: Name of the suite.
        names: Names of the runs that the suite names.
        results: Root of all results.
        queue: The queues of local launchers and Slurm.
    """
    home = results / suite
    queued = (folder.relative_to(home).as_posix() for folder in queue.jobs if folder.is_relative_to(home))
    found = {run for name in (*queued, *_on_disk(home, names)) if (run := named(suite, name)) is not None}
    return sorted((run for run in found if run.name not in names), key=lambda run: (run.task, run.variant, run.seed))


def remark(rows: Sequence[RunStatus]) -> str:
    """How many of the runs that a suite no longer names are queued or running, and how to stop them; empty if none."""
    active = sum(row.is_active for row in rows)
    queued = sum(row.state == "queued" for row in rows)
    if not active:
        return ""
    return (
        f"{counted(active, 'run')} that the suite no longer names: {queued:,} queued, {active - queued:,} running; "
        "`launch.py cancel SUITE --gone` stops them"
    )


def _on_disk(home: Path, names: Set[str]) -> Iterator[str]:
    """The names of the run folders of a suite that it does not name; reads no file."""
    for task in _folders(home):
        if task.name == BATCHES or task.name.startswith("."):
            continue
        for variant in _folders(task.path):
            for seed in _folders(variant.path):
                name = f"{task.name}/{variant.name}/{seed.name}"
                if name not in names and Path(seed.path, SPEC).is_file():
                    yield name


def _folders(path: Path | str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):  # moved aside meanwhile, or nothing has run yet
        return []
