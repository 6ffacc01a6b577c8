"""TensorBoard's event files: the scalars of other codebases' runs, and the videos of ours; without TensorFlow."""

import functools
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.util.tensor_util import make_ndarray

from analysis.errors import AnalysisError
from analysis.scores import HOURS, Run, by_metric
from analysis.sources.layout import EVENTS

HEADER = struct.Struct("<QI")  # of an event: its length, and a checksum of that
FOOTER = 4  # bytes behind an event: a checksum of it
LARGEST = 1 << 20  # bytes of an event with scalars; pictures may be larger
SHORT = 1000  # bytes that hold the start of a session, or the name of a video
SESSION = b"\x3a"  # how the field of a session's start is written
VIDEO = b"\x0a\x0ceval/episode"  # how the name of a run's video is written


class Scalar(NamedTuple):
    """One value of one tag."""

    step: float
    tag: str
    value: float
    episodes: float
    time: float  # seconds since 1970


class TornError(Exception):
    """A file ends within an event, or goes on with something else."""


def read_run(folder: str) -> Run:
    """All scalars of a run that has only event files, and the hours since the run's first event if it logged none.

    As in TensorBoard, the start of a session drops what was there from its step on.

    Raises:
        AnalysisError: If a file cannot be opened.
    """
    files = sorted((_first_time(path), path) for path in _paths(folder))
    kept: list[Scalar] = []
    torn = 0
    for _, path in files:
        try:
            for event in _events(path):
                if _is_start(event):
                    kept = [scalar for scalar in kept if scalar.step < event.step]
                kept += _scalars(event)
        except TornError:
            torn += 1
    values = by_metric((scalar.step, scalar.tag, scalar.value, scalar.episodes) for scalar in kept)
    if HOURS not in values:
        began = min(time for time, _ in files)
        times = {scalar.step: (scalar.time - began) / 3600 for scalar in kept}
        values |= by_metric((step, HOURS, hours, math.nan) for step, hours in times.items())
    return Run({"folder": folder, "torn": torn}, values)


def last_video(folder: Path) -> tuple[int, bytes] | None:
    """Step and GIF of the newest video of an evaluation of a run of ours, None if it has none."""
    end = math.inf  # where later sessions began
    for path in reversed(_paths(str(folder))):
        began = end
        found: list[tuple[int, int]] = []
        with path.open("rb") as file:
            try:
                for start, length, head in _payloads(file, SHORT):
                    if VIDEO in head:
                        found.append((start, length))
                    elif length <= SHORT and SESSION in head and (event := _parsed(head)) and _is_start(event):
                        began = min(began, event.step)
            except TornError:
                pass
            for start, length in reversed(found):
                file.seek(start)
                event = _parsed(file.read(length))
                if event and event.step < end:
                    return event.step, event.summary.value[0].image.encoded_image_string
        end = began
    return None


def _paths(folder: str) -> list[Path]:
    return sorted(path for path in Path(folder).glob(f"*{EVENTS}*") if path.is_file())


def _first_time(path: Path) -> float:
    """Time of a file's first event, infinite if there is none."""
    try:
        return next((event.wall_time for event in _events(path)), math.inf)
    except TornError:
        return math.inf


def _events(path: Path) -> Iterator[Event]:
    """The events of a file, without those that are too large for scalars.

    Raises:
        TornError: At its end, if that is torn.
        AnalysisError: If it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        for _, length, head in _payloads(file, LARGEST):
            if length <= LARGEST and (event := _parsed(head)):
                yield event


def _payloads(file: BinaryIO, most: int) -> Iterator[tuple[int, int, bytes]]:
    """Position, length and the first bytes, `most` at most, of each serialised event.

    Raises:
        TornError: At the end of what is whole, if more follows.
    """
    size = os.fstat(file.fileno()).st_size
    position = 0
    while position < size:
        header = file.read(HEADER.size)
        length = _length(header)
        start = position + HEADER.size
        position = start + length + FOOTER
        if length < 0 or position > size:
            raise TornError
        head = file.read(min(length, most))
        yield start, length, head
        file.seek(position)


@functools.lru_cache(maxsize=10_000)  # events are of few lengths, and the checksum is slow
def _length(header: bytes) -> int:
    """The length of an event, -1 if its header is torn or wrong."""
    if len(header) < HEADER.size:
        return -1
    length, checksum = HEADER.unpack(header)
    return int(length) if masked_crc32c(header[:8]) == checksum else -1


def _parsed(payload: bytes) -> Event | None:
    try:
        return Event.FromString(payload)
    except DecodeError:
        return None


def _is_start(event: Event) -> bool:
    return event.HasField("session_log") and event.session_log.status == SessionLog.START


def _scalars(event: Event) -> Iterator[Scalar]:
    """The scalars of an event, each with the `episodes` beside it, as far as the event has them."""
    number_of = {value.tag: number for value in event.summary.value if (number := _number(value)) is not None}
    for tag, number in number_of.items():
        beside = f"{tag.rpartition('/')[0]}/episodes"
        episodes = number_of.get(beside, math.nan) if tag != beside else math.nan
        yield Scalar(event.step, tag, number, episodes, event.wall_time)


def _number(value: Summary.Value) -> float | None:
    """A scalar, as TensorFlow 1 and PyTorch write it or, in a tensor, as TensorFlow 2 does."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    try:
        array = make_ndarray(value.tensor)
    except (TypeError, ValueError):
        return None
    return float(array.item()) if array.size == 1 and np.issubdtype(array.dtype, np.number) else None
