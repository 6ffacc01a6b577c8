"""The runs that wait for a local launcher to start them, for everyone who asks how a suite stands.

results/<suite>/.launchers/<host>-<pid>.json    locked by its launcher as long as that lives
"""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from runs.store.run import Run

FOLDER = ".launchers"


@contextmanager
def posted(suite: Path) -> Iterator[Callable[[Sequence[Run]], None]]:
    """Keeps a launcher's roster in a suite's folder; yields what posts the waiting runs anew."""
    folder = suite / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{socket.gethostname()}-{os.getpid()}.json"
    fresh = path.with_suffix(".new")
    # Written in place: the lock is the file's, and a torn roster is read as an empty one.
    with fresh.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fresh.rename(path)  # locked before anybody can find it and take it for a dead launcher's

        def post(waiting: Sequence[Run]) -> None:
            file.seek(0)
            file.truncate()
            json.dump([run.name for run in waiting], file)
            file.flush()

        try:
            yield post
        finally:
            path.unlink(missing_ok=True)


def read(suite: Path) -> Mapping[Path, str]:
    """The folders of the runs that wait, with the name of their launcher: `<host>-<pid>`."""
    waiting: dict[Path, str] = {}
    for path in (suite / FOLDER).glob("*.json"):
        for name in _names(path):
            waiting[suite / name] = path.stem
    return waiting


def _names(path: Path) -> list[str]:
    """What a roster names while its launcher lives."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                content = json.load(file)
                return [name for name in content if isinstance(name, str)] if isinstance(content, list) else []
        path.unlink(missing_ok=True)  # its launcher was killed
    except (OSError, ValueError):
        pass
    return []
