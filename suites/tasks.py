"""Names of tasks and of task lists."""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from common.text import hint, shortened
from common.yaml_reader import Node, Place, read
from envs.registry import PATTERNS, TASKS, canonical, exists

LISTS = Path(__file__).parent / "tasks.yaml"


@cache
def task_lists() -> dict[str, tuple[str, ...]]:
    """Returns the named lists of tasks in tasks.yaml."""
    lists = {}
    for name, tasks in read(LISTS).value.items():
        if not isinstance(tasks.value, list) or not tasks.value:
            raise tasks.place.error(f"{name!s} is {tasks.described()}; allowed: a list of tasks")
        lists[str(name)] = tuple(_known(entry, ()) for entry in tasks.value)
    return lists


def expand(node: Node) -> tuple[str, ...]:
    """Returns the task of a name, or the tasks if the name is that of a task list.

    Raises:
        UserError: For an unknown name.
    """
    lists = task_lists()
    return lists[node.value] if isinstance(node.value, str) and node.value in lists else (_known(node, list(lists)),)


def expand_all(entries: Collection[Node]) -> dict[str, Place]:
    """Returns the tasks of a suite with the places where they are named.

    Task lists may overlap, but each entry must add a task.

    Raises:
        UserError: For an unknown name, or a name that adds no task.
    """
    tasks: dict[str, Place] = {}
    seen: dict[str, Place] = {}
    for entry in entries:
        new = [task for task in expand(entry) if canonical(task) not in seen]
        if not new:
            first = seen[canonical(expand(entry)[0])]
            raise entry.place.error(f"{entry.value} is in the suite already, from {first}; name it once")
        for task in new:
            tasks[task] = seen[canonical(task)] = entry.place
    return tasks


def _known(node: Node, lists: Sequence[str]) -> str:
    """Returns a task's name; `lists` are the other names allowed at its place."""
    if not isinstance(node.value, str):
        raise node.place.error(f"a task is {node.described()}; allowed: the name of a task or task list")
    if not exists(node.value):
        allowed = ", ".join([*PATTERNS, *lists])
        near = hint(node.value, [*TASKS, *lists])
        raise node.place.error(f"unknown task {shortened(node.value)}; allowed: {allowed}{near}")
    return node.value
