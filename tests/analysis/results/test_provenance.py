import json
from typing import Any

import pandas as pd
import pytest

from analysis.results.provenance import origins, settings_difference, shared_settings
from analysis.scores import runs_frame
from analysis.tables import Table

TASKS, VARIANTS, SEEDS = ["reach", "walk"], ["dreamer", "ed2"], 3


def runs_of(settings: Any = None, **columns: Any) -> pd.DataFrame:
    """Runs of two tasks, two variants and three seeds, with settings by a function of their name."""
    rows = [
        {
            "suite": "one",
            "task": task,
            "variant": variant,
            "seed": seed,
            "settings": json.dumps(settings(task, variant, seed)) if settings else "",
        }
        for task in TASKS
        for variant in VARIANTS
        for seed in range(SEEDS)
    ]
    return runs_frame(pd.DataFrame(rows)).assign(**columns)


def cells(table: Table) -> dict[str, list[str]]:
    """First cell of a row -> the others."""
    return {row[0]: list(row[1:]) for row in table.rows}


def recorded(task: str, variant: str, seed: int) -> dict[str, Any]:
    found = {
        "steps": 1000,
        "rate": 0.001 if variant == "dreamer" else 5e-05,
        "episodes": {"reach": 16, "walk": 2}[task],
        "groups": None if variant == "dreamer" else [0, 1],
        "size": 1 if (task, variant) == ("reach", "ed2") else 2,
        "clip": 100.0 if seed else 10,
        "video": True,
    }
    return found | ({"depth": 8} if variant == "ed2" else {})


def test_every_setting_is_in_one_of_the_two_tables() -> None:
    runs = runs_of(recorded)
    difference, shared = settings_difference(runs, VARIANTS), shared_settings(runs)
    assert list(difference.columns) == ["setting", *VARIANTS]
    assert cells(difference) == {
        "rate": ["0.001", "5e-05"],
        "groups": ["null", "[0, 1]"],
        "size": ["2", "1 (reach) / 2 (walk)"],
        "clip": ["10 (2 runs) / 100 (4 runs)"] * 2,
    }
    assert cells(shared) == {
        "steps": ["1000"],
        "episodes": ["16 (reach) / 2 (walk)"],
        "video": ["true"],
        "depth": ["8"],
    }
    assert "4 other settings" in difference.note
    assert "Not recorded for every run: 1 setting." in shared.note


def test_a_variant_without_settings_is_unknown() -> None:
    runs = runs_of(recorded)
    runs.loc[runs["variant"] == "ed2", "settings"] = ""
    table = settings_difference(runs, VARIANTS)
    assert cells(table) == {"clip": ["10 (2 runs) / 100 (4 runs)", "unknown"]}
    assert "The settings of 6 runs are unknown." in table.note


def test_score_files_have_no_origin() -> None:
    runs = runs_of()
    assert settings_difference(runs, VARIANTS).rows == shared_settings(runs).rows == []
    assert "The settings of 12 runs are unknown." in shared_settings(runs).note
    assert origins(runs).rows == [["one", variant, "6", *["unknown"] * 5] for variant in VARIANTS]


def test_origins() -> None:
    numpy = {"numpy": "2.4.6", "tensorflow": "2.21.0"}
    runs = runs_of(
        commit=["0123456789", *["abcdefghij"] * 11],
        dirty=["dirty", *["clean"] * 11],
        device="a GPU",
        renderer=["egl"] * 6 + [""] * 6,
        attempts=[2.0, *[1.0] * 11],
        state=["done"] * 11 + ["missing"],
        versions=[json.dumps(numpy | {"numpy": "2.3.0"} if run == 3 else numpy) for run in range(12)],
    )
    table = origins(runs)
    renderer, mixed = "egl (3 runs) / unknown (3 runs)", "egl (3 runs) / unknown (2 runs)"
    assert cells(table.__class__(table.heading, [], table.columns[1:], [row[1:] for row in table.rows])) == {
        "dreamer": [
            "6",
            "abcdefgh (5 runs) / 01234567 (1 run)",
            "no (5 runs) / yes (1 run)",
            "a GPU",
            renderer,
            "1 (5 runs) / 2 (1 run)",
            "numpy 2.4.6",
        ],
        "ed2": ["5 of 6", "abcdefgh", "no", "a GPU", mixed, "1", "numpy 2.4.6 (4 runs) / numpy 2.3.0 (1 run)"],
    }
    assert table.columns[-1] == "versions that differ"
    assert "tensorflow 2.21.0" in table.note
    assert "numpy" not in table.note


@pytest.mark.parametrize("table", [shared_settings, origins])
def test_no_runs(table: Any) -> None:
    assert table(runs_frame(pd.DataFrame())).rows == []
