import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.scores import MODEL_ERRORS, ExpectedRun, read_runs, read_score_files, usable, usable_model_errors
from tests.analysis.conftest import as_scores, entries, with_model_errors, write_folders

CURVES = entries(["dmc_walker_walk", "dmc_hopper_hop"], ["dreamer", "no_value"], seeds=2)


def test_run_folders_and_score_file_hold_the_same(tmp_path: Path, score_file: Callable[[object], Path]) -> None:
    folders = read_runs(write_folders(CURVES, tmp_path / "suite"), "suite", tmp_path / "suite")
    file = read_score_files([score_file(CURVES)])
    pd.testing.assert_frame_equal(folders.table, file.table)
    assert len(file.table) == 8 * 20
    assert set(folders.runs["renderer"]) == {"raycast"}
    assert set(folders.runs["episodes"]) == {2}


def test_gzip_is_read_whatever_its_name(tmp_path: Path, score_file: Callable[[object], Path]) -> None:
    packed = tmp_path / "scores"
    packed.write_bytes(gzip.compress(json.dumps(CURVES).encode()))
    pd.testing.assert_frame_equal(read_score_files([packed]).table, read_score_files([score_file(CURVES)]).table)


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    for name, part in (("a", CURVES[:3]), ("b", CURVES[3:])):
        (tmp_path / name).write_text(json.dumps(part))
    assert len(read_score_files([tmp_path / "a", tmp_path / "b"]).runs) == len(CURVES)


def test_torn_lines_are_counted_and_survived(tmp_path: Path) -> None:
    (run,) = write_folders(CURVES[:1], tmp_path)
    metrics = run.folder / "metrics.jsonl"
    metrics.write_bytes(
        b'{"step": 1, "eval/ret\n[3, "eval/return"]\n' + metrics.read_bytes() + b'{"step": 99000, "eval/return": 9'
    )
    scores = read_runs([run], "suite", tmp_path)
    assert scores.table["score"].tolist() == CURVES[0]["ys"]
    assert scores.runs["torn"].tolist() == [3]


def test_every_proper_prefix_of_metrics_can_be_read(tmp_path: Path) -> None:
    (run,) = write_folders([CURVES[0] | {"xs": [1000, 2000], "ys": [1.0, 2.0]}], tmp_path)
    metrics = run.folder / "metrics.jsonl"
    whole = metrics.read_bytes()
    for length in range(len(whole)):
        metrics.write_bytes(whole[:length])
        assert read_runs([run], "suite", tmp_path).table["score"].tolist() in ([], [1.0], [1.0, 2.0])


def test_missing_folder_is_a_missing_run(tmp_path: Path) -> None:
    scores = read_runs([ExpectedRun("dmc_walker_walk", "dreamer", 0, tmp_path / "none", 100)], "suite", tmp_path)
    assert scores.runs["state"].tolist() == ["missing"]
    assert scores.table.empty


def test_unplanned_runs_are_listed_and_not_read(tmp_path: Path) -> None:
    expected = write_folders(CURVES, tmp_path)
    scores = read_runs(expected[1:], "suite", tmp_path)
    assert scores.unplanned == (expected[0].folder,)
    assert len(scores.runs) == len(CURVES) - 1


def test_model_errors_are_read_beside_the_returns(tmp_path: Path) -> None:
    curves = with_model_errors(CURVES)
    scores = read_runs(write_folders(curves, tmp_path / "with"), "suite", tmp_path / "with")
    without = read_runs(write_folders(CURVES, tmp_path / "without"), "suite", tmp_path / "without")
    assert len(scores.model_errors) == 8 * 20 * 3 * 4
    pd.testing.assert_frame_equal(scores.model_errors, as_scores(curves).model_errors)
    pd.testing.assert_frame_equal(scores.table, without.table)
    assert list(without.model_errors.columns) == MODEL_ERRORS
    assert without.model_errors.empty


def test_only_numbers_of_known_measures_are_usable_model_errors(tmp_path: Path) -> None:
    (run,) = write_folders(CURVES[:1], tmp_path)
    first = {"model_error/image/1": 0.5, "model_error/image/5": math.nan, "model_error/kl/15": None}
    again = {"model_error/image/1": 0.25, "model_error/sequences": 1e999}
    other = {"model_error/image/0": 1.0, "model_error/depth/1": 1.0, "model_error/kl/x": 1.0, "model_error/kl": 1.0}
    lines = [{"step": 10, "eval/return": 1.0} | errors for errors in (first, again, other)]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scores = read_runs([run], "suite", tmp_path)
    assert scores.model_errors["horizon"].tolist() == [1, 5, 15, 1]
    assert scores.model_errors["sequences"].isna().all()
    usable_errors = usable_model_errors(scores)
    assert usable_errors[["measure", "horizon", "value"]].to_numpy().tolist() == [["image", 1, 0.25]]


def test_null_and_nan_are_not_usable(score_file: Callable[[object], Path]) -> None:
    curve = CURVES[0] | {"xs": [1, 2, 3, 4], "ys": [None, float("nan"), float("inf"), 5.0]}
    scores = read_score_files([score_file([curve])])
    assert len(scores.table) == 4
    assert usable(scores)["score"].tolist() == [5.0]


def test_the_last_evaluation_at_a_step_counts() -> None:
    table = usable(as_scores([CURVES[0] | {"xs": [10, 20, 10], "ys": [1.0, 2.0, 3.0]}]))
    assert table["step"].tolist() == [10, 20]
    assert table["score"].tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"task": "a"}, "holds dict at its top"),
        ([3], "entry 0 is int"),
        ([CURVES[0], {"task": "a", "seed": 0, "xs": []}], "entry 1 lacks method, ys"),
        ([CURVES[0] | {"ys": [1.0]}], "same length"),
        ([CURVES[0] | {"xs": ["1"], "ys": [1.0]}], "xs must be finite numbers"),
        ([CURVES[0] | {"xs": [float("nan")], "ys": [1.0]}], "xs must be finite numbers"),
        ([CURVES[0] | {"xs": [1], "ys": ["high"]}], "ys must be numbers"),
        ([CURVES[0] | {"xs": [10**400], "ys": [1.0]}], "xs must be finite numbers"),
        ([CURVES[0] | {"seed": "first"}], "seed must be an integer from 0 on, not 'first'"),
        ([CURVES[0] | {"seed": 1.5}], "seed must be an integer from 0 on, not 1.5"),
        ([CURVES[0] | {"seed": -1}], "seed must be an integer from 0 on, not -1"),
        ([CURVES[0] | {"seed": True}], "seed must be an integer from 0 on, not True"),
        ([CURVES[0] | {"seed": 10**30}], "seed must be an integer from 0 on"),
        ([CURVES[0] | {"seed": float("inf")}], "seed must be an integer from 0 on, not inf"),
        ([CURVES[0] | {"task": None}], "task must be a name, not None"),
        ([CURVES[0] | {"method": "\ud800"}], "method must be a name"),
        ([CURVES[0], CURVES[1], CURVES[0] | {"xs": [5], "ys": [1.0]}], "second entry of task .*, seed 0"),
    ],
)
def test_malformed_score_files_are_named(content: object, expected: str, score_file: Callable[[object], Path]) -> None:
    path = score_file(content)
    with pytest.raises(AnalysisError, match=f"scores.json.*{expected}"):
        read_score_files([path])


@pytest.mark.parametrize("seed", [3, 3.0, "3"])
def test_seeds_are_read_as_integers(seed: object, score_file: Callable[[object], Path]) -> None:
    assert read_score_files([score_file([CURVES[0] | {"seed": seed}])]).runs["seed"].tolist() == [3]


PACKED = gzip.compress(json.dumps(CURVES).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[{",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"\x1f\x8bnonsense",
        PACKED[:-9],
        PACKED[:-8] + bytes(8),
        PACKED[:20] + bytes([PACKED[20] ^ 0xFF]) + PACKED[21:],
    ],
    ids=["empty", "torn", "binary", "deep", "no gzip", "torn gzip", "wrong sum", "flipped"],
)
def test_broken_score_files_are_errors(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(AnalysisError, match=r"broken: .* a score file is a JSON list"):
        read_score_files([tmp_path / "broken"])
