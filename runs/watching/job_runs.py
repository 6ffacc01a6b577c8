"""The runs of a Slurm job by the job's id, also after it has ended and whether or not a suite still names them."""

import re
from pathlib import Path

from common.errors import UserError
from runs.watching import batches
from runs.watching.batches import BATCHES, SCRIPT
from suites.plan import RunName, named

SHOWN = 5  # runs listed in an error


def is_job(text: str) -> bool:
    """Whether a text is the id of a Slurm job as squeue shows it: `12`, or `12_3` for a member of an array."""
    return re.fullmatch(r"[0-9]+(_[0-9]+)?", text) is not None


def find(results: Path, job: str) -> list[RunName]:
    """The runs of a job; for the id of an array, those of all its members.

    Raises:
        UserError: no job with this id was submitted from this folder of results.
    """
    array, _, member = job.partition("_")
    found: list[RunName] = []
    for script in results.glob(f"*/{BATCHES}/*/{array}{SCRIPT}"):
        jobs = batches.read(script.parent)["jobs"]
        suite = script.parents[2].name
        for index, entries in enumerate(jobs):
            if not member or int(member) == index:
                runs = (named(suite, entry["run"]) for entry in entries)
                found += [run for run in runs if run is not None]
    if not found:
        raise UserError(f"job {job}: no such job was submitted from {results}; --results DIR names another folder")
    return found


def folder(results: Path, job: str) -> Path:
    """The folder of a job's only run.

    Raises:
        UserError: there is no such job, or it has several runs.
    """
    runs = find(results, job)
    if len(runs) > 1:
        listed = "".join(f"\n  {run.folder(results)}" for run in runs[:SHOWN])
        more = f"\n  ... and {len(runs) - SHOWN:,} more" if len(runs) > SHOWN else ""
        raise UserError(f"job {job} has {len(runs):,} runs; name one of their folders:{listed}{more}")
    return runs[0].folder(results)
