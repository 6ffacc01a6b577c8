"""Errors of world models: the numbers, and the figures against the numbers."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import families, statistics
from analysis.figures.style import looks
from analysis.results import (
    curves,
    model_errors,
)
from analysis.scores import ExpectedRun, usable_model_errors
from analysis.settings import AnalysisSettings
from analysis.sources import read_expected
from tests.analysis import plots
from tests.analysis.conftest import as_scores, entries, with_model_errors
from tests.analysis.plots import VARIANTS

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
    for part in (
        "last 40 %",
        "evaluations per run: 2; sequences per evaluation: 4",
        "Seeds per task and variant: 2.",
        "95 %",
    ):
        assert part in found.scoring


def test_errors_of_state_vectors_have_a_table_and_panels(tmp_path: Path, settings: AnalysisSettings) -> None:
    """Lists of the errors of each dimension, and the variance unexplained, are not among the numbers."""
    errors = {"model_error/state/1": 0.5, "model_errors/state/1": [0.2, 0.8], "model_error/state_unexplained/1": 0.1}
    line: dict[str, object] = {"step": 100, "eval/return": 1.0, **errors, "model_error/kl/1": 2.0}
    expected = [write_run(tmp_path / "0", [line])]
    found = summarize(usable_model_errors(read_expected(expected, "suite", tmp_path, "eval/return")), settings)
    assert found.measures == ["state", "kl"]
    assert found.finals[["measure", "horizon", "mean"]].to_numpy().tolist() == [["kl", 1, 2.0], ["state", 1, 0.5]]
    table = model_errors.table(found.finals, "state", *model_errors.notes("state"))
    assert table.heading.startswith("State error (MSE)")
    assert "symlog" in " ".join(table.notes)
    mixed = pd.concat([plots.errors(variants=["dreamer"]), plots.errors(variants=["ed2"], observation="state")])
    grid = panels(model_errors.draw(mixed, MEASURED, "horizon"))
    assert list(grid)[:4] == [*product(["Hopper Hop"], ["image", "state", "reward", "kl"])]
    for measure, variants in (("image", ["dreamer"]), ("state", ["ed2"]), ("kl", ["dreamer", "ed2"])):
        assert [line.get_label() for line in grid["Hopper Hop", measure].lines] == variants


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
        direct = curves.curves(values, settings)
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
    assert model_errors.curve_horizon(apart) == 15  # no horizon in common: the largest up to 15 of any task


def test_one_seed_has_no_interval(settings: AnalysisSettings) -> None:
    found = summarize(errors(1), settings)
    assert found.finals[["low", "high"]].isna().all(axis=None)
    assert found.curves[["low", "high"]].isna().all(axis=None)


def test_sequences_may_be_unknown(settings: AnalysisSettings) -> None:
    found = summarize(errors().assign(sequences=np.nan), settings)
    assert found.finals["sequences"].isna().all()
    assert "sequences" not in found.scoring


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


MEASURED = looks(["absent", *VARIANTS, "planet"])


def panels(figure: Figure) -> dict[tuple[str, str], Axes]:
    """The axes of a grid of model errors, by title of task and measure."""
    spec = figure.axes[0].get_subplotspec()
    assert spec is not None
    columns = spec.get_gridspec().ncols
    measures = {title: measure for measure, title in model_errors.TITLES.items()}
    across = [measures[axis.get_title().replace("\n", " ")] for axis in figure.axes[:columns]]
    down = [axis.get_ylabel().replace("\n", " ") for axis in figure.axes[::columns]]
    return dict(zip(product(down, across), figure.axes, strict=True))


def of(data: pd.DataFrame, pair: tuple[str, str], variant: str) -> pd.DataFrame:
    """The rows of one line in the panel of a task and measure."""
    rows = data[(data["measure"] == pair[1]) & (data["variant"] == variant)]
    return rows[rows["task"].map(families.title) == pair[0]]


def test_errors_ahead_are_the_data_side_by_side() -> None:
    errors = plots.errors()
    figure = model_errors.draw(errors, MEASURED, "horizon")
    grid = panels(figure)
    assert list(grid) == [*product(["Hopper Hop", "Walker Walk"], ["image", "reward", "kl"])]
    assert figure.get_supxlabel() == "Agent steps ahead"
    for pair, axis in grid.items():
        places = []
        assert len(axis.lines) == len(VARIANTS)
        [bars] = axis.collections
        for i, (line, variant) in enumerate(zip(axis.lines, VARIANTS, strict=True)):
            data = of(errors, pair, variant)
            np.testing.assert_array_equal(line.get_ydata(), data["mean"])
            np.testing.assert_allclose(line.get_xdata() / data["horizon"], 1, atol=0.3)  # type: ignore[operator]
            spans = np.array(bars.get_segments()[4 * i : 4 * i + 4])  # type: ignore[attr-defined]
            assert tuple(np.asarray(bars.get_edgecolor())[4 * i][:3]) == MEASURED[variant].color
            np.testing.assert_array_equal(spans[:, :, 1], data[["low", "high"]])
            np.testing.assert_array_equal(spans[:, 0, 0], line.get_xdata())
            assert (line.get_color(), line.get_label()) == (MEASURED[variant].color, variant)
            places.append(np.asarray(line.get_xdata()))
        assert (np.diff(places, axis=0) > 0).all()  # in the order of the legend at each horizon
        assert np.max(places[-1][:-1] / places[0][1:]) < 1  # and apart from the next horizon's
        assert axis.get_xticks().tolist() == [1, 5, 15, 45]
        assert axis.get_xscale() == "log"
        assert plots.notes(axis) == ["n=3"]


def test_errors_over_time_are_the_data() -> None:
    errors = plots.errors(horizons=[15], steps=[1e5 * (1 + i) for i in range(12)])
    figure = model_errors.draw(errors, MEASURED, "step")
    assert figure.get_supxlabel() == "Environment steps"
    for pair, axis in panels(figure).items():
        for line, variant in zip(axis.lines, VARIANTS, strict=True):
            data = of(errors, pair, variant)
            np.testing.assert_array_equal(line.get_xdata(), data["step"])
            np.testing.assert_array_equal(line.get_ydata(), data["mean"])
            assert line.get_color() == MEASURED[variant].color


def test_many_tasks_are_in_two_columns_of_rows() -> None:
    tasks = [f"dmc_task_{i}" for i in range(7)]
    figure = model_errors.draw(plots.errors(tasks, ["dreamer"]), MEASURED, "horizon")
    labels = {axis.get_ylabel(): axis.get_subplotspec() for axis in figure.axes if axis.get_ylabel()}
    places = [(spec.rowspan.start, spec.colspan.start) for spec in labels.values() if spec]
    assert dict(zip(labels, places, strict=True)) == {
        **{f"Task {i}": (i, 0) for i in range(4)},
        **{f"Task {4 + i}": (i, 3) for i in range(3)},
    }
    assert len(figure.axes) == 21


@pytest.mark.parametrize("spread", [1.0, 1.01, 3.0, 9.0, 11.0, 50.0, 1e4, 1e9])
def test_axes_of_errors_are_logarithmic_from_a_factor_of_ten_and_have_some_labels(spread: float) -> None:
    one = (
        plots.errors().query("variant == 'ed2' and measure == 'kl'").assign(low=0.037, mean=0.037, high=0.037 * spread)
    )
    for axis in model_errors.draw(one, MEASURED, "horizon").axes:
        low, high = axis.get_ylim()
        assert axis.get_yscale() == ("log" if spread > 10 else "linear")
        assert low < 0.037 <= 0.037 * spread < high
        assert 2 <= sum(low <= tick <= high for tick in axis.get_yticks()) <= 10


def test_errors_of_zero_are_drawn_on_straight_axes() -> None:
    figure = model_errors.draw(plots.errors().assign(low=0.0), MEASURED, "horizon")
    assert {axis.get_yscale() for axis in figure.axes} == {"linear"}


def test_what_was_not_measured_leaves_room_or_no_column() -> None:
    hopper, walker = plots.TASKS[:2]
    errors = plots.errors(variants=["dreamer", "wide"])
    part = errors[(errors["measure"] != "image") & ~((errors["task"] == walker) & (errors["measure"] == "kl"))]
    figure = model_errors.draw(part, MEASURED, "horizon")
    grid = panels(figure)
    assert [measure for task, measure in grid if task == families.title(hopper)] == ["reward", "kl"]
    assert [pair for pair, axis in grid.items() if not axis.axison] == [("Walker Walk", "kl")]
    assert plots.labels(figure) == ["dreamer", "wide"]
    last = grid["Hopper Hop", "kl"]
    assert last.xaxis.get_major_ticks()[0].label1.get_visible(), "nothing is below it"
