"""Batches: runs submitted to Slurm together, recorded on disk before the submission.

    results/<suite>/slurm/<name>/
      batch.json                the runs of each job of the array, their identities, and the snapshot
      <job>_submission.sh       the script that submitit passed to sbatch; next to it, its pickles and logs

A batch's name is also the name of its jobs in Slurm's queue, so Slurm's queue tells which runs are queued. If a
launcher is killed at any moment, its jobs are still found.
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

BATCHES = "slurm"  # in a suite's folder, with a folder for each batch
NAME = "batch.json"
PICKLE = "_submitted.pkl"  # submitit's suffix after a job's id
SCRIPT = "_submission.sh"  # likewise


def folder_of(suite: Path) -> Path:
    """A new folder for a batch in a suite's folder, with a unique name."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in suite.name)[:40]
    return suite.absolute() / BATCHES / f"{letters}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def write(folder: Path, jobs: Sequence[Sequence[Run]], snapshot: str) -> None:
    """Records the runs of each job, by its index in the array."""
    folder.mkdir(parents=True)
    named = [[{"run": run.name, **run.spec.identity.to_json()} for run in runs] for runs in jobs]
    files.write_json(folder / NAME, {"snapshot": snapshot, "jobs": named})


def read(folder: Path) -> dict[str, Any]:
    """The snapshot and the jobs of a batch; empty for any other folder."""
    content = files.read_json(folder / NAME) or {}
    jobs, snapshot = content.get("jobs"), content.get("snapshot")
    return {
        "snapshot": snapshot if isinstance(snapshot, str) else "",
        "jobs": [_runs(job) for job in jobs] if isinstance(jobs, list) else [],
    }


def _runs(job: object) -> list[dict[str, Any]]:
    """The runs of a job in a file, without what no run can be."""
    return [
        run
        for run in (job if isinstance(job, list) else [])
        if isinstance(run, dict) and isinstance(run.get("run"), str) and isinstance(run.get("hash"), str)
    ]


def queue(results: Path, suites: Iterable[str], entries: Iterable[Entry]) -> Queue:
    """The runs of some suites that are in Slurm's queue.

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
        if path.name in names  # the jobs of the others have ended
    }
    contents = {name: read(path) for name, path in ours.items()}
    jobs: dict[Path, QueuedJob] = {}
    for entry in entries:
        if entry.name not in ours:
            continue
        _, _, index = entry.job.id.partition("_")
        listed = contents[entry.name]["jobs"]
        place = int(index) if index.isdecimal() else 0  # a batch of one job is not an array
        for run in listed[place] if place < len(listed) else []:
            folder = ours[entry.name].parent.parent / run["run"]
            jobs[folder] = replace(entry.job, identity=Identity.from_json(run))
    return Queue(jobs, frozenset(entry.job.id for entry in entries))


def orphans(results: Path, entries: Iterable[Entry]) -> set[str]:
    """The ids of jobs whose launcher was killed after Slurm accepted them and before it wrote their pickles.

    Call it only with the submission lock: without it, another launcher may be about to write the pickles.
    """
    ids: dict[str, set[str]] = {}
    for entry in entries:
        ids.setdefault(entry.name, set()).add(entry.job.id)
    return {
        id_
        for folder in results.glob(f"*/{BATCHES}/*")
        if folder.name in ids
        for id_ in ids[folder.name] - {path.name.removesuffix(PICKLE) for path in folder.glob(f"*{PICKLE}")}
    }


def snapshots(results: Path, entries: Iterable[Entry]) -> set[str]:
    """The snapshots that jobs in Slurm's queue run from, for all suites."""
    names = {entry.name for entry in entries}
    return {read(path)["snapshot"] for path in results.glob(f"*/{BATCHES}/*") if path.name in names}


def log(suite: Path, run: str) -> Path | None:
    """The log of the newest job of a run, or None if no job of it has started."""
    found: list[Path] = []
    for path in (suite / BATCHES).glob("*"):
        jobs = read(path)["jobs"]
        for index, runs in enumerate(jobs):
            if any(entry["run"] == run for entry in runs):
                found += path.glob(f"*_{index}_0_log.out" if len(jobs) > 1 else "*_log.out")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
