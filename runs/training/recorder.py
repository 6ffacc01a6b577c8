"""The records of a run: metrics.jsonl, and TensorBoard's scalars and GIFs."""

import io
import json
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

METRICS = "metrics.jsonl"
FRAME = 50  # milliseconds per frame of a GIF


class Recorder:
    """Appends to a run's records; every line is passed to the operating system when a call returns."""

    def __init__(self, folder: Path, position: int, step: int):
        """Continues at a position.

        Args:
            folder: The run's folder.
            position: Bytes of metrics.jsonl to keep; the rest is cut off.
            step: Environment steps to keep; TensorBoard drops later events of older files.
        """
        path = folder / METRICS
        self._metrics = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._metrics, _end_of_line(path, position))
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
        os.write(self._metrics, (json.dumps({"step": step, **metrics}) + "\n").encode())
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


def _end_of_line(path: Path, position: int) -> int:
    """The end of the last complete line within the first `position` bytes of a file."""
    with path.open("rb") as file:
        return file.read(position).rfind(b"\n") + 1
