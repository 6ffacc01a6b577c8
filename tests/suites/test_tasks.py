"""Names of tasks: the papers' lists, short names, and mistakes in tasks.yaml."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.published import read_published
from common.errors import UserError
from common.yaml_reader import Node, Place
from envs.registry import TASKS, canonical
from suites import tasks
from suites.tasks import expand, task_lists

HERE = Place("suite.yaml", 1, 1)


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path that task lists are read from."""
    monkeypatch.setattr(tasks, "LISTS", tmp_path / "tasks.yaml")
    task_lists.cache_clear()
    yield tmp_path / "tasks.yaml"
    task_lists.cache_clear()


@pytest.mark.parametrize("name", [name for name in task_lists() if name[-1].isdigit()])
def test_a_list_has_as_many_tasks_as_its_name_says(name: str) -> None:
    assert len({canonical(task) for task in task_lists()[name]}) == int(re.split(r"\D", name)[-1])


def test_tasks_of_the_paper_are_those_of_its_published_scores() -> None:
    [published] = read_published(["dreamer"])
    assert {*map(canonical, task_lists()["dreamer20"])} == {*map(canonical, published.scores)}


@pytest.mark.parametrize("task", TASKS)
def test_task_stands_for_itself(task: str) -> None:
    assert expand(Node(task, HERE)) == (task,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mine: [toy_grid, toy_gird]", r"tasks\.yaml:1:18: unknown task toy_gird; .*did you mean toy_grid\?"),
        ("mine: toy_grid", r"tasks\.yaml:1:7: mine is the text 'toy_grid'; allowed: a list of tasks"),
        ("mine: []", r"tasks\.yaml:1:7: mine is an empty list; allowed: a list of tasks"),
        ("mine: [5]", r"tasks\.yaml:1:8: a task is 5"),
    ],
)
def test_wrong_list_is_refused_where_it_stands(lists: Path, text: str, message: str) -> None:
    lists.write_text(text)
    with pytest.raises(UserError, match=message):
        expand(Node("toy_grid", HERE))


def test_new_list_can_be_used(lists: Path) -> None:
    lists.write_text("mine: [toy_grid, toy_reach_1]")
    assert expand(Node("mine", HERE)) == ("toy_grid", "toy_reach_1")
