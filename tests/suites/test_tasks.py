"""Names of tasks: the papers' lists, short names, and mistakes in tasks.yaml."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import UserError
from envs.registry import TASKS
from suites import tasks
from suites.tasks import expand, task_lists
from suites.yaml_reader import Node, Place

HERE = Place("suite.yaml", 1, 1)


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path that task lists are read from."""
    monkeypatch.setattr(tasks, "LISTS", tmp_path / "tasks.yaml")
    task_lists.cache_clear()
    yield tmp_path / "tasks.yaml"
    task_lists.cache_clear()


def test_lists_of_the_papers_have_their_sizes() -> None:
    expected = {"dreamer20": 20, "value8": 8, "representation8": 8, "ed2_6": 6, "atari_dreamer": 11}
    assert {name: len(set(members)) for name, members in task_lists().items()}.items() >= expected.items()


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
