"""TensorBoard event files, read without TensorFlow: scalars of other codebases and videos of this one."""

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

from analysis.scores import HOURS, Run, by_metric
from analysis.sources.layout import EVENTS
from common.errors import UserError
from common.files import open_plain

HEADER = struct.Struct("<QI")  # of an event: its length and the checksum of the length
FOOTER = 4  # bytes after an event: its checksum
LARGEST = 1 << 20  # bytes of an event with scalars; images may be larger
SHORT = 1000  # bytes that contain the start of a session or the name of a video
SESSION = b"\x3a"  # serialised field of a session's start
VIDEO = b"\x0a\x0ceval/episode"  # serialised name of a run's video


class Scalar(NamedTuple):
    """One value of one tag."""

    step: float
    tag: str
    value: float
    episodes: float
    time: float  # seconds since 1970


class TornError(Exception):
    """A file ends within an event, or the bytes after an event are not an event."""


def read_run(folder: str) -> Run:
    """All scalars of a run that has only event files, with the hours since its first event if it logged no hours.

    Without hours if all events have one time, as those of an export.

    As in TensorBoard, the start of a session drops all scalars from its step on; the first session, if it starts at
    step 0, restarts nothing.

    Raises:
        UserError: A file cannot be opened.
    """
    files = sorted((_first_time(path), path) for path in _paths(folder))
    kept: list[Scalar] = []
    torn = starts = 0
    for _, path in files:
        try:
            for event in _events(path):
                if _is_start(event):
                    starts += 1
                    if starts == 1 and event.step <= 0:
                        continue
                    kept = [scalar for scalar in kept if scalar.step < event.step]
                kept += _scalars(event)
        except TornError:
            torn += 1
    values = by_metric((scalar.step, scalar.tag, scalar.value, scalar.episodes) for scalar in kept)
    began = min(time for time, _ in files)
    if HOURS not in values and any(scalar.time > began for scalar in kept):
        times = {scalar.step: (scalar.time - began) / 3600 for scalar in kept}
        values |= by_metric((step, HOURS, hours, math.nan) for step, hours in times.items())
    return Run({"folder": folder, "torn": torn}, values)


def last_video(folder: Path) -> tuple[int, bytes] | None:
    """Step and GIF of the newest evaluation video in a run's folder, None without one."""
    end = math.inf  # first step of the later sessions
    for path in reversed([path for path in _paths(str(folder)) if path.is_file()]):
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
    return sorted(path for path in Path(folder).glob(f"*{EVENTS}*") if path.exists() and not path.is_dir())


def _first_time(path: Path) -> float:
    """Time of a file's first event, infinite without events."""
    try:
        return next((event.wall_time for event in _events(path)), math.inf)
    except TornError:
        return math.inf


def _events(path: Path) -> Iterator[Event]:
    """The events of a file that are small enough for scalars.

    Raises:
        TornError: At the end of a torn file.
        UserError: The file cannot be opened.
    """
    try:
        file = open_plain(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        for _, length, head in _payloads(file, LARGEST):
            if length <= LARGEST and (event := _parsed(head)):
                yield event


def _payloads(file: BinaryIO, most: int) -> Iterator[tuple[int, int, bytes]]:
    """Position, length and the first bytes (at most `most`) of each serialised event.

    Raises:
        TornError: After the last whole event, if more bytes follow.
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


@functools.lru_cache(maxsize=10_000)  # events have few distinct lengths, and the checksum is slow
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
    """The scalars of an event, each with the value of `<prefix>/episodes` in the same event, if any."""
    number_of = {value.tag: number for value in event.summary.value if (number := _number(value)) is not None}
    for tag, number in number_of.items():
        counted = f"{tag.rpartition('/')[0]}/episodes"
        episodes = number_of.get(counted, math.nan) if tag != counted else math.nan
        yield Scalar(event.step, tag, number, episodes, event.wall_time)


def _number(value: Summary.Value) -> float | None:
    """A scalar as written by TensorFlow 1 and PyTorch, or in a tensor as by TensorFlow 2; None for anything else."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    try:
        array = make_ndarray(value.tensor)
    except (TypeError, ValueError):
        return None
    return float(array.item()) if array.size == 1 and np.issubdtype(array.dtype, np.number) else None
