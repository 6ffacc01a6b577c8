"""The records of a run: metrics.jsonl, and TensorBoard's scalars and GIFs."""

import hashlib
import io
import json
import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from common import files

logger = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
LARGEST = 2**33  # bytes of metrics.jsonl
FRAME = 50  # milliseconds per frame of a GIF


class Recorder:
    """Appends to a run's records; every line is passed to the operating system when a call returns.

    Attributes:
        damage: How metrics.jsonl differed from what was written up to the position; empty if it did not.
    """

    def __init__(self, folder: Path, position: int, step: int, digest: str = ""):
        """Continues at a position. What is left of a damaged file is kept.

        Args:
            folder: The run's folder.
            position: Bytes of metrics.jsonl to keep; the rest is cut off.
            step: Environment steps to keep; TensorBoard drops later events of older files.
            digest: SHA-256 of these bytes; empty if it is unknown.
        """
        path = folder / METRICS
        content = _beginning(path, position)
        self.damage = _damage(content, position, step, digest)
        if self.damage:
            logger.warning("%s: %s", folder, self.damage)
            content = _until(content, step)
            files.write_bytes(path, content)
        self._digest = hashlib.sha256(content)
        self._metrics = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._metrics, len(content))
        # RecordWriter frames events without importing TensorFlow, and needs no thread.
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._events: BinaryIO = (folder / name).open("wb")
        self._writer = RecordWriter(self._events)
        self._event(Event(file_version="brain.Event:2"))
        self._event(Event(session_log=SessionLog(status=SessionLog.START), step=step + 1))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._metrics)
        self._events.close()

    def line(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Writes a line of metrics.jsonl, and its numbers as TensorBoard's scalars."""
        self._append((json.dumps({"step": step, **metrics}) + "\n").encode())
        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in metrics.items()
            if isinstance(value, int | float)
        ]
        self._event(Event(step=step, summary=Summary(value=values)))

    def video(self, step: int, name: str, frames: NDArray[np.uint8]) -> None:
        """Writes frames (T, H, W, 3) as a GIF among TensorBoard's images."""
        height, width = frames.shape[1:3]
        picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif(frames))
        self._event(Event(step=step, summary=Summary(value=[Summary.Value(tag=name, image=picture)])))

    def sync(self) -> int:
        """Makes all lines durable; returns the position in metrics.jsonl."""
        os.fsync(self._metrics)
        return os.lseek(self._metrics, 0, os.SEEK_END)

    @property
    def digest(self) -> str:
        """SHA-256 of metrics.jsonl, as it was written."""
        return self._digest.hexdigest()

    def _append(self, line: bytes) -> None:
        """Writes a whole line of metrics.jsonl or, if there is no room for it, none of it."""
        end, rest = os.lseek(self._metrics, 0, os.SEEK_END), memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._metrics, rest) :]
        except OSError:
            os.ftruncate(self._metrics, end)
            raise
        self._digest.update(line)

    def _event(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def gif(frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], milliseconds: int = FRAME) -> bytes:
    """Frames (T, H, W, 3) as the bytes of a GIF that repeats forever."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return buffer.getvalue()


def _beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file, fewer if it is shorter or missing."""
    try:
        return files.read_bytes(path, limit=LARGEST)[:size]
    except FileNotFoundError:
        return b""


def _damage(content: bytes, position: int, step: int, digest: str) -> str:
    """How the beginning of metrics.jsonl differs from what was written, as text; empty if it does not."""
    if len(content) < position:
        missing = position - len(content)
        return f"{METRICS} lost {missing:,} of the {position:,} bytes that were written up to step {step:,}"
    changed = hashlib.sha256(content).hexdigest() != digest if digest else content[-1:] not in (b"", b"\n")
    return f"{METRICS} was changed after it was written up to step {step:,}" if changed else ""


def _until(content: bytes, step: int) -> bytes:
    """The whole lines of a damaged metrics.jsonl, without those of later steps, which will be written again."""
    lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
    return b"".join(line for line in lines if not _is_later(line, step))


def _is_later(line: bytes, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] > step)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
