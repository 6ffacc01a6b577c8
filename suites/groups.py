"""The published action groups of ED2, and a check that a task's actions can be grouped as the settings require."""

from functools import cache
from pathlib import Path

from agents.settings import AgentSettings
from common.yaml_reader import read
from envs.registry import TASKS, action_size, domain, is_discrete

PUBLISHED = Path(__file__).parent / "groups.yaml"
Groups = list[list[int]]


@cache
def published_groups() -> dict[str, Groups]:
    """Returns the published groups of each domain in groups.yaml."""
    return {str(name): groups.plain() for name, groups in read(PUBLISHED).value.items()}


def published(task: str) -> Groups | None:
    """Returns the published groups of a task's domain, None if ED2 published none."""
    groups = published_groups().get(domain(task) or "")
    return None if groups is None else [list(group) for group in groups]


def check(settings: AgentSettings, task: str) -> None:
    """Checks that a task's actions can be grouped as the settings require.

    Raises:
        ValueError: For discrete actions, a task without published groups, or lists that are not a partition.
    """
    dynamics = settings.dynamics
    if not settings.grouped:
        return
    if task not in TASKS:
        raise ValueError(f"ED2 groups the dimensions of actions, and those of {task} are not known before it is made")
    if is_discrete(task):
        raise ValueError(f"ED2 groups the dimensions of continuous actions, and {task} has discrete ones")
    if dynamics.groups == "published" and published(task) is None:
        raise ValueError(
            f"ED2 published no groups for {task}, only for {', '.join(published_groups())}; "
            "allowed here: sd2 | single | full | random | a list of lists of action indices"
        )
    if not isinstance(dynamics.groups, str):
        dynamics.partition(action_size(task))
