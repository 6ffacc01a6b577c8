"""The registry of task families, as far as it can be tested without their environments."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from common.errors import UserError
from envs import make_env, toy
from envs.registry import (
    FAMILIES,
    TASKS,
    action_size,
    best_return,
    canonical,
    domain,
    family,
    family_by_prefix,
    is_discrete,
    unread,
)
from envs.settings import EnvSettings

ROOT = Path(__file__).parents[2]


def test_each_task_has_one_family_and_begins_with_its_name() -> None:
    assert len(set(TASKS)) == len(TASKS)
    for task in TASKS:
        assert task.startswith(f"{family(task).name}_")
        assert family_by_prefix(task) is family(task)
        assert canonical(task) in {*family(task).continuous, *family(task).discrete}


def test_an_alias_has_the_facts_of_its_task() -> None:
    assert canonical("dmc_cup_catch") == canonical("dmc_ball_in_cup_catch") == "dmc_ball_in_cup_catch"
    assert action_size("dmc_cup_catch") == 2
    assert not is_discrete("dmc_cup_catch")
    assert domain("dmc_cup_catch") == "dmc_ball_in_cup"


@pytest.mark.parametrize("ask", [family, is_discrete, action_size, domain, unread])
def test_unknown_task_names_the_nearest(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(UserError, match=r"task dmc_walker_wak; allowed: dmc_<.*, toy_.*; did you mean dmc_walker_walk"):
        ask("dmc_walker_wak")


def test_environment_of_an_unknown_task_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean dmc_walker_walk"):
        make_env("dmc_walker_wak", EnvSettings())


def test_settings_that_only_some_families_read_are_settings() -> None:
    for each in FAMILIES.values():
        for setting in each.reads:
            assert setting.removesuffix(".") in EnvSettings.model_fields
    assert unread("dmc_walker_walk") == ("atari.",)
    assert unread("atari_pong") == ("renderer", "supersampling")
    assert unread("toy_grid") == ("atari.", "renderer", "supersampling")


def test_packages_are_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {Requirement(line).name for line in project["dependencies"]}
    for each in FAMILIES.values():
        assert {*each.packages} <= known


@pytest.mark.parametrize(
    ("task", "best"),
    [
        ("dmc_walker_walk", 1000),
        ("dmc_walker_of_others", 1000),
        ("toy_reach_choices", toy.LIMIT),
        ("toy_grid", None),
        ("atari_pong", None),
        ("dmcontrol_walk", None),
        ("walker", None),
    ],
)
def test_best_return(task: str, best: float | None) -> None:
    assert best_return(task) == best


def test_references_are_those_of_the_family() -> None:
    found = [each for each in FAMILIES.values() if each.references]
    assert found
    for each in found:
        scores = json.loads((ROOT / "results" / "published" / "references" / str(each.references)).read_text())
        assert {*scores["random"]} == {*scores["human"]} == {*each.tasks}


def test_nothing_heavy_is_imported() -> None:
    tasks = ("atari_pong", "gym_CartPole-v1", "gym_minigrid:MiniGrid-Empty-5x5-v0")
    program = f"import sys; from envs.registry import family; print(*map(family, {tasks}), *sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {*loaded.stdout.split()} & {"ale_py", "dm_control", "gymnasium", "mujoco", "numpy", "tensorflow"}
