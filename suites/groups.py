"""The action groups of ED2 that a task may have by name, and whether given ones fit it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from agents.settings import DynamicsSettings
from envs.settings import ACTIONS, DMC_TASKS
from suites.document import read
from suites.tasks import canonical

PUBLISHED = Path(__file__).parent / "groups.yaml"
Groups = list[list[int]]


@cache
def published_groups() -> Mapping[str, Groups]:
    """Returns the published groups of each domain in groups.yaml."""
    return {str(domain): groups.plain() for domain, groups in read(PUBLISHED).value.items()}


def published(task: str) -> Groups | None:
    """Returns the published groups of a task's domain, None where ED2 published none."""
    tasks = {f"dmc_{domain}_{task}": domain for domain in published_groups() for task in DMC_TASKS[domain]}
    domain = tasks.get(canonical(task))
    return None if domain is None else published_groups()[domain]


def check(dynamics: DynamicsSettings, task: str) -> None:
    """Checks that a task's actions can be grouped as the settings say.

    Raises:
        ValueError: For a task of discrete actions, one without published groups, or lists that are no partition.
    """
    if dynamics.kind == "rssm" and not dynamics.match_parameters:
        return
    if task not in ACTIONS:
        raise ValueError(f"ED2 groups the dimensions of continuous actions, and {task} has discrete ones")
    if dynamics.groups == "published" and published(task) is None:
        raise ValueError(
            f"ED2 published no groups for {task}, only for {', '.join(published_groups())}; "
            "allowed here: sd2 | single | full | random | a list of lists of action indices"
        )
    if not isinstance(dynamics.groups, str):
        dynamics.partition(ACTIONS[task])
