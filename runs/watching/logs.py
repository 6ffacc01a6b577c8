"""Prints the output of a run or of its Slurm job, afterwards or while it is written."""

import math
import shutil
import sys
import time
from pathlib import Path

from common import files
from common.errors import UserError
from common.text import printable
from runs.settings import SlurmSettings
from runs.store.run import OUTPUT
from runs.watching.batches import BATCHES
from runs.watching.queue import look
from runs.watching.status import status_of

POLL = 0.5  # seconds between two reads of the log
ASK = 5.0  # seconds between two checks whether the run is queued or running


def find(folder: Path) -> Path | None:
    """The log of a run: its own output, or its job's if the run never started; None if there is neither."""
    own = folder / OUTPUT
    if own.is_file():
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
        follow: Also print what is added, until the run ends.

    Raises:
        UserError: there is no log, and none is expected.
    """
    if len(folder.absolute().parents) < 4:
        raise UserError(f"{folder}: no run folder; expected results/<suite>/<task>/<variant>/<seed>")
    path = shown = None
    position = 0
    checked, more = -math.inf, True
    while more:
        if time.monotonic() - checked > ASK:  # checked before reading, so that the last lines are read too
            checked, more = time.monotonic(), follow and _is_active(folder.absolute())
            path = find(folder)
        if path is None and not more:
            missing = "" if folder.is_dir() else "; there is no such folder"
            raise UserError(f"{folder} has no log: it has not started{missing}")
        if path is not None:
            if path != shown:
                print(f"==> {path} <==", file=sys.stderr, flush=True)
                shown, position = path, 0
            position = _print(path, position)
        if more:
            time.sleep(POLL)


def _is_active(folder: Path) -> bool:
    """Whether a run is queued or running, as far as this machine can tell."""
    suite = folder.parents[2]
    queue = look(suite.parent, [suite.name])
    status, _ = status_of(folder, queue, SlurmSettings().stale)
    silent = bool(queue.warnings) and shutil.which("squeue") is not None  # Slurm may answer again later
    return status in ("queued", "running") or (silent and status not in ("done", "failed"))


def _print(path: Path, position: int) -> int:
    """Prints a file from a position on, without control characters; returns the position of its end."""
    with files.open_plain(path) as file:
        file.seek(position)
        content = file.read()
    print(printable(content.decode(errors="replace").replace("\r\n", "\n")), end="", flush=True)
    return position + len(content)
