"""Episodes as files, one an episode: the replay on disk.

A file is named `<index>-e<environment>-<length>.npz`, so that counting needs no opening. `index` counts the finished
episodes of a run; `length` counts records. A record is an observation, the action that led to it, its reward and
discount. A file holds an array for each: those of the observations by their names, `action`, `reward` and `discount`.
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
RecordSpec = Mapping[str, ArraySpec]  # what a record holds, by name
NAME = re.compile(r"(\d{6,})-e(\d+)-(\d+)\.npz")
# zlib's level 1 writes a ray-cast episode of 500 steps in about 30 ms and 0.6-1.6 MB instead of 6.2, and reads it in
# about 10 ms; higher levels take longer and gain little.
LEVEL = 1
ARRAY = ".npy"  # how the names of an archive's arrays end
# What zipfile and numpy raise about broken archives; RuntimeError for a flipped bit that says "encrypted".
UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class DamagedError(Exception):
    """A file does not hold the episode that its name promises."""


class ForeignError(UserError):
    """A file holds an episode, but its records hold something else than this run's."""


@dataclass(frozen=True, order=True)
class Name:
    """What an episode's file name says of it."""

    index: int
    env: int
    length: int

    def __str__(self) -> str:
        return f"{self.index:06d}-e{self.env}-{self.length}.npz"

    @classmethod
    def parse(cls, text: str) -> "Name | None":
        """Reads a file name; None where it is no episode's."""
        match = NAME.fullmatch(text)
        name = cls(*map(int, match.groups())) if match else None
        return name if name is not None and str(name) == text and name.length > 0 else None


def record_spec(observations: ObservationSpec, action: ActionSpec) -> RecordSpec:
    """What the records of a run hold."""
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
    """Reads an episode whole; the archive's checksums are verified.

    Raises:
        DamagedError: the file is missing, torn, or not an episode of this length.
        ForeignError: it is one, but its records hold something else.
    """
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
    """Looks at an episode's headers only, which shows files that are torn or foreign.

    Raises:
        DamagedError: the file is torn, or not an episode of this length.
        ForeignError: it is one, but its records hold something else.
    """
    headers = {}
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
                if archive.testzip() is not None:  # a damaged header can look like another one
                    raise DamagedError("a checksum differs")
                raise _foreign(path, held, spec)
    except UNREADABLE as error:
        raise DamagedError(str(error) or type(error).__name__) from error


def _records(headers: Mapping[str, tuple[tuple[int, ...], np.dtype]], length: int, spec: RecordSpec) -> RecordSpec:
    """What the records of a file hold.

    Raises:
        DamagedError: they are not so many, or have no actions, rewards and discounts.
    """
    for name, (shape, dtype) in headers.items():
        if shape[:1] != (length,):
            raise DamagedError(f"{name} is {dtype} {shape}, not of {length} records")
    held = {name: ArraySpec(shape[1:], dtype) for name, (shape, dtype) in headers.items()}
    for name in OUTCOMES:
        if name not in held:
            raise DamagedError(f"{name} is missing")
        if held[name].dtype != spec[name].dtype or len(held[name].shape) != len(spec[name].shape):
            raise DamagedError(f"{name} is {held[name]} a record, not {spec[name]}")
    return held


def _foreign(path: Path, held: RecordSpec, spec: RecordSpec) -> ForeignError:
    def words(records: RecordSpec) -> str:
        return ", ".join(f"{name} {array}" for name, array in records.items() if name not in ("reward", "discount"))

    return ForeignError(
        f"{path}: its records hold {words(held)}, and not {words(spec)} as this run; move the run's folder away"
    )
