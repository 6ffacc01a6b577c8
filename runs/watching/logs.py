"""What a run has printed, and what its Slurm job has, while it happens or afterwards."""

import math
import shutil
import sys
import time
from pathlib import Path

from common.errors import UserError
from runs.settings import SlurmSettings
from runs.store.run import OUTPUT
from runs.watching.batches import BATCHES
from runs.watching.queue import look
from runs.watching.status import stand

POLL = 0.5  # seconds between two looks at the log
ASK = 5.0  # seconds between two questions whether the run goes on


def find(folder: Path) -> Path | None:
    """The log of a run: its own output, or its job's if the run has never begun; None if neither has."""
    own = folder / OUTPUT
    if own.exists():
        return own
    suite = folder.absolute().parents[2]
    if not (suite / BATCHES).is_dir():
        return None
    from runs.watching import batches

    return batches.log(suite, folder.absolute().relative_to(suite).as_posix())


def show(folder: Path, follow: bool) -> None:
    """Prints a run's log.

    Args:
        folder: The run's folder.
        follow: Print what is added, too, until the run has ended.

    Raises:
        UserError: there is no log, and none is to be expected.
    """
    if len(folder.absolute().parents) < 4:
        raise UserError(f"{folder}: no run folder; needed is results/<suite>/<task>/<variant>/<seed>")
    path = shown = None
    position = 0
    asked, more = -math.inf, True
    while more:
        if time.monotonic() - asked > ASK:  # before reading: what is written meanwhile is read, too
            asked, more = time.monotonic(), follow and _goes_on(folder.absolute())
            path = find(folder)
        if path is None and not more:
            missing = "" if folder.is_dir() else "; there is no such folder"
            raise UserError(f"{folder} has no log: nothing of it has begun to run{missing}")
        if path is not None:
            if path != shown:
                print(f"==> {path} <==", file=sys.stderr, flush=True)
                shown, position = path, 0
            position = _print(path, position)
        if more:
            time.sleep(POLL)


def _goes_on(folder: Path) -> bool:
    """Whether a run is queued or running, by all that can be seen from here."""
    suite = folder.parents[2]
    queue = look(suite.parent, [suite.name])
    standing, _ = stand(folder, queue, SlurmSettings().stale)
    silent = bool(queue.warnings) and shutil.which("squeue") is not None  # for a while only, one may hope
    return standing in ("queued", "running") or (silent and standing not in ("done", "failed"))


def _print(path: Path, position: int) -> int:
    """Prints what a file holds from a position on; returns where it ends."""
    with path.open("rb") as file:
        file.seek(position)
        content = file.read()
    print(content.decode(errors="replace"), end="", flush=True)
    return position + len(content)
