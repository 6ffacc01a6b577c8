"""The queues of local launchers on disk: runs that wait to be started, for `status` and other launchers.

results/<suite>/.launchers/<host>-<pid>.json    locked by its launcher while that is alive
"""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from runs.store.run import Run

FOLDER = ".launchers"


@contextmanager
def queue_file(suite: Path) -> Iterator[Callable[[Sequence[Run]], None]]:
    """Keeps a launcher's queue file in a suite's folder; yields a function that writes the waiting runs to it."""
    folder = suite / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{socket.gethostname()}-{os.getpid()}.json"
    fresh = path.with_suffix(".new")
    # Written in place: the lock belongs to the file, and a truncated file reads as an empty queue.
    with fresh.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fresh.rename(path)  # locked before others can find it: an unlocked file is a dead launcher's

        def write(waiting: Sequence[Run]) -> None:
            with suppress(OSError):  # without room, others only cannot see what waits
                file.seek(0)
                file.truncate()
                json.dump([run.name for run in waiting], file)
                file.flush()

        try:
            yield write
        finally:
            path.unlink(missing_ok=True)


def read(suite: Path) -> Mapping[Path, str]:
    """The folders of the waiting runs, each with the name of its launcher: `<host>-<pid>`."""
    waiting: dict[Path, str] = {}
    for path in (suite / FOLDER).glob("*.json"):
        for name in _names(path):
            waiting[suite / name] = path.stem
    return waiting


def _names(path: Path) -> list[str]:
    """The runs in a queue file; none if its launcher is dead."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:  # noqa: PTH123  # FIFOs wait
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                content = json.load(file)
                return [name for name in content if isinstance(name, str)] if isinstance(content, list) else []
        path.unlink(missing_ok=True)  # its launcher was killed
    except (OSError, ValueError, RecursionError):
        pass
    return []
