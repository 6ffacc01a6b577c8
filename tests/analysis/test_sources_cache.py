import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.scores import Scores
from analysis.sources import Cache, read, read_expected, records
from tests.analysis.conftest import entries, with_model_errors, write_folders
from tests.analysis.test_sources_events import scalar, write

CURVES = with_model_errors(entries(["dmc_hopper_hop", "dmc_walker_walk"], ["dreamer", "no_value"], seeds=3), [5])
METRIC = "eval/return"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The metrics that were read from disk, as suite/task/variant/seed."""
    found: list[str] = []
    read_bytes = records._bytes

    def spy(path: Path) -> bytes:
        found.append("/".join(path.parts[-4:-1]))
        return read_bytes(path)

    monkeypatch.setattr(records, "_bytes", spy)
    return found


def assert_same(one: Scores, other: Scores) -> None:
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.runs, other.runs)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_only_what_changed_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    write_folders(CURVES, tmp_path / "suite")
    cache = Cache(tmp_path / "cache")
    first = read(tmp_path / "suite", METRIC, cache)
    assert len(reads) == len(CURVES)
    reads.clear()
    assert_same(read(tmp_path / "suite", METRIC, cache), first)
    assert reads == []
    folder = tmp_path / "suite/dmc_walker_walk/no_value/1"
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30000, "eval/return": 5}\n')
    after = read(tmp_path / "suite", METRIC, cache)
    assert reads == ["dmc_walker_walk/no_value/1"]
    assert_same(after, read(tmp_path / "suite", METRIC))
    assert len(after.table) == len(first.table) + 1


@pytest.mark.parametrize("name", ["state.json", "provenance.json", "spec.yaml"])
@pytest.mark.parametrize("change", ["content", "time", "gone"])
def test_a_record_that_changes_is_read_again(name: str, change: str, tmp_path: Path, reads: list[str]) -> None:
    write_folders(CURVES[:2], tmp_path / "suite")
    cache = Cache(tmp_path / "cache")
    read(tmp_path / "suite", METRIC, cache)
    reads.clear()
    record = tmp_path / "suite/dmc_hopper_hop/dreamer/0" / name
    if change == "content":
        record.write_text("{}")
    elif change == "time":
        os.utime(record, ns=(1, 1))
    else:
        record.unlink()
    assert_same(read(tmp_path / "suite", METRIC, cache), read(tmp_path / "suite", METRIC))
    assert reads.count("dmc_hopper_hop/dreamer/0") == 2
    assert reads.count("dmc_hopper_hop/dreamer/1") == 1


def test_runs_that_go_and_come_are_followed(tmp_path: Path, reads: list[str]) -> None:
    expected = write_folders(CURVES, tmp_path / "suite")
    cache = Cache(tmp_path / "cache")
    shutil.move(expected[3].folder, tmp_path / "aside")
    read_expected(expected, "suite", tmp_path / "suite", METRIC, cache)
    shutil.move(tmp_path / "aside", expected[3].folder)
    shutil.rmtree(expected[5].folder)
    reads.clear()
    scores = read_expected(expected, "suite", tmp_path / "suite", METRIC, cache)
    assert reads == ["dmc_hopper_hop/no_value/0"]
    assert (scores.runs["state"] == "missing").tolist() == [index == 5 for index in range(len(CURVES))]
    assert_same(scores, read_expected(expected, "suite", tmp_path / "suite", METRIC))


def test_sources_and_metrics_do_not_crowd_each_other_out(tmp_path: Path, reads: list[str]) -> None:
    for suite in ("one", "two"):
        write_folders(CURVES[:2], tmp_path / suite)
    cache = Cache(tmp_path / "cache")
    asked = [(suite, metric) for suite in ("one", "two") for metric in (METRIC, "train/return")]
    first = [read(tmp_path / suite, metric, cache) for suite, metric in asked]
    reads.clear()
    for (suite, metric), scores in zip(asked, first, strict=True):
        assert_same(read(tmp_path / suite, metric, cache), scores)
    assert reads == []
    assert len(files(tmp_path / "cache")) == 4


def test_event_files_are_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "logs/t/v/0", 0, [scalar(10, 1.0)])
    cache = Cache(tmp_path / "cache")
    first = read(tmp_path / "logs", METRIC, cache)
    content = path.read_bytes()
    status = path.stat()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert_same(read(tmp_path / "logs", METRIC, cache), first)  # it looks the same, and so is not opened
    path.write_bytes(content)
    write(tmp_path / "logs/t/v/0", 1, [scalar(20, 2.0)])
    assert read(tmp_path / "logs", METRIC, cache).table["step"].nunique() == 2


def test_a_broken_or_old_cache_is_made_anew(tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_folders(CURVES[:2], tmp_path / "suite")
    cache = Cache(tmp_path / "cache")
    scores = read(tmp_path / "suite", METRIC, cache)
    (kept,) = files(tmp_path / "cache")
    whole = kept.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 40, len(whole) // 2, len(whole) - 9)]
    for content in (b"", b"nonsense", whole[:31], whole[:-1], whole + b"\0", *flipped):
        kept.write_bytes(content)
        reads.clear()
        assert_same(read(tmp_path / "suite", METRIC, cache), scores)
        assert len(reads) == 2
        assert kept.read_bytes() == whole
    monkeypatch.setattr("analysis.sources.cache.VERSION", 0)
    reads.clear()
    assert_same(read(tmp_path / "suite", METRIC, cache), scores)
    assert len(reads) == 2


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    write_folders(CURVES[:2], tmp_path / "suite")
    (tmp_path / "cache").write_text("in the way")
    assert_same(read(tmp_path / "suite", METRIC, Cache(tmp_path / "cache")), read(tmp_path / "suite", METRIC))


line = st.fixed_dictionaries(
    {"step": st.integers(0, 9) | st.floats()},
    optional={
        METRIC: st.floats() | st.none() | st.text(max_size=3),
        "eval/episodes": st.integers(-1, 5),
        "time/hours": st.floats(0, 9),
        "model_error/kl/5": st.floats(),
        "train/updates": st.integers(),
    },
)
record = st.dictionaries(
    st.sampled_from(["state", "renderer", "commit", "dirty", "device", "versions", "attempts"]),
    st.text(max_size=5) | st.booleans() | st.lists(st.none(), max_size=2) | st.dictionaries(st.text(), st.floats()),
)


@given(lines=st.lists(line, max_size=8), provenance=record, tail=st.binary(max_size=9))
def test_what_is_kept_is_what_was_read(
    lines: list[object], provenance: object, tail: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("runs")
    folder = root / "suite/t/v/0"
    folder.mkdir(parents=True)
    first = json.dumps({"step": 0, METRIC: 1.0})
    (folder / "metrics.jsonl").write_bytes("\n".join([first, *map(json.dumps, lines)]).encode() + b"\n" + tail)
    (folder / "provenance.json").write_text(json.dumps(provenance))
    plain = read(root / "suite", METRIC)
    for _ in range(2):
        assert_same(read(root / "suite", METRIC, Cache(root / "cache")), plain)
