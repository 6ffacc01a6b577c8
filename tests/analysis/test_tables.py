"""Tables against files that were checked by hand, and bold cells against the stated rule."""

import difflib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import tables
from analysis.latex import to_latex
from analysis.markdown import to_markdown
from analysis.published import Published, read_published
from analysis.results import aggregates, appendix, compute, final, improvement, model_errors
from analysis.tables import Table

GOLDEN = Path(__file__).parent / "golden"
NAN = math.nan
NOTE = "Seeds: 1 to 5; 95 % intervals."

AGGREGATES = pd.DataFrame(
    [
        ("dreamer", "iqm", 0.81234, 0.7, 0.9, 5, 20),
        ("dreamer", "optimality_gap", 0.2, 0.15, 0.25, 5, 20),
        ("a|b_c", "iqm", 0.5, NAN, NAN, 1, 20),  # one seed
        ("a|b_c", "optimality_gap", 0.25, NAN, NAN, 1, 20),  # at the end of the best one's interval
        ("_x_", "iqm", 0.7, 0.65, 0.75, 5, 20),
    ],
    columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"],
)
TASKS = pd.DataFrame(
    [
        ("dmc_cheetah_run", "dreamer", 812.34, 790.06, 830.2, 5),
        ("dmc_cheetah_run", "no_value|x", 790.0, 700.0, 812.0, 5),  # its interval ends below the best value
        (
            "dmc_cheetah_run",
            "ed2",
            813.0,
            813.0,
            820.0,
            2,
        ),  # the best: its interval contains no other value, but that of dreamer contains it
        ("dmc_quadruped_walk", "dreamer", 931.6, 900.0, 950.0, 5),  # one agent, and a better published score
        ("dmc_walker_walk", "dreamer", 5.0, NAN, NAN, 1),  # a tie of single seeds
        ("dmc_walker_walk", "no_value|x", 5.0, NAN, NAN, 1),
        ("dmc_walker_walk", "ed2", -1.25, -3.0, 2.0, 5),
        ("toy_%_reach", "ed2", -20.0, -30.0, -10.0, 5),
    ],
    columns=["task", "variant", "mean", "low", "high", "seeds"],
)
PUBLISHED = [
    Published("D4PG", "a paper", "return", {"dmc_cheetah_run": 523.8, "dmc_walker_walk": 968.3}, int(1e8), "pixels"),
    Published("Dreamer", "a paper", "return", {"dmc_cheetah_run": 894.56, "dmc_quadruped_walk": 945.0}),
    Published("Elsewhere", "a paper", "return", {"atari_pong": 20.0}),
]
IMPROVEMENT = pd.DataFrame(
    [("ed2", "dreamer", 0.61, 0.5, 0.7, 5, 4, 20), ("no_value", "dreamer", 0.25, NAN, NAN, 1, 1, 20)],
    columns=["variant", "reference", "value", "low", "high", "runs", "reference_runs", "tasks"],
)
COMPUTE = pd.DataFrame(
    [
        ("dmc_cheetah_run", "dreamer", 5, 99.96, 2.7789, 1_234_567.0, 31.46e9, 500_000.0),
        ("dmc_cheetah_run", "random_$", 1, 1234.5, 0.2251, NAN, NAN, 0.0),
        ("toy_reach", "dreamer", 2, 999.6, 0.27789, 999_900.0, 512.0, 20.5),
    ],
    columns=[
        "task", "variant", "seeds", "steps_per_second", "hours_per_million", "parameters", "flops", "updates",
    ],
)  # fmt: skip
ERRORS = pd.DataFrame(
    [
        ("dmc_dog_run", "dreamer", "image", 1, 0.0012, 0.00094567, 0.002, 3),
        ("dmc_dog_run", "dreamer", "image", 15, 123.4, 99.96, 1234.0, 2),
        ("dmc_dog_run", "ed2", "image", 1, 0.5, NAN, NAN, 1),
        ("dmc_dog_run", "dreamer", "kl", 1, 5.0, 4.0, 6.0, 3),
        ("dmc_dog_run", "ed2", "kl", 1, 5.0, 4.0, 6.0, 3),
        ("dmc_cat_run", "ed2", "image", 1, 2e-5, 1e-5, 3e-5, 3),
    ],
    columns=["task", "variant", "measure", "horizon", "mean", "low", "high", "seeds"],
)
TABLES: dict[str, Callable[[], Table]] = {
    "aggregates": lambda: aggregates.table(AGGREGATES, NOTE),
    "tasks": lambda: final.table(TASKS, NOTE),
    "appendix": lambda: appendix.table(appendix.appendix(TASKS, PUBLISHED), NOTE),
    "improvement": lambda: improvement.table(IMPROVEMENT, NOTE),
    "compute": lambda: compute.table(COMPUTE, "Device: a GPU."),
    "model_error_image": lambda: model_errors.table(ERRORS, "image", NOTE),
    "model_error_kl": lambda: model_errors.table(ERRORS, "kl", NOTE),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(("kind", "write"), [("md", to_markdown), ("tex", to_latex)])
def test_tables_equal_the_checked_ones(name: str, kind: str, write: Callable[[Table], str], tmp_path: Path) -> None:
    _compare(f"{name}.{kind}", write(TABLES[name]()), tmp_path)


def test_numbers_of_the_appendix_equal_the_checked_ones(tmp_path: Path) -> None:
    _compare("appendix.csv", appendix.appendix(TASKS, PUBLISHED).to_csv(index=False, na_rep="nan"), tmp_path)


def test_averages_of_published_scores_are_those_that_the_paper_prints() -> None:
    methods = read_published(["a3c", "d4pg", "planet", "dreamer"])
    own = pd.DataFrame(
        [(task, "own", 1.0, NAN, NAN, 1) for task in methods[-1].scores],
        columns=["task", "variant", "mean", "low", "high", "seeds"],
    )
    scores = appendix.appendix(own, methods)
    averages = scores[scores["task"] == appendix.AVERAGE].set_index("method").loc[[method.label for method in methods]]
    assert averages["mean"].tolist() == pytest.approx([243.70, 786.32, 332.97, 823.39], abs=0.01)
    assert averages["tasks"].tolist() == [18, 18, 20, 20]
    common = scores[scores["task"] == appendix.COMMON].set_index("method")
    assert common["mean"].round(1).tolist() == [1.0, 243.7, 786.3, 341.1, 813.8]
    assert set(common["tasks"]) == {18}


def test_averages_of_common_tasks_need_some_but_not_all_tasks_in_common() -> None:
    whole = TASKS[TASKS["task"] == "dmc_cheetah_run"]
    assert list(dict.fromkeys(appendix.appendix(whole, PUBLISHED[:1])["task"])) == ["dmc_cheetah_run", "average"]
    apart = TASKS[TASKS["task"] != "dmc_cheetah_run"]  # now no task is in every column
    assert appendix.COMMON not in set(appendix.appendix(apart, PUBLISHED)["task"])


def test_tasks_with_equal_display_names_keep_their_names() -> None:
    rows = TASKS.head(1).loc[[0, 0]].assign(task=["dmc_cheetah_run", "toy_cheetah_run"])
    assert [row[0] for row in final.table(rows).rows] == ["dmc_cheetah_run", "toy_cheetah_run"]


Interval = tuple[float, float, float]
small = st.integers(-4, 4).map(float)  # few values, so that there are ties and values at the ends of intervals
whole = st.tuples(small, st.integers(0, 3), st.integers(0, 3)).map(lambda v: (v[0], v[0] - v[1], v[0] + v[2]))
single = small.map(lambda value: (value, NAN, NAN))
absent = st.just((NAN, NAN, NAN))


@given(st.lists(st.one_of(whole, single, absent), max_size=6), st.booleans())
def test_bold_is_the_best_and_values_not_separated_from_it(cells: list[Interval], lowest: bool) -> None:
    values, low, high = np.array(cells, float).reshape(-1, 3).T
    flags = tables.leaders(values, low, high, lowest)
    known = [cell for cell in cells if not math.isnan(cell[0])]
    best = sorted(known, reverse=not lowest)[0][0] if known else NAN
    for (value, least, most), flag in zip(cells, flags, strict=True):
        in_best = any(other[1] <= value <= other[2] for other in known if other[0] == best)
        assert flag == (len(known) > 1 and (value == best or in_best or least <= best <= most))


def _compare(name: str, text: str, folder: Path) -> None:
    """Fails with the difference to a golden file, and writes the new text for review."""
    wanted = (GOLDEN / name).read_text() if (GOLDEN / name).exists() else ""
    if text != wanted:
        (folder / name).write_text(text)
        lines = difflib.unified_diff(wanted.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm="")
        pytest.fail("\n".join([*lines, f"If this is right: cp {folder / name} {GOLDEN / name}"]), pytrace=False)
