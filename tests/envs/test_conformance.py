"""All families of environments keep the same contract; dm_control's are covered by the papers' tasks and humanoid."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from envs import make_env
from envs.pixels import PixelEnv
from envs.settings import TOY_TASKS, EnvSettings
from tests.envs.conformance import CHECKS, Make

NAMED = yaml.safe_load((Path(__file__).parents[2] / "suites" / "tasks.yaml").read_text())
DMC_TASKS = (*NAMED["dreamer20"], "dmc_humanoid_walk")


def make(task: str, **settings: int) -> PixelEnv:
    return make_env(task, EnvSettings(renderer="raycast", **settings))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("task", [*TOY_TASKS, *DMC_TASKS])
def test_environment_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task))


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'dmc_walker_wak'; the nearest name is 'dmc_walker_walk'"):
        make_env("dmc_walker_wak", EnvSettings())
