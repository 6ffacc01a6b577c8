"""The whole state of a run on disk: `checkpoints/<step>/` is complete or absent, and damage is detected.

    checkpoints/
      12000/
        agent.npz       the arrays of `Agent.save`
        driver.npz      recurrent state of the policy, and the actions of each environment's current episode
        progress.json   counters and marks
        checksums.json  SHA-256 of each of these files; written last
      set_aside/        checkpoints found damaged

A second checkpoint at the same step (after a stop within a training phase) replaces the first, which is called
`<step>.old` for an instant.
"""

import hashlib
import io
import json
import logging
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import files

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray]
LARGEST = 2**40  # bytes of a file of a checkpoint
NAME = re.compile(r"(\d{1,18})(\.old)?")
AGENT, DRIVER, PROGRESS, CHECKSUMS = "agent.npz", "driver.npz", "progress.json", "checksums.json"


class DamagedError(Exception):
    """The content of a checkpoint differs from what was written."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint: two groups of arrays, and counters as JSON."""

    agent: Arrays
    driver: Arrays
    progress: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, keep: int = 2):
        """Opens a folder, which need not exist; it keeps the newest `keep` checkpoints."""
        self.folder = folder
        self.keep = keep

    def __bool__(self) -> bool:
        """Whether there is any checkpoint, damaged or not."""
        return bool(self._paths())

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint, then deletes the oldest ones beyond `keep`."""
        target = self.folder / str(step)
        temporary = files.temporary(target)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        contents = {
            AGENT: encode(checkpoint.agent),
            DRIVER: encode(checkpoint.driver),
            PROGRESS: json.dumps(checkpoint.progress).encode(),
        }
        contents[CHECKSUMS] = json.dumps(
            {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        ).encode()
        for name, data in contents.items():
            files.write_file(temporary / name, data)
        files.sync_folder(temporary)
        old = self.folder / f"{step}.old"
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
        temporary.rename(target)
        files.sync_folder(self.folder)
        shutil.rmtree(old, ignore_errors=True)
        self._prune()

    def newest(self) -> tuple[int, Checkpoint] | None:
        """The newest undamaged checkpoint and its step, or None; changes nothing.

        Damaged ones are skipped with a warning.
        """
        for path in self._paths():
            try:
                return step_of(path), read(path)
            except DamagedError as error:
                logger.warning("checkpoint %s is damaged (%s); trying the one before", path, error)
        return None

    def progresses(self) -> Iterator[dict[str, Any]]:
        """The counters of each checkpoint that can be read, newest first."""
        for path in self._paths():
            progress = files.read_json(path / PROGRESS)
            if progress is not None:
                yield progress

    def position(self) -> tuple[int, int]:
        """Environment and gradient steps of the newest checkpoint with readable counters; zeros if there is none."""
        counters = next(self.progresses(), {})
        return counter(counters, "step"), counter(counters, "updates")

    def clear(self, after: int) -> None:
        """Sets aside the damaged checkpoints after a step, and deletes temporary files of killed processes."""
        for path in self._paths():
            if step_of(path) > after:
                aside = self.folder / "set_aside"
                aside.mkdir(exist_ok=True)
                shutil.rmtree(aside / path.name, ignore_errors=True)
                path.rename(aside / path.name)
        for path in self.folder.glob(f"{files.TEMPORARY}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _paths(self) -> list[Path]:
        """Complete checkpoints, newest first; `<step>.old` comes after `<step>`."""
        if not self.folder.is_dir():
            return []
        paths = [path for path in self.folder.iterdir() if NAME.fullmatch(path.name) and path.is_dir()]
        return sorted(paths, key=lambda path: (-step_of(path), path.name))

    def _prune(self) -> None:
        for path in self._paths()[self.keep :]:
            files.remove_folder(path)


def counter(progress: dict[str, Any], name: str) -> int:
    """A counter of a checkpoint; 0 if it has none."""
    value = progress.get(name)
    return value if isinstance(value, int) else 0


def step_of(path: Path) -> int:
    """The step of a checkpoint's folder."""
    return int(path.name.removesuffix(".old"))


def read(path: Path) -> Checkpoint:
    """Reads one checkpoint and verifies its checksums.

    Raises:
        DamagedError: a file is missing or differs from what was written.
    """
    checksums = files.read_json(path / CHECKSUMS)
    if checksums is None or set(checksums) != {AGENT, DRIVER, PROGRESS}:
        raise DamagedError(f"{CHECKSUMS} is missing or truncated")
    contents = {}
    for name, expected in checksums.items():
        try:
            contents[name] = files.read_bytes(path / name, LARGEST)
        except OSError as error:
            raise DamagedError(f"{name}: {error.strerror}") from error
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise DamagedError(f"the checksum of {name} differs")
    return Checkpoint(decode(contents[AGENT]), decode(contents[DRIVER]), json.loads(contents[PROGRESS]))


def encode(arrays: Arrays) -> bytes:
    """Named arrays as the bytes of an .npz file; names may contain slashes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def decode(data: bytes) -> Arrays:
    """Named arrays from the bytes of an .npz file."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
