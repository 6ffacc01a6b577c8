"""Final returns by swept setting, from those by task and variant."""

import pandas as pd

from analysis.design import SWEPT, Design, Point, swept

TASKS = pd.DataFrame(
    [
        (task, variant, mean + 100 * i, mean - 1.0, mean + 2.0, 3)
        for i, task in enumerate(("task_a", "task_b"))
        for variant, mean in (("plain+h=15", 15.0), ("plain+h=3", 3.0), ("value+h=3", 4.0), ("other", 9.0))
    ],
    columns=["task", "variant", "mean", "low", "high", "seeds"],
)
DESIGN = Design(
    sweeps={
        "h": {
            "value+h=3": Point("value", 3), "value+h=15": Point("value", 15),
            "plain+h=3": Point("plain", 3), "plain+h=15": Point("plain", 15),
        },
        "rate": {"other": Point("other", 0.5)},
    }
)  # fmt: skip


def test_rows_are_by_task_then_line_by_line() -> None:
    found = swept(TASKS, DESIGN)
    assert list(found.columns) == SWEPT
    assert found[found["task"] == "task_b"].to_numpy().tolist() == [
        ["h", 3, "task_b", "value", 104.0, 3.0, 6.0, 3],  # no row for value+h=15, which has no score
        ["h", 3, "task_b", "plain", 103.0, 2.0, 5.0, 3],
        ["h", 15, "task_b", "plain", 115.0, 14.0, 17.0, 3],
        ["rate", 0.5, "task_b", "other", 109.0, 8.0, 11.0, 3],
    ]
    assert found["key"].tolist() == ["h"] * 6 + ["rate"] * 2


def test_values_are_written_as_they_were_given() -> None:
    assert "\nh,3,task_a,value,4.0,3.0,6.0,3\n" in swept(TASKS, DESIGN).to_csv(index=False)


def test_without_a_sweep_there_are_no_rows() -> None:
    found = swept(TASKS, Design())
    assert found.empty
    assert list(found.columns) == SWEPT
