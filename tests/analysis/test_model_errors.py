import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import model_errors, statistics
from analysis.scores import ExpectedRun, usable_model_errors
from analysis.settings import AnalysisSettings
from analysis.sources import read_expected
from tests.analysis.conftest import as_scores, entries, with_model_errors

TASKS = ["dmc_walker_walk", "dmc_hopper_hop"]


def errors(seeds: int = 3, horizons: tuple[int, ...] = (1, 5, 15, 45)) -> pd.DataFrame:
    return usable_model_errors(as_scores(with_model_errors(entries(TASKS, ["dreamer", "ed2"], seeds), horizons)))


def summarize(table: pd.DataFrame, settings: AnalysisSettings) -> model_errors.ModelErrors:
    summary = model_errors.summarize(table, settings)
    assert summary is not None
    return summary


def write_run(folder: Path, lines: list[dict[str, object]]) -> ExpectedRun:
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ExpectedRun("toy_reach_2", "ed2", int(folder.name), folder, 100)


def test_from_lines_to_finals_and_curves_by_hand(settings: AnalysisSettings, tmp_path: Path) -> None:
    """Two seeds, three evaluations; the window of 40 % of 100 steps holds the last two."""

    def line(step: int, image: float, kl: float) -> dict[str, object]:
        errors = {"model_error/image/1": image, "model_error/image/5": 2 * image, "model_error/kl/5": kl}
        return {"step": step, "eval/return": 1.0, "model_error/sequences": 4, **errors}

    expected = [
        write_run(tmp_path / "0", [line(50, 9, 9), {"step": 60, "loss": 1.0}, line(70, 1, 4), line(100, 2, 6)]),
        write_run(tmp_path / "1", [line(50, 9, 1), line(70, 3, 8), line(100, 4, 10)]),
    ]
    table = usable_model_errors(read_expected(expected, "suite", tmp_path, "eval/return"))
    found = summarize(table, settings.model_copy(update={"final_window": 0.4}))
    rows = found.finals.set_index(["measure", "horizon"])
    assert list(found.finals.columns[:4]) == ["task", "variant", "measure", "horizon"]
    assert rows["mean"].to_dict() == {("image", 1): 2.5, ("image", 5): 5.0, ("kl", 5): 7.0}
    assert rows["low"].to_dict() == {("image", 1): 1.5, ("image", 5): 3.0, ("kl", 5): 5.0}
    assert rows["high"].to_dict() == {("image", 1): 3.5, ("image", 5): 7.0, ("kl", 5): 9.0}
    assert set(rows["seeds"]) == {2}
    assert set(rows["sequences"]) == {2 * 2 * 4}
    curve = found.curves[found.curves["measure"] == "kl"]
    assert curve["step"].tolist() == [50, 70, 100]
    assert curve["mean"].tolist() == [5, 6, 8]
    assert found.measures == ["image", "kl"]
    for part in ("last 40 %", "evaluations of a run: 2; sequences of an evaluation: 4", "Seeds: 2.", "95 %"):
        assert part in found.protocol


def test_finals_are_those_of_returns_by_the_same_protocol(settings: AnalysisSettings) -> None:
    table = errors()
    found = summarize(table, settings).finals
    assert len(found) == 2 * 2 * 3 * 4
    for name, series in table.groupby(model_errors.SERIES):
        values = series[series["step"] > 0.9 * 20_000].groupby("seed")["value"].mean().to_numpy()
        (row,) = found[(found[model_errors.SERIES] == list(name)).all(axis=1)].to_dict("records")
        low, high = statistics.mean_interval(values[:, None], settings)
        assert row["mean"] == pytest.approx(values.mean())
        assert (row["low"], row["high"]) == (pytest.approx(low.item()), pytest.approx(high.item()))


def test_curves_are_those_of_returns_at_one_horizon(settings: AnalysisSettings) -> None:
    table = errors()
    found = summarize(table, settings).curves
    assert set(found["horizon"]) == {15}
    for measure, part in found.groupby("measure"):
        values = table[(table["measure"] == measure) & (table["horizon"] == 15)].rename(columns={"value": "score"})
        direct = statistics.curves(values, settings)
        pd.testing.assert_frame_equal(part[direct.columns].reset_index(drop=True), direct)


@pytest.mark.parametrize(
    ("horizons", "drawn"), [((1, 5, 15, 45), 15), ((1, 5), 5), ((1, 14, 16), 14), ((45, 20), 20), ((1,), 1)]
)
def test_curves_are_drawn_at_fifteen_steps_or_the_next_below(horizons: tuple[int, ...], drawn: int) -> None:
    assert model_errors.curve_horizon(errors(1, horizons)) == drawn


def test_curves_are_drawn_at_a_horizon_that_every_task_has() -> None:
    table = errors(1)
    assert model_errors.curve_horizon(table[(table["task"] == TASKS[0]) | (table["horizon"] <= 5)]) == 5
    apart = table[(table["task"] == TASKS[0]) == (table["horizon"] < 15)]
    assert model_errors.curve_horizon(apart) == 15  # no horizon in common: of those that there are


def test_one_seed_has_no_interval(settings: AnalysisSettings) -> None:
    found = summarize(errors(1), settings)
    assert found.finals[["low", "high"]].isna().all(axis=None)
    assert found.curves[["low", "high"]].isna().all(axis=None)


def test_sequences_may_be_unknown(settings: AnalysisSettings) -> None:
    found = summarize(errors().assign(sequences=np.nan), settings)
    assert found.finals["sequences"].isna().all()
    assert "sequences" not in found.protocol


def test_without_model_errors_there_is_nothing(settings: AnalysisSettings) -> None:
    assert model_errors.summarize(usable_model_errors(as_scores(entries(TASKS, ["random"], 2))), settings) is None


def test_note_warns_of_what_cannot_be_compared() -> None:
    image, both = (" ".join(model_errors.notes(*names)) for names in (("image",), ("image", "kl")))
    for text in (image, both):
        assert "context of 5 records" in text
        assert "its own evaluation episodes" in text
        assert "--model-error --policy random" in text
    assert "latent space" in both
    assert "latent space" not in image
