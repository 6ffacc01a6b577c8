import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import export
from analysis.scores import Run, Scores, by_metric, from_runs, usable, usable_model_errors
from analysis.sources import read
from analysis.sources.fields import is_name
from common.errors import UserError
from tests.analysis.conftest import as_scores, entries, with_model_errors

METRIC = "eval/return"
SHOWCASE = Path(__file__).parents[2] / "results/showcase"
names = st.text(max_size=8).filter(is_name) | st.sampled_from(["NA", "nan", '"', ",", "'", " a ", "1", "a/b", "True"])
numbers = st.floats() | st.sampled_from([0.1 + 0.2, 1e300, 5e-324, -0.0])
rows = st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), names, numbers, numbers), max_size=4)
runs = st.dictionaries(st.tuples(names, names, names, st.integers(0, 2**53 - 1)), rows, min_size=1, max_size=4)


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
    with pytest.raises(UserError, match=r"a.xlsx: scores are written to .parquet, .csv, .csv.gz, .json or .json.gz"):
        export.write(as_scores([]), METRIC, tmp_path / "a.xlsx")
