import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.published import published_names, read_published
from envs.settings import TASKS

# The averages that the table prints, over the tasks of each method.
AVERAGES = {"a3c": (18, 243.70), "d4pg": (18, 786.32), "planet": (20, 332.97), "dreamer": (20, 823.39)}


@pytest.mark.parametrize("name", published_names())
def test_averages_are_the_printed_ones(name: str) -> None:
    published = read_published(name)
    tasks, average = AVERAGES[name]
    assert len(published.scores) == tasks
    assert np.mean(list(published.scores.values())) == pytest.approx(average, abs=0.01)
    assert f"{average:.2f}" in published.note
    assert set(published.scores) <= set(TASKS)
    assert "1912.01603" in published.source


def test_all_methods_of_the_table_are_there() -> None:
    assert published_names() == sorted(AVERAGES)


def test_averages_over_the_common_tasks_are_the_noted_ones() -> None:
    common = set(read_published("d4pg").scores)
    for name in ("dreamer", "planet"):
        published = read_published(name)
        average = np.mean([score for task, score in published.scores.items() if task in common])
        assert f"{average:.2f}" in published.note


def test_ball_in_cup_has_two_names() -> None:
    published = read_published("dreamer")
    assert published.score("dmc_ball_in_cup_catch") == published.score("dmc_cup_catch") == 962.48
    assert published.score("dmc_dog_run") is None


def test_unknown_method_names_the_nearest() -> None:
    with pytest.raises(AnalysisError, match=r"'plannet'.*a3c, d4pg, dreamer, planet.*mean 'planet'"):
        read_published("plannet")
