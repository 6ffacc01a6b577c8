"""All families of environments keep the same contract.

dm_control's are covered by the papers' tasks and humanoid, Atari's by games with and without lives, and with counters
or video state that might outlive a reset.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from envs import make_env
from envs.registry import FAMILIES
from envs.settings import EnvSettings
from envs.task import Observe, TaskEnv
from tests.envs.conformance import CHECKS, STATE_CHECKS, Make, check_action_repeat

TOY_TASKS = FAMILIES["toy"].tasks
NAMED = yaml.safe_load((Path(__file__).parents[2] / "suites" / "tasks.yaml").read_text())
DMC_TASKS = (*NAMED["dreamer20"], "dmc_humanoid_walk")
ATARI_TASKS = ("atari_pong", "atari_seaquest", "atari_assault", "atari_freeway", "atari_qbert")


def make(task: str, observe: Observe = "pixels", **settings: int) -> TaskEnv:
    return make_env(task, EnvSettings(renderer="raycast", **settings), observe=observe)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("task", [*TOY_TASKS, *DMC_TASKS])
def test_environment_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task))


# Two frames make an Atari picture where an action is held: single steps show others. `test_atari` says which.
@pytest.mark.parametrize(
    "check", [each for each in CHECKS if each is not check_action_repeat], ids=lambda check: check.__name__
)
@pytest.mark.parametrize("task", ATARI_TASKS)
def test_atari_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task))


@pytest.mark.filterwarnings("ignore:.*A Box observation space (min|max)imum value is -?infinity")
@pytest.mark.parametrize("check", STATE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("task", [*TOY_TASKS, *ATARI_TASKS, "dmc_finger_turn_hard", "dmc_quadruped_run"])
def test_environment_observed_as_its_state_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task, observe="state"))
