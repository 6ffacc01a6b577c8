"""Batches: which runs were given to Slurm together, on disk before Slurm hears of them.

    results/<suite>/slurm/<name>/
      batch.json                which runs each job of the array has, their identities, and the snapshot
      <job>_submission.sh       what submitit gave to sbatch; its pickles and logs lie beside it

A batch's name is also the name of its jobs in Slurm's queue. So the queue's own answer says which runs are queued: a
launcher killed at any moment leaves nothing that is not found again.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from common import files
from runs.store.run import Run
from runs.watching.jobs import Entry, Queue, QueuedJob
from suites.identity import Identity

BATCHES = "slurm"  # folder of a suite: what was given to Slurm, one folder a batch
NAME = "batch.json"
PICKLE = "_submitted.pkl"  # what submitit puts after a job's id


def folder_of(suite: Path) -> Path:
    """A fresh folder for a batch in a suite's folder; its name is found nowhere else."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in suite.name)[:40]
    return suite.absolute() / BATCHES / f"{letters}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def write(folder: Path, jobs: Sequence[Sequence[Run]], snapshot: str) -> None:
    """Notes which runs each job has, by its index in the array."""
    folder.mkdir(parents=True)
    named = [[{"run": run.name, **run.spec.identity.to_json()} for run in runs] for runs in jobs]
    files.write_json(folder / NAME, {"snapshot": snapshot, "jobs": named})


def read(folder: Path) -> dict[str, Any]:
    """The snapshot and the jobs of a batch; empty for a folder that is none."""
    content = files.read_json(folder / NAME) or {}
    return content if isinstance(content.get("jobs"), list) else {"snapshot": "", "jobs": []}


def queue(results: Path, suites: Iterable[str], entries: Iterable[Entry]) -> Queue:
    """Which runs of some suites Slurm's queue has.

    Args:
        results: Root of all results.
        suites: Names of suites.
        entries: Slurm's queue: all jobs of this user.
    """
    entries = list(entries)
    names = {entry.name for entry in entries}
    ours = {
        path.name: path
        for suite in suites
        for path in (results / suite / BATCHES).glob("*")
        if path.name in names  # others are over, and not worth reading
    }
    contents = {name: read(path) for name, path in ours.items()}
    jobs: dict[Path, QueuedJob] = {}
    for entry in entries:
        if entry.name not in ours:
            continue
        _, _, index = entry.job.id.partition("_")
        listed = contents[entry.name]["jobs"]
        place = int(index) if index.isdecimal() else 0  # a batch of one is no array
        for run in listed[place] if place < len(listed) else []:
            folder = ours[entry.name].parent.parent / run["run"]
            jobs[folder] = replace(entry.job, identity=Identity.from_json(run))
    return Queue(jobs, frozenset(entry.job.id for entry in entries))


def orphans(results: Path, entries: Iterable[Entry]) -> set[str]:
    """The ids of jobs whose launcher was killed after Slurm had accepted them and before it wrote their pickles.

    Only who holds the launchers' turn can tell: another launcher may be about to write them.
    """
    ids: dict[str, set[str]] = {}
    for entry in entries:
        ids.setdefault(entry.name, set()).add(entry.job.id)
    return {
        id_
        for home in results.glob(f"*/{BATCHES}/*")
        if home.name in ids
        for id_ in ids[home.name] - {path.name.removesuffix(PICKLE) for path in home.glob(f"*{PICKLE}")}
    }


def snapshots(results: Path, entries: Iterable[Entry]) -> set[str]:
    """The snapshots that some job in Slurm's queue runs from, whatever its suite."""
    names = {entry.name for entry in entries}
    return {read(path)["snapshot"] for path in results.glob(f"*/{BATCHES}/*") if path.name in names}


def log(suite: Path, run: str) -> Path | None:
    """The log of the newest job that has, or had, a run in its hands, if that job ever began."""
    found: list[Path] = []
    for path in (suite / BATCHES).glob("*"):
        jobs = read(path)["jobs"]
        for index, runs in enumerate(jobs):
            if any(entry["run"] == run for entry in runs):
                found += path.glob(f"*_{index}_0_log.out" if len(jobs) > 1 else "*_log.out")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
