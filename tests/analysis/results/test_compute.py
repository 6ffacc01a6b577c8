import math

import numpy as np
import pytest

from analysis.results.compute import compute
from analysis.scores import Run, Scores, by_metric, from_runs

COLUMNS = ["task", "variant", "seeds", "steps_per_second", "hours_per_million", "parameters", "flops", "updates"]


def _scores(*runs: tuple[str, str, int, list[tuple[float, str, float]]]) -> Scores:
    """Scores of runs task, variant, seed and their rows step, metric, value."""
    return from_runs(
        [
            Run(
                {"suite": "s", "task": task, "variant": variant, "seed": seed},
                by_metric((*row, math.nan) for row in rows),
            )
            for task, variant, seed, rows in runs
        ],
        "a test",
    )


def _run(hours: float, steps: float = 7200, scale: float = 1) -> list[tuple[float, str, float]]:
    return [
        (0, "parameters/actor", 10 * scale),
        (0, "parameters/world_model", 30 * scale),
        (0, "flops/update", 5e9 * scale),
        (steps / 2, "time/hours", 0.9 * hours),
        (steps / 2, "eval/return", 100.0),
        (steps, "time/hours", hours),
        (steps, "train/updates", 720.0 * scale),
    ]


def test_costs_are_means_over_seeds_of_each_runs_own() -> None:
    found = compute(_scores(("a", "x", 0, _run(1)), ("a", "x", 1, _run(2, scale=3))))
    assert list(found) == COLUMNS
    # 7200 steps in one hour are 2 per second and 1e6 / 7200 hours per million; in two hours 1, and twice as many.
    expected = ["a", "x", 2, 1.5, 1.5e6 / 7200, (40 + 120) / 2, 10e9, 1440]
    assert found.to_numpy().tolist() == [pytest.approx(expected)]


def test_all_networks_count_and_their_parts_do_not() -> None:
    sizes = {"world_model": 300, "actor": 20, "critic_of_another_agent": 1, "world_model/encoder": 50, "transition": 99}
    rows = [(0.0, f"parameters/{name}", float(size)) for name, size in sizes.items()]
    assert compute(_scores(("a", "x", 0, rows)))["parameters"].tolist() == [321]


def test_the_last_step_with_known_hours_counts_and_of_several_there_the_last() -> None:
    rows = [
        (3600.0, "time/hours", 1.0),
        (7200.0, "time/hours", 9.0),
        (7200.0, "time/hours", 1.0),
        (1800.0, "time/hours", 0.5),
        (8000.0, "time/hours", math.nan),
        (9000.0, "eval/return", 1.0),
    ]
    assert compute(_scores(("a", "x", 0, rows)))["steps_per_second"].tolist() == [2.0]


def test_what_is_unknown_is_nan_and_a_run_of_which_nothing_is_known_is_no_seed() -> None:
    found = compute(
        _scores(
            ("b", "x", 0, [(100.0, "train/updates", 7.0), (100.0, "eval/return", 1.0)]),
            ("a", "y", 0, [(100.0, "eval/return", 1.0)]),
            ("a", "x", 0, [(0.0, "time/hours", 0.0), (0.0, "flops/update", 3.0)]),
            ("b", "x", 1, [(100.0, "eval/return", 1.0)]),
            ("b", "a", 0, _run(1)),
        )
    )
    assert found[["task", "variant", "seeds"]].to_numpy().tolist() == [["a", "x", 1], ["b", "x", 1], ["b", "a", 1]]
    nothing = [math.nan] * 3
    costs = found[COLUMNS[3:]].to_numpy()[:2]
    np.testing.assert_equal(costs, np.array([[*nothing, 3.0, math.nan], [*nothing, math.nan, 7.0]]))


@pytest.mark.parametrize("runs", [[], [("a", "x", 0, [(100.0, "eval/return", 1.0)])]])
def test_where_nothing_is_known_there_are_no_rows(runs: list) -> None:
    found = compute(_scores(*runs))
    assert found.empty
    assert list(found) == COLUMNS
