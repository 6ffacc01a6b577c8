import errno
import hashlib
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from runs.training.recorder import Recorder, gif


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_lines_are_on_disk_at_once(tmp_path: Path) -> None:
    with Recorder(tmp_path, 0, 0) as recorder:
        recorder.line(10, {"loss/model": 0.1 + 0.2, "eval/returns": [1.0, 2.0]})
        assert lines(tmp_path) == [{"step": 10, "loss/model": 0.1 + 0.2, "eval/returns": [1.0, 2.0]}]


def test_goes_on_after_the_position(tmp_path: Path) -> None:
    with Recorder(tmp_path, 0, 0) as recorder:
        recorder.line(1, {"a": 1})
        position = recorder.sync()
        recorder.line(2, {"a": 2})
    with Recorder(tmp_path, position, 1) as recorder:
        recorder.line(3, {"a": 3})
    assert lines(tmp_path) == [{"step": 1, "a": 1}, {"step": 3, "a": 3}]


def test_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st')
    with Recorder(tmp_path, 10_000, 1) as recorder:
        recorder.line(2, {})
    assert lines(tmp_path) == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize(
    ("damage", "kept", "said"),
    [
        ("gone", 0, r"metrics\.jsonl lost 36 of the 36 bytes that were written up to step 3$"),
        ("emptied", 0, "lost 36 of the 36 bytes"),
        ("cut", 1, "lost 18 of the 36 bytes"),
        ("flipped", 3, "was changed after it was written up to step 3"),
        ("first line gone", 2, "was changed after it was written up to step 3"),
    ],
)
def test_damage_is_said_and_what_is_left_is_kept(
    tmp_path: Path, damage: str, kept: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "metrics.jsonl"
    with Recorder(tmp_path, 0, 0) as recorder:
        for step in range(1, 4):
            recorder.line(step, {})
        position, digest = recorder.sync(), recorder.digest
        recorder.line(4, {})  # after the checkpoint
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = whole.replace(b"2", b"0")
        path.write_bytes({"emptied": b"", "cut": whole[:18], "flipped": flipped}.get(damage, whole[12:]))
    with Recorder(tmp_path, position, 3, digest) as recorder:
        assert re.search(said, recorder.damage)
        assert recorder.damage in caplog.text
        recorder.line(4, {})
        again = recorder.sync(), recorder.digest
    assert len(lines(tmp_path)) == kept + 1
    assert lines(tmp_path)[-1] == {"step": 4}
    with Recorder(tmp_path, again[0], 4, again[1]) as recorder:
        assert not recorder.damage


def test_undamaged_metrics_with_and_without_a_digest_continue(tmp_path: Path) -> None:
    """Checkpoints of the first versions have no digest."""
    with Recorder(tmp_path, 0, 0) as recorder:
        recorder.line(1, {})
        position, digest = recorder.sync(), recorder.digest
        recorder.line(2, {})
    for known in (digest, ""):
        with Recorder(tmp_path, position, 1, known) as recorder:
            assert not recorder.damage
            recorder.line(2, {})
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]


def test_short_writes_are_finished_or_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = os.write, [10**6]

    def short(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[: min(5, room[0])])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", short)
    with Recorder(tmp_path, 0, 0) as recorder:
        recorder.line(1, {"a": 1})
        room[0] = 12
        with pytest.raises(OSError, match="No space left"):
            recorder.line(2, {"a": 2})
        assert lines(tmp_path) == [{"step": 1, "a": 1}]
        room[0] = 10**6
        recorder.line(2, {"a": 2})
        assert recorder.digest == hashlib.sha256((tmp_path / "metrics.jsonl").read_bytes()).hexdigest()
    assert lines(tmp_path) == [{"step": 1, "a": 1}, {"step": 2, "a": 2}]


def test_tensorboard_reads_scalars_gifs_and_forgets_what_was_trimmed(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    with Recorder(tmp_path, 0, 0) as recorder:
        recorder.line(100, {"loss/model": 1.5, "eval/returns": [1.0]})
        recorder.video(100, "openloop", frames)
        recorder.line(200, {"loss/model": 99.0})
    with Recorder(tmp_path, 0, 100) as recorder:
        recorder.line(150, {"loss/model": 2.5})
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    assert [(event.step, event.value) for event in read.Scalars("loss/model")] == [(100, 1.5), (150, 2.5)]
    [picture] = read.Images("openloop")
    assert (picture.width, picture.height, picture.step) == (64, 64, 100)
    video = Image.open(io.BytesIO(picture.encoded_image_string))
    assert (video.format, getattr(video, "n_frames", 1)) == ("GIF", 5)


def test_gif_shows_the_frames() -> None:
    frames = np.zeros((3, 8, 16, 3), np.uint8)
    for time, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        frames[time] = colour
    video = Image.open(io.BytesIO(gif(frames)))
    assert video.size == (16, 8)
    assert video.info["loop"] == 0
    for time, frame in enumerate(frames):
        video.seek(time)
        np.testing.assert_array_equal(np.asarray(video.convert("RGB")), frame)
