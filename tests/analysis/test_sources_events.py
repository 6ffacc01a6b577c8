import math
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from analysis.scores import Scores, usable
from analysis.sources import read
from analysis.sources.events import last_video
from common.errors import UserError

METRIC = "eval/return"
START = Event(wall_time=1000.0, file_version="brain.Event:2")


def scalar(step: int, value: float, tag: str = METRIC, time: float = 1000.0) -> Event:
    return Event(step=step, wall_time=time, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def tensor(step: int, value: object, tag: str = METRIC) -> Event:
    made = Summary.Value(tag=tag, tensor=make_tensor_proto(value))
    return Event(step=step, wall_time=1000.0, summary=Summary(value=[made]))


def session(step: int) -> Event:
    return Event(step=step, wall_time=1000.0, session_log=SessionLog(status=SessionLog.START))


def video(step: int, content: bytes, tag: str = "eval/episode") -> Event:
    image = Summary.Image(height=64, width=64, colorspace=3, encoded_image_string=content)
    return Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, image=image)]))


def write(folder: Path, number: int, events: Iterable[Event]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{1700000000 + number}.host.1"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for event in (START, *events):
            writer.write(event.SerializeToString())
    return path


def points(scores: Scores, metric: str = METRIC) -> list[list[float]]:
    return usable(scores, metric)[["step", "score"]].to_numpy().tolist()


def test_a_restart_without_a_mark_replaces_what_came_before(tmp_path: Path) -> None:
    run = tmp_path / "logs/walker/dreamer/3"
    write(run, 0, [scalar(step, 1.0) for step in range(0, 100, 10)])
    write(run, 1, [scalar(step, 2.0, time=2000.0) for step in range(45, 90, 10)])
    expected = [[step, 1.0] for step in range(0, 50, 10)] + [[step, 2.0] for step in range(45, 90, 10)]
    assert points(read(tmp_path / "logs", METRIC)) == expected


def test_the_first_session_restarts_nothing(tmp_path: Path) -> None:
    """Two writers share a folder; only the second marks its session."""
    run = tmp_path / "logs/walker/dreamer/3"
    write(run, 0, [scalar(10, 1.0), scalar(20, 2.0)])
    write(run, 1, [session(0), scalar(5, 3.0, "train/return", time=2000.0)])
    assert points(read(tmp_path / "logs", METRIC)) == [[10, 1], [20, 2]]
    write(run, 2, [session(20), scalar(30, 4.0, time=3000.0)])
    assert points(read(tmp_path / "logs", METRIC)) == [[10, 1], [30, 4]]


def test_scalars_of_all_writers_are_read(tmp_path: Path) -> None:
    events = [scalar(10, 1.5), tensor(20, np.float32(2.5)), tensor(30, 3), tensor(40, [4.5]), tensor(50, np.float64(5))]
    others = [tensor(60, "text"), tensor(60, [1.0, 2.0]), scalar(70, 1.0, "train/loss"), scalar(80, math.nan)]
    write(tmp_path / "logs/walker/dreamer/3", 0, events + others)
    scores = read(tmp_path / "logs", METRIC)
    assert points(scores) == [[10, 1.5], [20, 2.5], [30, 3], [40, 4.5], [50, 5]]
    assert scores.runs[["suite", "task", "variant", "seed", "torn"]].to_numpy().tolist() == [
        ["logs", "walker", "dreamer", 3, 0]
    ]


def test_several_files_of_a_run_are_one_in_order_of_time(tmp_path: Path) -> None:
    write(tmp_path / "t/v/0", 1, [scalar(20, 3.0), scalar(30, 4.0)])
    write(tmp_path / "t/v/0", 0, [scalar(10, 1.0), scalar(20, 2.0)])
    assert points(read(tmp_path, METRIC)) == [[10, 1], [20, 3], [30, 4]]


def test_a_restart_supersedes_what_lies_beyond_it(tmp_path: Path) -> None:
    write(tmp_path / "t/v/0", 0, [session(1), scalar(10, 1.0), scalar(20, 2.0), scalar(30, 3.0)])
    write(tmp_path / "t/v/0", 1, [session(20), scalar(25, 9.0)])
    assert points(read(tmp_path, METRIC)) == [[10, 1], [25, 9]]


def test_hours_are_those_since_the_first_event_unless_they_are_logged(tmp_path: Path) -> None:
    write(tmp_path / "t/v/0", 0, [scalar(10, 1.0, time=1000.0 + 1800), scalar(20, 2.0, time=1000.0 + 9000)])
    logged = [scalar(10, 1.0, time=9e9), scalar(10, 0.25, "time/hours"), scalar(15, 0.375, "time/hours")]
    write(tmp_path / "t/v/1", 0, logged)
    scores = read(tmp_path, METRIC)
    assert usable(scores, METRIC)["hours"].tolist() == [0.5, 2.5, 0.25]
    hours = scores.table[(scores.table["metric"] == "time/hours") & (scores.table["seed"] == 1)]
    assert hours[["step", "value"]].to_numpy().tolist() == [[10, 0.25], [15, 0.375]]


def test_episodes_are_read_from_the_same_event(tmp_path: Path) -> None:
    values = [Summary.Value(tag=METRIC, simple_value=1.0), Summary.Value(tag="eval/episodes", simple_value=4.0)]
    write(tmp_path / "t/v/0", 0, [Event(step=1, summary=Summary(value=values)), scalar(2, 1.0)])
    assert usable(read(tmp_path, METRIC), METRIC)["episodes"].fillna(-1).tolist() == [4, -1]


def test_a_tail_torn_at_any_byte_is_survived_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t/v/0", 0, [scalar(10, 1.0), video(15, b"GIF" * 2000), scalar(20, 2.0)])
    whole = path.read_bytes()
    kept = len(whole) - len(scalar(20, 2.0).SerializeToString()) - 16
    for length in range(kept, len(whole)):
        path.write_bytes(whole[:length])
        scores = read(tmp_path, METRIC)
        assert points(scores) == [[10, 1]]
        assert scores.runs["torn"].tolist() == [int(length > kept)]
    path.write_bytes(whole + bytes(30))
    scores = read(tmp_path, METRIC)
    assert points(scores) == [[10, 1], [20, 2]]
    assert scores.runs["torn"].tolist() == [1]


def test_metrics_jsonl_wins_over_event_files(tmp_path: Path) -> None:
    write(tmp_path / "t/v/0", 0, [scalar(10, 1.0)])
    (tmp_path / "t/v/0/metrics.jsonl").write_text('{"step": 10, "eval/return": 7}\n')
    assert points(read(tmp_path, METRIC)) == [[10, 7]]


def test_a_metric_that_no_run_has_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    others = [scalar(1, 1.0, "charts/episodic_return"), tensor(1, 1.0, "losses/value"), tensor(1, "x", "text")]
    write(tmp_path / "t/v/0", 0, others)
    message = (
        r"there are charts/episodic_return, losses/value\. .*--metric NAME; "
        r"the nearest is charts/episodic_return$"
    )
    with pytest.raises(UserError, match=message):
        read(tmp_path, "eval/episodic_return")
    assert points(read(tmp_path, "charts/episodic_return"), "charts/episodic_return") == [[1, 1]]


def test_the_newest_video_that_counts_is_found(tmp_path: Path) -> None:
    assert last_video(tmp_path) is None
    first = [session(1), video(10, b"a" * 5000), scalar(10, 1.0, "eval/episodes"), video(20, b"b"), video(30, b"c")]
    write(tmp_path, 0, [*first, video(30, b"o", "openloop/image"), scalar(30, 3.0)])
    assert last_video(tmp_path) == (30, b"c")
    write(tmp_path, 1, [session(21), scalar(25, 1.0)])
    assert last_video(tmp_path) == (20, b"b")
    path = write(tmp_path, 2, [session(21), video(40, b"d" * 70_000), video(50, b"e" * 70_000)])
    assert last_video(tmp_path) == (50, b"e" * 70_000)
    path.write_bytes(path.read_bytes()[:-10])
    assert last_video(tmp_path) == (40, b"d" * 70_000)


def test_event_files_are_read_without_tensorflow() -> None:
    code = "import sys, analysis.sources; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    run = tmp_path / "logs/walker/dreamer/3"
    written = write(run, 0, [scalar(10, 1.0)])
    os.mkfifo(run / "events.out.tfevents.1800000000.host.1")
    with pytest.raises(UserError, match=r"1800000000\.host\.1: cannot be read: no plain file, but a FIFO or device"):
        read(tmp_path / "logs", METRIC)
    assert last_video(run) is None
    assert written.is_file()
