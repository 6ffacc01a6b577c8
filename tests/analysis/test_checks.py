from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.checks import Finding, check, to_markdown
from analysis.scores import Scores, read_runs
from analysis.settings import AnalysisSettings
from tests.analysis.conftest import as_scores, entries, with_model_errors, write_folders

TASKS = ["dmc_walker_walk", "dmc_hopper_hop"]


def curves(**_: Any) -> list[dict[str, Any]]:
    return entries(TASKS, ["dreamer", "no_value"], seeds=2)


def found(scores: Scores, settings: AnalysisSettings, part: str) -> Finding:
    """The one finding whose title holds the text."""
    (finding,) = [finding for finding in check(scores, settings) if part in finding.title]
    return finding


def test_good_data_has_no_findings(settings: AnalysisSettings, tmp_path: Path) -> None:
    assert check(as_scores(curves()), settings) == []
    assert check(read_runs(write_folders(curves(), tmp_path), "suite", tmp_path), settings) == []
    assert "Nothing was found" in to_markdown([], "protocol")


def test_missing_runs(settings: AnalysisSettings, tmp_path: Path) -> None:
    expected = write_folders(curves(), tmp_path)
    for path in expected[3].folder.iterdir():
        path.unlink()
    expected[3].folder.rmdir()
    scores = read_runs(expected, "suite", tmp_path)
    assert found(scores, settings, "1 of 8 runs are missing").items == ("dmc_walker_walk/no_value/1",)
    assert found(scores, settings, "single seed").items == ("dmc_walker_walk, no_value: seed 0",)
    assert "no_value: 1 of 3 runs are left out of its aggregates" in found(scores, settings, "or differ between").items


def test_run_without_an_evaluation(settings: AnalysisSettings, tmp_path: Path) -> None:
    expected = write_folders(curves(), tmp_path)
    (expected[0].folder / "metrics.jsonl").write_text('{"step": 5, "loss/model": 1.0}\n')
    scores = read_runs(expected, "suite", tmp_path)
    assert found(scores, settings, "without any evaluation").items == ("dmc_walker_walk/dreamer/0",)


@pytest.mark.parametrize(("state", "steps", "says"), [("running", 20_000, "running"), ("", 40_000, "state unknown")])
def test_unfinished_runs(state: str, steps: int, says: str, settings: AnalysisSettings) -> None:
    data = as_scores(curves(), state=[state] + ["done"] * 7, planned=float(steps))
    (item,) = found(data, settings, "unfinished").items
    assert item == f"dmc_walker_walk/dreamer/0: {says}, evaluated up to step 20,000 of {steps:,}"


def test_ragged_lengths(settings: AnalysisSettings) -> None:
    data = curves()
    data[0] |= {"xs": data[0]["xs"][:10], "ys": data[0]["ys"][:10]}
    assert found(as_scores(data), settings, "unequal length").items == ("dmc_walker_walk: from 10,000 to 20,000 steps",)


def test_nan_and_repeated_steps(settings: AnalysisSettings) -> None:
    data = curves()
    data[0]["ys"][4] = float("nan")
    data[1]["xs"][7] = data[1]["xs"][6]
    assert found(as_scores(data), settings, "without a finite return").items == ("dmc_walker_walk/dreamer/0: 1",)
    assert found(as_scores(data), settings, "1 evaluation at a step that a run reached again").items == (
        "dmc_walker_walk/dreamer/1: 1",
    )


def test_model_errors_that_are_nan_or_missing(settings: AnalysisSettings) -> None:
    data = with_model_errors(curves())
    assert check(as_scores(data), settings) == []
    data[0]["errors"][4]["model_error/kl/5"] = float("nan")
    del data[1]["errors"][7]["model_error/image/45"], data[1]["errors"][7]["model_error/kl/1"]
    del data[1]["errors"][9]["model_error/kl/1"]
    data[2]["errors"] = [{}] * 20  # none of its own, though the other seed has them
    del data[4]["errors"], data[5]["errors"]  # a variant without a world model
    scores = as_scores(data)
    assert found(scores, settings, "1 model error without a finite value").items == ("dmc_walker_walk/dreamer/0: 1",)
    finding = found(scores, settings, "model errors are missing at some evaluations of 2 runs")
    assert finding.items == ("dmc_walker_walk/dreamer/1: 2 of 20", "dmc_walker_walk/no_value/0: 20 of 20")


def test_torn_lines(settings: AnalysisSettings) -> None:
    data = as_scores(curves(), torn=[0] * 7 + [2])
    assert found(data, settings, "torn lines").items == ("dmc_hopper_hop/no_value/1: 2",)


def test_absent_pairs_of_task_and_variant(settings: AnalysisSettings) -> None:
    finding = found(as_scores(curves()[:-2]), settings, "scores are missing")
    assert finding.items == ("dmc_hopper_hop: no no_value",)
    assert "1 of 2 tasks" in finding.rule


def test_mixed_renderers(settings: AnalysisSettings) -> None:
    data = as_scores(curves(), renderer=["egl"] * 3 + ["raycast"] * 5)
    assert found(data, settings, "different renderers").items == ("egl: 3 runs", "raycast: 5 runs")


def test_tasks_and_returns_that_the_normalisation_does_not_fit(settings: AnalysisSettings) -> None:
    data = curves()
    data[0] |= {"ys": (-np.arange(20.0)).tolist()}
    data[1] |= {"task": "atari_pong", "ys": (-np.arange(20.0)).tolist()}
    scores = as_scores(data)
    unknown = found(scores, settings, "of unknown best return")
    assert unknown.items == ("atari_pong",)
    assert "left out of the aggregates" in unknown.rule
    assert found(scores, settings, "below 0").items == ("dmc_walker_walk/dreamer/0: 19",)
    human = settings.model_copy(update={"normalization": "atari"})
    assert "atari_pong" not in found(scores, human, "of unknown scores of random play and a human").items
    assert not [finding for finding in check(scores, human) if "below 0" in finding.title]
    raw = settings.model_copy(update={"normalization": "none"})
    assert not [finding for finding in check(scores, raw) if "known" in finding.title or "return" in finding.title]


def test_all_items_are_written_out(settings: AnalysisSettings) -> None:
    text = to_markdown([Finding("9 things", "left out", tuple(f"thing {i}" for i in range(9)))], "protocol")
    assert "## 9 things\n\nRule: left out\n\n- thing 0\n" in text
    assert "- thing 8\n" in text
