"""Episodes as files, one an episode: the replay on disk.

A file is named `<index>-e<environment>-<length>.npz`, so that counting needs no opening. `index` counts the finished
episodes of a run; `length` counts records. A record is an observation, the action that led to it, its reward and
discount.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Episode = Mapping[str, NDArray]  # image uint8 (T, H, W, 3), action (T, A), reward (T,), discount (T,) float32
KEYS = ("image", "action", "reward", "discount")
NAME = re.compile(r"(\d{6,})-e(\d+)-(\d+)\.npz")
# zlib's level 1 writes a ray-cast episode of 500 steps in about 30 ms and 0.6-1.6 MB instead of 6.2, and reads it in
# about 10 ms; higher levels take longer and gain little.
LEVEL = 1
# What zipfile and numpy raise about broken archives; RuntimeError for a flipped bit that says "encrypted".
UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class DamagedError(Exception):
    """A file does not hold the episode that its name promises."""


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


def encode(episode: Episode) -> bytes:
    """An episode as the bytes of an .npz file; the same episode always gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for key in KEYS:
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(episode[key]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{key}.npy")  # its date is constant
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getbuffer(), compresslevel=LEVEL)
    return buffer.getvalue()


def load(path: Path, length: int) -> Episode:
    """Reads an episode whole; the archive's checksums are verified.

    Raises:
        DamagedError: the file is missing, torn, or not an episode of this length.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            episode = {key: archive[key] for key in KEYS}
    except UNREADABLE as error:
        raise DamagedError(str(error) or type(error).__name__) from error
    _check_shapes({key: (array.shape, array.dtype) for key, array in episode.items()}, length)
    return episode


def check(path: Path, length: int) -> None:
    """Looks at an episode's headers only, which shows files that are torn or foreign.

    Raises:
        DamagedError: the file is torn, or not an episode of this length.
    """
    headers = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key in KEYS:
                with archive.open(f"{key}.npy") as member:
                    if np.lib.format.read_magic(member) != (1, 0):
                        raise DamagedError(f"unknown version of {key}")
                    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
                    headers[key] = (shape, dtype)
    except UNREADABLE as error:
        raise DamagedError(str(error) or type(error).__name__) from error
    _check_shapes(headers, length)


def _check_shapes(headers: Mapping[str, tuple[Sequence[int], np.dtype]], length: int) -> None:
    for key, dimensions in (("image", 4), ("action", 2), ("reward", 1), ("discount", 1)):
        shape, dtype = headers[key]
        kind = np.uint8 if key == "image" else np.float32
        if dtype != kind or len(shape) != dimensions or shape[0] != length:
            raise DamagedError(f"{key} is {dtype} {tuple(shape)}, not {np.dtype(kind)} of {length} records")
