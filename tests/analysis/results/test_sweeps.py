"""Final returns against swept settings: the numbers, and the figures against the numbers."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures.style import looks
from analysis.published import Published
from analysis.relations import Point, Relations
from analysis.results import sweeps
from tests.analysis import plots
from tests.analysis.plots import TASKS, VARIANTS

LOOKS = looks(["absent", *VARIANTS, "planet"])


def test_returns_against_a_swept_setting_are_the_data() -> None:
    points = plots.points()
    level = Published("D4PG", "a paper", "return", {"dmc_walker_walk": 968.3})
    figure = sweeps.draw(points, LOOKS, "horizon", [level])
    assert [axis.get_title() for axis in figure.axes] == ["Walker Walk", "Reach 2"]
    assert plots.labels(figure) == ["dreamer", "planet", "D4PG, published"]
    assert figure.get_supxlabel() == "horizon"
    for axis, task in zip(figure.axes, TASKS[1:], strict=True):
        data = points[points["task"] == task]
        places = []
        lines = [line for line in axis.lines if line.get_label() != level.label]
        bars = axis.collections[0].get_segments()  # type: ignore[attr-defined]
        for i, (line, (name, rows)) in enumerate(zip(lines, data.groupby("variant"), strict=True)):
            np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
            np.testing.assert_allclose(np.asarray(line.get_xdata()), rows["value"].astype(float), atol=0.4)
            spans = np.array(bars[3 * i : 3 * i + 3])
            np.testing.assert_array_equal(spans[:, :, 1], rows[["low", "high"]])
            np.testing.assert_array_equal(spans[:, 0, 0], line.get_xdata())
            assert (line.get_label(), line.get_color()) == (name, LOOKS[str(name)].color)
            places.append(np.asarray(line.get_xdata()))
        assert (places[0] < places[1]).all()
        assert [label.get_text() for label in axis.get_xticklabels()] == ["3", "7", "15"]
        assert axis.get_xticks().tolist() == [3, 7, 15]
        assert axis.get_xscale() == "linear"
        assert plots.notes(axis) == ["n=2 to 3"]
    walker, toy = figure.axes
    assert [line.get_ydata()[0] for line in walker.lines if line.get_label() == level.label] == [968.3]  # type: ignore[index]
    assert len(toy.lines) == 2


def test_points_on_fewer_seeds_are_hollow_and_counted() -> None:
    columns = {"value": [3, 6, 12], "task": "t", "variant": "planet", "mean": [1.0, 2, 3], "low": 0, "high": 4}
    points = pd.DataFrame({**columns, "seeds": [3, 1, 2]}).astype({"value": object})
    [axis] = sweeps.draw(points, LOOKS, "x").axes
    _, hollow = axis.collections
    np.testing.assert_array_equal(np.asarray(hollow.get_offsets())[:, 1], [2, 3])
    assert (np.asarray(hollow.get_facecolor()) == 1).all()
    assert plots.notes(axis) == ["n=1 to 3"]


@pytest.mark.parametrize(
    ("values", "scale", "labels"),
    [
        ([1, 2, 4, 8], "linear", ["1", "2", "4", "8"]),
        ([1, 3, 10], "log", ["1", "3", "10"]),
        ([0, 5, 50], "linear", ["0", "5", "50"]),
        ([3, 5, 10, 15, 20, 25, 30, 40, 41], "log", ["3", "5", "10", "15", "20", "25", "30", "40", ""]),
        ([0.95], "linear", ["0.95"]),
    ],
)
def test_axis_of_a_swept_setting_is_logarithmic_from_a_factor_of_ten(
    values: list[float], scale: str, labels: list[str]
) -> None:
    columns = {"value": values, "task": "t", "variant": "planet", "mean": 1.0, "low": 0, "high": 2, "seeds": 2}
    [axis] = sweeps.draw(pd.DataFrame(columns).astype({"value": object}), LOOKS, "x").axes
    assert axis.get_xscale() == scale
    assert axis.get_xticks().tolist() == values
    assert [label.get_text() for label in axis.get_xticklabels()] == labels
    np.testing.assert_allclose(np.asarray(axis.lines[0].get_xdata()), values)  # a single line stands at its values
    low, high = axis.get_xlim()
    assert low < values[0] <= values[-1] < high


def test_sampled_values_are_points_at_their_values() -> None:
    """One on fewer seeds is hollow, and no line joins points that have nothing to do with each other."""
    columns = {
        "value": [0.0002, 0.005, 0.03, 0.0007], "task": "t", "variant": ["dreamer"] * 3 + ["planet"],
        "mean": [3.0, 1, 2, 5], "low": [2.0, 0, 1, 4], "high": [4.0, 3, 3, 7], "seeds": [2, 1, 2, 2],
    }  # fmt: skip
    [axis] = sweeps.draw(pd.DataFrame(columns).astype({"value": object}), LOOKS, "rate", sampled=True).axes
    assert [line.get_linestyle() for line in axis.lines] == ["None", "None"]
    assert [(line.get_label(), line.get_color()) for line in axis.lines] == [
        (name, LOOKS[name].color) for name in ("dreamer", "planet")
    ]
    assert [np.asarray(line.get_xydata()).tolist() for line in axis.lines] == [
        [[0.0002, 3], [0.005, 1], [0.03, 2]], [[0.0007, 5]]
    ]  # fmt: skip
    bars, hollow = axis.collections
    spans = np.array(bars.get_segments())  # type: ignore[attr-defined]
    np.testing.assert_array_equal(spans[:, :, 1], np.transpose([columns["low"], columns["high"]]))
    np.testing.assert_array_equal(spans[:, 0, 0], columns["value"])
    assert np.asarray(hollow.get_offsets()).tolist() == [[0.005, 1]]
    assert axis.get_xscale() == "log"
    assert plots.notes(axis) == ["n=1 to 2"]
    low, high = axis.get_xlim()
    shown = [label.get_text() for label in axis.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert shown == ["0.001", "0.01"]


SWEPT = pd.DataFrame(
    [
        (task, variant, mean + 100 * i, mean - 1.0, mean + 2.0, 3)
        for i, task in enumerate(("task_a", "task_b"))
        for variant, mean in (("plain+h=15", 15.0), ("plain+h=3", 3.0), ("value+h=3", 4.0), ("other", 9.0))
    ],
    columns=["task", "variant", "mean", "low", "high", "seeds"],
)


RELATIONS = Relations(
    sweeps={
        "h": {
            "value+h=3": Point("value", 3), "value+h=15": Point("value", 15),
            "plain+h=3": Point("plain", 3), "plain+h=15": Point("plain", 15),
        },
        "rate": {"other": Point("other", 0.5)},
    }
)  # fmt: skip


def test_rows_are_by_task_then_line_by_line() -> None:
    found = sweeps.swept(SWEPT, RELATIONS)
    assert list(found.columns) == sweeps.COLUMNS
    assert found[found["task"] == "task_b"].to_numpy().tolist() == [
        ["h", 3, "task_b", "value", 104.0, 3.0, 6.0, 3],  # no row for value+h=15, which has no score
        ["h", 3, "task_b", "plain", 103.0, 2.0, 5.0, 3],
        ["h", 15, "task_b", "plain", 115.0, 14.0, 17.0, 3],
        ["rate", 0.5, "task_b", "other", 109.0, 8.0, 11.0, 3],
    ]
    assert found["key"].tolist() == ["h"] * 6 + ["rate"] * 2


def test_values_are_written_as_they_were_given() -> None:
    assert "\nh,3,task_a,value,4.0,3.0,6.0,3\n" in sweeps.swept(SWEPT, RELATIONS).to_csv(index=False)


def test_without_a_sweep_there_are_no_rows() -> None:
    found = sweeps.swept(SWEPT, Relations())
    assert found.empty
    assert list(found.columns) == sweeps.COLUMNS
