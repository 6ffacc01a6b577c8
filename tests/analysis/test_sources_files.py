import gzip
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.inputs import Inputs
from analysis.published import FOLDER, read_published
from analysis.scores import Scores, join, usable
from analysis.settings import AnalysisSettings
from analysis.sources import read
from common.errors import UserError
from tests.analysis.conftest import as_scores, entries

CURVES = entries(["dmc_walker_walk", "dmc_hopper_hop"], ["dreamer", "no_value"], seeds=2)
METRIC = "eval/return"
HEADER = "task,variant,seed,step,value\n"


def evaluations(scores: Scores) -> pd.DataFrame:
    return usable(scores, METRIC)


def test_score_files_hold_what_was_written(score_file: Callable[[object], Path]) -> None:
    scores = read(score_file(CURVES), METRIC)
    pd.testing.assert_frame_equal(evaluations(scores), evaluations(as_scores(CURVES)))
    assert set(scores.runs["suite"]) == {"scores"}
    assert scores.source == "scores.json"


def test_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    for name in ("scores", "scores.json.gz", "scores.json"):
        (tmp_path / name).write_bytes(gzip.compress(json.dumps(CURVES).encode()))
        pd.testing.assert_frame_equal(evaluations(read(tmp_path / name, METRIC)), evaluations(as_scores(CURVES)))


def test_a_score_file_has_no_metric_but_returns(score_file: Callable[[object], Path]) -> None:
    with pytest.raises(UserError, match=r"entry 0 lacks loss/kl, but has ys, to be selected by --metric"):
        read(score_file(CURVES), "loss/kl")
    with pytest.raises(UserError, match=r"scores\.json: such a score file has returns alone, not 'loss/kl'"):
        read(score_file({"reach": {"a": 3.5}}), "loss/kl")
    assert set(read(score_file(CURVES), "test/return").table["metric"]) == {"test/return"}


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scores.csv")
    for source in (tmp_path / "scores.csv", tmp_path):
        with pytest.raises(UserError, match=r"scores\.csv: cannot be read: no plain file, but a FIFO or device"):
            read(source, METRIC)


def test_names_of_files_are_printable(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\x1b[31m\xff.csv")
    path.write_text(HEADER + "reach,dreamer,0,10,1\n")
    scores = read(path, METRIC)
    assert scores.source == "a\\x1b[31m\\udcff.csv"
    assert set(scores.runs["suite"]) == {"a\\x1b[31m\\udcff"}


def test_messages_quote_at_most_a_line(score_file: Callable[[object], Path]) -> None:
    for content in ([CURVES[0] | {"task": ["x" * 9000]}], {"method": "m", "steps": 1, "scores": ["x" * 9000]}):
        with pytest.raises(UserError) as refused:
            read(score_file(content), METRIC)
        assert "x..." in str(refused.value)
        assert len(str(refused.value)) < 600


def test_values_that_cannot_be_summed_count_as_infinite(score_file: Callable[[object], Path]) -> None:
    largest = [1e100, -1e100, 1.1e100, -1.7e308]
    scores = read(score_file([CURVES[0] | {"xs": [1, 2, 3, 4], "ys": largest}]), METRIC)
    assert scores.table["value"].tolist() == [1e100, -1e100, math.inf, -math.inf]
    used = evaluations(scores)["score"]
    assert used.tolist() == [1e100, -1e100]
    assert math.isfinite(used.std())
    with pytest.raises(UserError, match=r"entry 0: xs must be finite numbers up to 1e15"):
        read(score_file([CURVES[0] | {"xs": [1e16], "ys": [1.0]}]), METRIC)


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_lines_of_tables_end_in_any_way(tmp_path: Path, ending: str) -> None:
    rows = ["task,variant,seed,step,value", "t,v,0,10,1.5", "t,v,0,20,2.5", ""]
    (tmp_path / "a.csv").write_bytes(ending.join(rows).encode())
    assert usable(read(tmp_path / "a.csv", METRIC), METRIC)["score"].tolist() == [1.5, 2.5]


def test_null_is_kept_as_nan(score_file: Callable[[object], Path]) -> None:
    curve = CURVES[0] | {"xs": [1, 2, 3, 4], "ys": [None, math.nan, 10**400, 5.0]}
    assert read(score_file([curve]), METRIC).table["value"].fillna(-1).tolist() == [-1, -1, math.inf, 5]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (3, "contains int; a score file is"),
        ([3], "entry 0 is int"),
        ([CURVES[0], {"task": "a", "seed": 0, "xs": []}], "entry 1 lacks method, ys"),
        ([CURVES[0] | {"ys": [1.0]}], "same length"),
        ([CURVES[0] | {"xs": ["1"], "ys": [1.0]}], "xs must be finite numbers"),
        ([CURVES[0] | {"xs": [float("nan")], "ys": [1.0]}], "xs must be finite numbers"),
        ([CURVES[0] | {"xs": [1], "ys": ["high"]}], "ys must be numbers"),
        ([CURVES[0] | {"xs": [1], "ys": [True]}], "ys must be numbers"),
        ([CURVES[0] | {"xs": [10**400], "ys": [1.0]}], "xs must be finite numbers"),
        ([CURVES[0] | {"seed": ""}], "seed must be an integer from 0 on, not ''"),
        ([CURVES[0] | {"seed": 1.5}], "seed must be an integer from 0 on, not 1.5"),
        ([CURVES[0] | {"seed": -1}], "seed must be an integer from 0 on, not -1"),
        ([CURVES[0] | {"seed": True}], "seed must be an integer from 0 on, not True"),
        ([CURVES[0] | {"seed": 10**30}], "seed must be an integer from 0 on"),
        ([CURVES[0] | {"seed": float("inf")}], "seed must be an integer from 0 on, not inf"),
        ([CURVES[0] | {"task": None}], "task must be a name, not None"),
        ([CURVES[0] | {"method": "\ud800"}], "method must be a name"),
        ([CURVES[0], CURVES[1], CURVES[0] | {"xs": [5], "ys": [1.0]}], "entry 2: second entry of task .*, seed 0"),
        ({"task": "a"}, "has task at its top, in 1 level of objects; a score file is .* or {task: {method: score}}"),
        (
            {"lab": {"a": {"b": {"seed_1": {"step_0": {}}}}}},
            "has lab at its top, .* form of marl-eval, .* not read",
        ),
        ({"a": {"b": "high"}}, "has a at its top, in 2 levels of objects; a score file is"),
        ([{"task": "a", "method": "b", "seed": 0, "xs": [1], "wins": [1]}], "lacks ys, but has wins, .* by --metric"),
        ({"method": "A"}, "steps must be a number up to 1e15, not None"),
        ({"method": "A", "steps": 5, "scores": [1]}, r"scores must be an object \{task: score\}, not \[1\]"),
        ({"method": "A", "steps": 5, "scores": {"a": "b"}}, "scores must map tasks to numbers, not 'a': 'b'"),
    ],
)
def test_malformed_score_files_are_named(content: object, expected: str, score_file: Callable[[object], Path]) -> None:
    with pytest.raises(UserError, match=f"scores.json.*{expected}"):
        read(score_file(content), METRIC)


@pytest.mark.parametrize("seed", [3, 3.0, "3"])
def test_seeds_are_read_as_integers(seed: object, score_file: Callable[[object], Path]) -> None:
    assert read(score_file([CURVES[0] | {"seed": seed}]), METRIC).runs["seed"].tolist() == [3]


def test_seeds_that_are_text_are_numbered_after_the_numbers(score_file: Callable[[object], Path]) -> None:
    seeds = ["try2_b", 4, "try2_a", "1"]
    one = [CURVES[0] | {"seed": seed} for seed in seeds]
    other = [CURVES[0] | {"task": "dmc_cup_catch", "seed": seed} for seed in reversed(seeds)]
    scores = read(score_file(one + other), METRIC)
    assert scores.runs["seed"].tolist() == [5, 4, 6, 1, 1, 6, 4, 5]
    assert scores.notes == ("scores.json: seeds that are text are numbered: try2_b is 5, try2_a is 6",)
    with pytest.raises(UserError, match=r"second entry of .*, seed try2_a"):
        read(score_file([*one, one[2]]), METRIC)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_seeds_that_are_text_are_numbered_in_tables_too(ending: str, tmp_path: Path) -> None:
    seeds = ["left", "4", "1_5", "right", "4", "2.0"]
    frame = pd.DataFrame({"task": "reach", "variant": "ours", "seed": seeds, "step": range(6), "value": 1.5})
    path = tmp_path / f"a.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    scores = read(path, METRIC)
    assert scores.table["seed"].tolist() == [5, 4, 6, 7, 4, 2]
    assert scores.notes == (f"a.{ending}: seeds that are text are numbered: left is 5, 1_5 is 6, right is 7",)


def test_other_values_are_selected_by_the_metric(score_file: Callable[[object], Path]) -> None:
    curve = CURVES[0] | {"xs": [1, 2], "ys": [1.0, 2.0], "lengths": [None, 7]}
    path = score_file([curve])
    assert usable(read(path, "lengths"), "lengths")[["step", "score"]].to_numpy().tolist() == [[2, 7]]
    assert evaluations(read(path, METRIC))["score"].tolist() == [1, 2]


def test_points_by_task_and_method_are_scores_of_one_evaluation(score_file: Callable[[object], Path]) -> None:
    path = score_file({"reach": {"a": 3.5, "b": None}, "push": {"b": -1}})
    scores = read(path, METRIC)
    assert evaluations(scores)[["task", "variant", "score"]].to_numpy().tolist() == [
        ["push", "b", -1], ["reach", "a", 3.5],
    ]  # fmt: skip
    own = read(score_file([CURVES[0] | {"task": task} for task in ("reach", "push")]), METRIC)
    assert len(Inputs(join([scores, own]), AnalysisSettings()).finals) == 4
    score_file({"reach": {"a": 3.5, "b": None}, "push": {"b": -1}})
    a, b = read_published([str(path)])
    assert (a.method, dict(a.scores), b.method, dict(b.scores)) == ("a", {"reach": 3.5}, "b", {"push": -1.0})


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
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(UserError, match=r"broken.json: .* a score file is a JSON list"):
        read(tmp_path / "broken.json", METRIC)


def test_published_tables_have_one_run_per_task() -> None:
    scores = read(FOLDER / "planet.json", METRIC)
    printed = json.loads((FOLDER / "planet.json").read_bytes())
    assert dict(zip(scores.table["task"], scores.table["value"], strict=True)) == printed["scores"]
    assert scores.runs[["suite", "variant", "seed"]].drop_duplicates().to_numpy().tolist() == [["planet", "PlaNet", 0]]
    assert set(scores.table["step"]) == {5e6}


def tidy() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"task": curve["task"], "variant": curve["method"], "seed": curve["seed"], "step": x, "value": y}
            for curve in CURVES
            for x, y in zip(curve["xs"], curve["ys"], strict=True)
        ]
    )


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("names", [{}, {"variant": "method", "value": "return"}, {"value": "score"}])
def test_tables_hold_what_was_written(ending: str, names: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / f"other.v2.{ending}"
    frame = tidy().sample(frac=1, axis=1, random_state=0).rename(columns=names).assign(extra="x")
    if ending == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    scores = read(path, METRIC)
    pd.testing.assert_frame_equal(evaluations(scores), evaluations(as_scores(CURVES)))
    assert set(scores.runs["suite"]) == {"other"}


def test_tables_may_have_suites_metrics_and_episodes(tmp_path: Path) -> None:
    frame = tidy().assign(suite="one", metric="test/return", episodes=4)
    other = frame.assign(suite="two", metric="test/length", value=1.0)
    pd.concat([frame, other]).to_csv(tmp_path / "all.csv", index=False)
    scores = read(tmp_path / "all.csv", "test/return")
    assert scores.renamed == ("dreamer", "no_value")
    assert len(scores.runs) == 2 * len(CURVES)
    assert usable(scores, "test/return")["variant"].unique().tolist() == ["one/dreamer", "one/no_value"]
    assert set(usable(scores, "test/return")["episodes"]) == {4}
    with pytest.raises(UserError, match=r"no values of 'eval/return'; there are .* the nearest is test/return"):
        read(tmp_path / "all.csv", METRIC)


def test_names_in_tables_are_literal(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufefftask,variant,seed,step,value\nNA,"a, ""b""",1.0,1e3,\nnull, x ,2,5,nan\n')
    scores = read(tmp_path / "a.csv", METRIC)
    assert scores.runs[["task", "variant", "seed"]].to_numpy().tolist() == [["NA", 'a, "b"', 1], ["null", " x ", 2]]
    assert scores.table["step"].tolist() == [1000, 5]
    assert scores.table["value"].isna().all()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "no columns task, variant, seed, step, value; there are none"),
        (
            "task,variant,seed,stepz,value\n",
            r"no column step; there are task, .*value. Did you mean 'stepz' for step\?",
        ),
        (HEADER + "a,b,0,1,1\na,b,0,x,1\n", "column step: Row #3: .*'x'"),
        (HEADER + "a,b,0,1,1\na,b,,1,1\n", "row 3: seed must be an integer from 0 on, not nan"),
        (HEADER + "a,b,0,1,1\na,b,nan,1,1\n", "row 3: seed must be an integer from 0 on, not nan"),
        (HEADER + "a,b,0,1,1\na,b,0,1\n", "Row #3: Expected 5 columns, got 4"),
        (HEADER + "a,b,0,1,1\na,b,-1,1,1\n", "row 3: seed must be an integer from 0 on, not -1"),
        (HEADER + "a,b,0.5,1,1\n", "row 2: seed must be an integer from 0 on, not 0.5"),
        (HEADER + "a,b,0,inf,1\n", "row 2: step must be a finite number up to 1e15, not inf"),
        (HEADER + "a,b,0,,1\n", "row 2: step must be a finite number up to 1e15, not nan"),
        (HEADER + "a,b,0,1,1\n,b,0,1,1\n", "row 3: task must be a name, not ''"),
        (HEADER + 'a,b,0,1,1\na,"b\n",0,1,1\n', r"row 3: variant must be a name, not 'b\\n'"),
        (HEADER + "a,\udcff,0,1,1\n", "variant.*UTF8|invalid UTF8"),
    ],
)
def test_malformed_csv_is_named(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=f"bad.csv: .*{expected}"):
        read(tmp_path / "bad.csv", METRIC)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"step": "far"}, "column step has the type .*string, which does not fit step"),
        ({"value": "high"}, "column value has the type .*string"),
        ({"task": [[1]] * 160}, "column task has the type list"),
        ({"seed": np.nan}, "row 1: seed must be an integer"),
        ({"task": None}, "row 1: task must be a name, not nan"),
    ],
)
def test_malformed_parquet_is_named(change: dict[str, Any], expected: str, tmp_path: Path) -> None:
    tidy().assign(**change).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(UserError, match=f"bad.parquet: .*{expected}"):
        read(tmp_path / "bad.parquet", METRIC)


def test_torn_tables_are_errors(tmp_path: Path) -> None:
    tidy().to_parquet(tmp_path / "torn.parquet")
    whole = (tmp_path / "torn.parquet").read_bytes()
    for name, content in (("torn.parquet", whole[:-9]), ("torn.csv.gz", PACKED[:-9]), ("x.parquet", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            read(tmp_path / name, METRIC)
