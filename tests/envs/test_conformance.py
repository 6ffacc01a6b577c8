"""Every task family fulfils the same contract, and agrees with the registry.

All tasks of a family are tested, unless `REPRESENTATIVES` names some that represent the others.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import yaml

from envs import make_env
from envs.registry import FAMILIES, action_size, domain, family, is_discrete, unread
from envs.settings import AtariSettings, EnvSettings
from envs.task import Observe, TaskEnv
from tests.envs.conformance import (
    BOTH_CHECKS,
    CHECKS,
    STATE_CHECKS,
    Make,
    check_action_repeat,
    draw_actions,
    play,
    same,
)

NAMED = yaml.safe_load((Path(__file__).parents[2] / "suites" / "tasks.yaml").read_text())


def of_dmc(named: Sequence[str]) -> tuple[str, ...]:
    """The named tasks of dm_control, and one of each other domain, or of each number of actions within it."""
    covered = {(domain(task), action_size(task)): task for task in named}
    for task, size in FAMILIES["dmc"].continuous.items():
        covered.setdefault((domain(task), size), task)
    return tuple(dict.fromkeys([*named, *covered.values()]))


REPRESENTATIVES = {
    "dmc": of_dmc([*NAMED["dreamer20"], "dmc_humanoid_walk"]),
    # Games with and without lives, and with counters or video state that might outlive a reset.
    "atari": ("atari_pong", "atari_seaquest", "atari_assault", "atari_freeway", "atari_qbert"),
    # Actions without and with a range of their own, choices, and cameras that follow a body or stand still.
    "gym": (
        "gym_MountainCarContinuous-v0",
        "gym_Pendulum-v1",
        "gym_CartPole-v1",
        "gym_HalfCheetah-v5",
        "gym_Reacher-v5",
    ),
}
# With action repeat, an Atari image combines two frames and differs from those of single steps; see `test_atari`.
EXCEPTIONS = {("atari", check_action_repeat)}
# Another value of each setting that only some families read.
OTHER_VALUES: dict[str, dict[str, Any]] = {
    "renderer": {"renderer": "osmesa"},
    "supersampling": {"supersampling": 3},
    "atari.": {"atari": AtariSettings(sticky=0.9, noops=1, life_loss=False)},
}

TASKS = [task for name, each in FAMILIES.items() for task in REPRESENTATIVES.get(name, each.tasks)]
ONE_OF_A_DOMAIN = {domain(task) or task: task for task in TASKS}.values()
ONE_OF_A_FAMILY = {family(task).name: task for task in TASKS}.values()
PIXELS = [
    pytest.param(task, check, id=f"{task}-{check.__name__}")
    for task in TASKS
    for check in CHECKS
    if (family(task).name, check) not in EXCEPTIONS
]


def make(task: str, observe: Observe = ("image",), **settings: Any) -> TaskEnv:
    if family(task).name == "gym":
        pytest.importorskip("pygame", reason="Gymnasium draws with it")
        pytest.importorskip("imageio", reason="Gymnasium imports it for MuJoCo")
    return make_env(task, EnvSettings.model_validate({"renderer": "raycast"} | settings), observe=observe)


@pytest.mark.parametrize(("task", "check"), PIXELS)
def test_environment_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task))


@pytest.mark.filterwarnings("ignore:.*A Box observation space (min|max)imum value is -?infinity")
@pytest.mark.parametrize("check", STATE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("task", ONE_OF_A_DOMAIN)
def test_environment_observed_as_its_state_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task, observe=("state",)))


@pytest.mark.filterwarnings("ignore:.*A Box observation space (min|max)imum value is -?infinity")
@pytest.mark.parametrize("check", BOTH_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("task", ONE_OF_A_FAMILY)
def test_environment_observed_as_image_and_state_conforms(task: str, check: Callable[[Make], None]) -> None:
    check(partial(make, task, observe=("state", "image")))


def test_nothing_else_can_be_observed() -> None:
    with pytest.raises(ValueError, match=r"cannot observe 'sound'; possible: image, state"):
        make("toy_grid", observe=("image", "sound"))  # type: ignore[arg-type]


@pytest.mark.parametrize("task", TASKS)
def test_registry_knows_the_actions_and_who_draws(task: str) -> None:
    env = make(task)
    assert isinstance(env.action_space, gymnasium.spaces.Discrete) == is_discrete(task)
    if not is_discrete(task):
        assert env.action_space.shape == (action_size(task),)
    assert (getattr(env, "renderer", None) is not None) == family(task).rendered


@pytest.mark.parametrize(("task", "setting"), [(task, setting) for task in ONE_OF_A_FAMILY for setting in unread(task)])
def test_unread_settings_change_nothing(task: str, setting: str) -> None:
    env, other = make(task, time_limit=40), make(task, time_limit=40, **OTHER_VALUES[setting])
    actions = draw_actions(env, 3)
    assert same(play(env, 0, actions), play(other, 0, actions))
