"""Episodes as files, one per episode: the replay on disk.

A file is named `<index>-e<environment>-<length>.npz`, so that files can be counted without being opened. `index` counts
the finished episodes of a run; `length` counts records. A record is an observation, the action that led to it, its
reward and discount. A file has these arrays: the observations by their names, `action`, `reward` and `discount`.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.agent import OUTCOMES, ActionSpec, ArraySpec, ObservationSpec
from common.errors import UserError

Episode = Mapping[str, NDArray]  # each observation (T, ...), action (T, A), reward (T,), discount (T,) float32
RecordSpec = Mapping[str, ArraySpec]  # shape and type of each array of a record, by name
NAME = re.compile(r"(\d{6,})-e(\d+)-(\d+)\.npz")
# zlib's level 1 writes a ray-cast episode of 500 steps in about 30 ms and 0.6-1.6 MB instead of 6.2, and reads it in
# about 10 ms; higher levels take longer and save little.
LEVEL = 1
ARRAY = ".npy"  # suffix of the arrays' names in an archive
# Errors of zipfile and numpy for broken archives; RuntimeError if a flipped bit means "encrypted".
UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class DamagedError(Exception):
    """A file does not contain the episode that its name describes."""


class ForeignError(UserError):
    """A file contains an episode, but its records differ in kind from this run's."""


@dataclass(frozen=True, order=True)
class Name:
    """The file name of an episode."""

    index: int
    env: int
    length: int

    def __str__(self) -> str:
        return f"{self.index:06d}-e{self.env}-{self.length}.npz"

    @classmethod
    def parse(cls, text: str) -> "Name | None":
        """Parses a file name; None if it is not that of an episode."""
        match = NAME.fullmatch(text)
        name = cls(*map(int, match.groups())) if match else None
        return name if name is not None and str(name) == text and name.length > 0 else None


def record_spec(observations: ObservationSpec, action: ActionSpec) -> RecordSpec:
    """The specification of a run's records."""
    number = np.dtype(np.float32)
    shapes = {"action": (action.size,), "reward": (), "discount": ()}
    return {**observations, **{name: ArraySpec(shapes[name], number) for name in OUTCOMES}}


def encode(episode: Episode) -> bytes:
    """An episode as the bytes of an .npz file; the same episode always gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, array in episode.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}{ARRAY}")  # its date is constant
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getbuffer(), compresslevel=LEVEL)
    return buffer.getvalue()


def load(path: Path, length: int, spec: RecordSpec) -> Episode:
    """Reads a whole episode and verifies the archive's checksums.

    Raises:
        DamagedError: the file is missing, truncated, or not an episode of this length.
        ForeignError: it is one, but its records do not match the specification.
    """
    _refuse_special(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            episode = {name: np.asarray(archive[name]) for name in archive.files}
    except UNREADABLE as error:
        raise DamagedError(str(error) or type(error).__name__) from error
    held = _records({name: (array.shape, array.dtype) for name, array in episode.items()}, length, spec)
    if held != spec:
        raise _foreign(path, held, spec)
    return episode


def check(path: Path, length: int, spec: RecordSpec) -> None:
    """Checks only the headers of an episode's arrays, which detects truncated and foreign files.

    Raises:
        DamagedError: the file is truncated, or not an episode of this length.
        ForeignError: it is one, but its records do not match the specification.
    """
    headers = {}
    _refuse_special(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    if np.lib.format.read_magic(member) != (1, 0):
                        raise DamagedError(f"unknown version of {name}")
                    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
                    headers[name.removesuffix(ARRAY)] = (shape, dtype)
            held = _records(headers, length, spec)
            if held != spec:
                if archive.testzip() is not None:  # a damaged header can look like another specification
                    raise DamagedError("a checksum differs")
                raise _foreign(path, held, spec)
    except UNREADABLE as error:
        raise DamagedError(str(error) or type(error).__name__) from error


def _refuse_special(path: Path) -> None:
    if path.exists() and not path.is_file():  # a FIFO would be waited for
        raise DamagedError("no plain file")


def _records(headers: Mapping[str, tuple[tuple[int, ...], np.dtype]], length: int, spec: RecordSpec) -> RecordSpec:
    """The specification of a file's records.

    Raises:
        DamagedError: their number is wrong, or they have no actions, rewards or discounts.
    """
    for name, (shape, dtype) in headers.items():
        if shape[:1] != (length,):
            raise DamagedError(f"{name} is {dtype} {shape}, not of {length} records")
    held = {name: ArraySpec(shape[1:], dtype) for name, (shape, dtype) in headers.items()}
    for name in OUTCOMES:
        if name not in held:
            raise DamagedError(f"{name} is missing")
        if held[name].dtype != spec[name].dtype or len(held[name].shape) != len(spec[name].shape):
            raise DamagedError(f"{name} is {held[name]} per record, not {spec[name]}")
    return held


def _foreign(path: Path, held: RecordSpec, spec: RecordSpec) -> ForeignError:
    def text(records: RecordSpec) -> str:
        return ", ".join(f"{name} {array}" for name, array in records.items() if name not in ("reward", "discount"))

    return ForeignError(
        f"{path}: its records hold {text(held)}, but this run needs {text(spec)}; move the run's folder away"
    )
