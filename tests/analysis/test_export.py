import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from analysis import export
from analysis.scores import Run, Scores, by_metric, from_runs, usable, usable_model_errors
from analysis.sources import read
from analysis.sources.fields import is_name
from common.errors import UserError
from tests.analysis.conftest import as_scores, entries, with_model_errors

METRIC = "eval/return"
SHOWCASE = Path(__file__).parents[2] / "results/showcase"
odd = [
    "NA",
    "nan",
    '"',
    ",",
    "'",
    " a ",
    "1",
    "a/b",
    "True",
    "/",
    "..",
    ".a",
    "analysis",
    "%2F",
    "%",
    "%252F",
    "seed_0",
]
names = st.text(max_size=8).filter(is_name) | st.sampled_from(odd)
numbers = st.floats() | st.sampled_from([0.1 + 0.2, 1e300, 5e-324, -0.0])
rows = st.lists(st.tuples(st.floats(-1e15, 1e15), names, numbers, numbers), max_size=4)
run = st.tuples(names, names, names, st.integers(0, 2**53 - 1))
runs = st.dictionaries(run, rows, min_size=1, max_size=4)
whole = st.integers(-(10**15), 10**15).map(float)
events = st.dictionaries(run, st.lists(st.tuples(whole, numbers, numbers), max_size=4), min_size=1, max_size=4)


def made(content: dict[tuple[str, str, str, int], list[tuple[float, str, float, float]]]) -> Scores:
    """Scores in which every run has the metric at least once."""
    return from_runs(
        [
            Run(dict(zip(("suite", "task", "variant", "seed"), name, strict=True)), by_metric(run))
            for name, values in content.items()
            for run in [[(1.0, METRIC, 1.0, math.nan), *values]]
        ],
        "a test",
    )


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
@given(content=runs)
def test_tidy_tables_are_read_as_they_were(
    ending: str, content: dict, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scores = made(content)
    path = tmp_path_factory.mktemp("tables") / f"a.{ending}"
    export.write(scores, METRIC, path)
    again = read(path, METRIC)
    pd.testing.assert_frame_equal(again.table, scores.table, check_exact=True)
    pd.testing.assert_frame_equal(again.runs, scores.runs)


@pytest.mark.parametrize("ending", ["json", "json.gz"])
@given(content=runs)
def test_score_files_are_read_as_they_were(
    ending: str, content: dict, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scores = made(content)
    path = tmp_path_factory.mktemp("scores") / f"a.{ending}"
    export.write(scores, METRIC, path)
    pd.testing.assert_frame_equal(
        usable(read(path, METRIC), METRIC).drop(columns="episodes"),
        usable(scores, METRIC).drop(columns="episodes"),
        check_exact=True,
    )


@given(content=events)
def test_event_folders_are_read_as_they_were(content: dict, tmp_path_factory: pytest.TempPathFactory) -> None:
    scores = made({name: [(step, METRIC, *rest) for step, *rest in rows] for name, rows in content.items()})
    folder = tmp_path_factory.mktemp("events") / "tb"
    export.write(scores, METRIC, folder)
    again = read(folder, METRIC)
    key = ["suite", "task", "variant", "seed"]
    names = pd.MultiIndex.from_frame(scores.runs[key])
    assert sorted(again.runs[key].itertuples(index=False, name=None)) == sorted(names)
    table = again.table[again.table["metric"] == METRIC].astype(dict.fromkeys([*key[:3], "metric"], object))
    expected = scores.table.astype(dict.fromkeys([*key[:3], "metric"], object))
    for name in names:
        one, other = (
            rows[pd.MultiIndex.from_frame(rows[key]).isin([name])].reset_index(drop=True) for rows in (table, expected)
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_tensorboard_reads_event_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))  # keeps TensorFlow out
    scores = as_scores(entries(["ALE/Pong-v5"], ["v"], seeds=2, points=3), episodes=7.0)
    export.write(scores, METRIC, tmp_path / "tb")
    for (seed,), run in scores.table.groupby(["seed"]):
        events = EventAccumulator(str(tmp_path / f"tb/test/ALE%2FPong-v5/v/{seed}")).Reload()
        found = [(event.step, make_ndarray(event.tensor_proto).item()) for event in events.Tensors(METRIC)]
        assert found == [*zip(run["step"], run["value"], strict=True)]
        assert len(events.Tensors("eval/episodes")) == 3
        assert events.SummaryMetadata(METRIC).plugin_data.plugin_name == "scalars"


def test_only_an_export_is_replaced_by_an_export(tmp_path: Path) -> None:
    first, second = (as_scores(entries(["t"], [name], seeds=2, points=2)) for name in "ab")
    export.write(first, METRIC, tmp_path / "tb")
    export.write(second, METRIC, tmp_path / "tb")
    assert set(read(tmp_path / "tb", METRIC).runs["variant"]) == {"b"}
    kept = tmp_path / "tb/test/t/b/0/notes.txt"
    kept.write_text("mine")
    with pytest.raises(UserError, match=r"tb has files of another kind: notes.txt; export to a new folder"):
        export.write(first, METRIC, tmp_path / "tb")
    assert set(read(tmp_path / "tb", METRIC).runs["variant"]) == {"b"}
    assert [path.name for path in tmp_path.iterdir()] == ["tb"]
    with pytest.raises(UserError, match=r"notes.txt has files of another kind|notes.txt: scores are written"):
        export.write(first, METRIC, kept)


def test_events_have_whole_steps(tmp_path: Path) -> None:
    scores = as_scores([entries(["t"], ["v"], seeds=1, points=2)[0] | {"xs": [1.0, 1.5]}])
    with pytest.raises(UserError, match=r"t/v/0: step 1\.5 is no whole number, .* export to \.csv"):
        export.write(scores, METRIC, tmp_path / "tb")
    assert not [*tmp_path.iterdir()]


def test_score_files_have_null_for_nan_and_one_metric() -> None:
    curves = with_model_errors(entries(["b", "a"], ["v"], seeds=2, points=3))
    curves[0]["ys"][1] = math.nan
    content = json.loads(export.to_score_file(as_scores(curves), METRIC), parse_constant=pytest.fail)
    assert content == [
        {name: curve[name] for name in ("task", "method", "seed", "xs")}
        | {"ys": [None if math.isnan(y) else y for y in curve["ys"]]}
        for curve in curves
    ]


def test_tables_have_all_metrics(tmp_path: Path) -> None:
    scores = as_scores(with_model_errors(entries(["b", "a"], ["v"], seeds=2, points=3)))
    export.write(scores, METRIC, tmp_path / "new/folder/a.csv")
    again = read(tmp_path / "new/folder/a.csv", METRIC)
    pd.testing.assert_frame_equal(usable_model_errors(again), usable_model_errors(scores))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_every_metric_of_a_run_is_exported(ending: str, tmp_path: Path) -> None:
    run = SHOWCASE / "demo/dmc_cartpole_swingup/dreamer/0"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    logged = {name for line in lines for name, value in line.items() if isinstance(value, int | float)} - {"step"}
    assert len(logged) > 20
    export.write(read(run, METRIC), METRIC, tmp_path / f"a.{ending}")
    if ending == "csv":
        table = pd.read_csv(tmp_path / "a.csv", float_precision="round_trip")
    else:
        table = pd.read_parquet(tmp_path / "a.parquet")
    assert set(table["metric"]) == logged
    for name in logged:
        points = [(line["step"], line[name]) for line in lines if name in line]
        assert [
            *zip(*(table.loc[table["metric"] == name, column] for column in ("step", "value")), strict=True)
        ] == points


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a.xlsx: .* .parquet, .csv, .csv.gz, .json or .json.gz, or .* to a folder"):
        export.write(as_scores([]), METRIC, tmp_path / "a.xlsx")
