"""dm_control's tasks, compared with direct calls of dm_control."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from envs.dmc import DmcEnv
from envs.dmc_tasks import DOMAINS
from envs.registry import FAMILIES, action_size
from envs.renderer import probe
from envs.settings import EnvSettings

SETTINGS = EnvSettings(action_repeat=2, renderer="raycast")
ALL = [f"dmc_{domain}_{task}" for domain, tasks in DOMAINS.items() for task in tasks]
Physics = Any


def physics_of(env: DmcEnv) -> Physics:
    return env._env.physics


def test_tasks_are_those_of_dm_control() -> None:
    DmcEnv("dmc_pendulum_swingup", SETTINGS)  # chooses the renderer before dm_control is imported
    from dm_control import suite

    assert {f"dmc_{domain}_{task}" for domain, task in suite.ALL_TASKS} == {*FAMILIES["dmc"].continuous}
    assert {(domain, task) for domain, tasks in DOMAINS.items() for task in tasks} == set(suite.ALL_TASKS)


@pytest.mark.parametrize("task", ALL)
def test_an_episode_is_a_function_of_its_seed_and_actions(task: str) -> None:
    """A used and a new environment agree to the bit: in state, reward, and everything that an episode randomises."""
    used, fresh = (DmcEnv(task, SETTINGS, seed, observe=()) for seed in (1, 2))  # images would cost more than the rest
    used.action_space.seed(0)
    actions = [used.action_space.sample() for _ in range(3)]
    used.reset(seed=9)
    for action in actions:
        used.step(action)
    states: list[list[Any]] = []
    for env in (used, fresh):
        env.reset(seed=4)
        measured, outcomes = [], []
        for action in actions:
            outcomes.append(env.step(action)[1:])
            measured.append(env.measured())
        physics = physics_of(env)
        model, data = physics.model, physics.data
        drawn = [
            model.geom_pos,
            model.site_pos,
            model.light_pos,
            model.hfield_data,
            model.wrap_prm,
            model.jnt_stiffness,
        ]
        states.append([measured, outcomes, data.qpos, data.qvel, data.act, data.geom_xpos, *drawn])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    assert physics_of(used).model.ncam > used._camera
    assert action_size(task) == physics_of(used).model.nu == len(used.action_names) == len(set(used.action_names))


@pytest.mark.parametrize(
    ("task", "domain", "name"),
    [
        ("dmc_quadruped_walk", "quadruped", "walk"),
        ("dmc_humanoid_CMU_run", "humanoid_CMU", "run"),
        ("dmc_cup_catch", "ball_in_cup", "catch"),
        ("dmc_lqr_lqr_6_2", "lqr", "lqr_6_2"),
    ],
)
def test_steps_are_dm_controls_own(task: str, domain: str, name: str) -> None:
    env = DmcEnv(task, SETTINGS)
    from dm_control import suite

    theirs = suite.load(domain, name, task_kwargs={"random": 0})
    theirs.task.random.seed(int(np.random.default_rng(3).integers(2**32)))
    theirs.reset()
    env.reset(seed=3)
    spec = theirs.action_spec()
    bounded = np.abs(spec.minimum) < 1e9
    low, high = np.where(bounded, spec.minimum, -1), np.where(bounded, spec.maximum, 1)
    env.action_space.seed(0)
    for _ in range(3):
        action = env.action_space.sample()
        expected = sum(theirs.step(low + (action.astype(float) + 1) / 2 * (high - low)).reward for _ in range(2))
        _, reward, *_ = env.step(action)
        assert reward == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(physics_of(env).data.qpos, theirs.physics.data.qpos, rtol=1e-5, atol=1e-6)


def test_state_is_what_dm_control_observes() -> None:
    env = DmcEnv("dmc_walker_run", EnvSettings(action_repeat=1), seed=0, observe=("state",))
    from dm_control import suite

    theirs = suite.load("walker", "run", task_kwargs={"random": 0})
    theirs.task.random.seed(int(np.random.default_rng(3).integers(2**32)))
    theirs.reset()
    env.reset(seed=3)
    action = np.array([-1, -0.5, -0.25, 0.25, 0.5, 1], np.float32)  # exact in the scaling's float32
    observation, *_ = env.step(action)
    theirs_now = theirs.step(action).observation
    expected = np.hstack([theirs_now["orientations"], theirs_now["height"], theirs_now["velocity"]])
    np.testing.assert_array_equal(env.measured(), expected)
    np.testing.assert_array_equal(observation["state"], expected.astype(np.float32))
    assert env.state_names[13:16] == ("orientations[13]", "height", "velocity[0]")
    assert env.observation_space.contains(observation)
    arms = DmcEnv("dmc_manipulator_bring_ball", SETTINGS, observe=("state",))
    assert arms.state_names[:3] == ("arm_pos[0,0]", "arm_pos[0,1]", "arm_pos[1,0]")


def test_actions_are_called_as_their_actuators() -> None:
    assert DmcEnv("dmc_hopper_hop", SETTINGS, observe=("state",)).action_names == ("waist", "hip", "knee", "ankle")
    unnamed = DmcEnv("dmc_finger_spin", SETTINGS, observe=("state",))
    physics_of(unnamed).model.id2name = lambda index, kind: ""
    assert unnamed.action_names == ("action 0", "action 1")


def test_bounds_of_an_action_are_the_actuators() -> None:
    env = DmcEnv("dmc_quadruped_walk", SETTINGS)
    env.reset(seed=0)
    limits = physics_of(env).model.actuator_ctrlrange
    assert (limits[:, 1] != 1).any(), "an actuator that a wrong scale would betray"
    for bound, limit in zip((-1.0, 1.0), limits.T, strict=True):
        env.step(np.full(12, bound))
        np.testing.assert_allclose(physics_of(env).control(), limit)


def test_true_end_has_no_discount_and_is_no_truncation() -> None:
    """Lqr terminates at rest in the origin; a step that reaches it stops early."""
    env = DmcEnv("dmc_lqr_lqr_2_1", SETTINGS)
    env.reset(seed=0)
    physics = physics_of(env)
    with physics.reset_context():
        physics.set_state(np.zeros_like(physics.get_state()))
    _, reward, terminated, truncated, info = env.step(np.zeros(1))
    assert (terminated, truncated) == (True, False)
    assert info == {"steps": 1, "discount": 0.0}
    assert reward == 1.0


def test_time_limit_is_ours_alone() -> None:
    """dm_control's own limit of 1000 environment steps does not end a longer episode."""
    env = DmcEnv("dmc_pendulum_swingup", EnvSettings(action_repeat=100, time_limit=1050, renderer="raycast"))
    env.reset(seed=0)
    steps, over = [], False
    while not over:
        _, _, terminated, over, info = env.step(np.zeros(1))
        assert not terminated
        steps.append(info["steps"])
    assert steps == [100] * 10 + [50]


def test_quadruped_is_seen_by_the_camera_that_follows_it() -> None:
    env = DmcEnv("dmc_quadruped_run", SETTINGS)
    assert env._camera == 2
    assert DmcEnv("dmc_humanoid_CMU_run", SETTINGS)._camera == 0


@pytest.mark.parametrize(
    "task", ["dmc_quadruped_escape", "dmc_dog_fetch", "dmc_swimmer_swimmer6", "dmc_point_mass_hard"]
)
def test_pictures_are_a_function_of_the_seed_too(task: str) -> None:
    """Terrain, targets and lights that an episode moves are drawn at their new places."""
    used, fresh = DmcEnv(task, SETTINGS), DmcEnv(task, SETTINGS)
    first, second, again = (env.reset(seed=seed)[0]["image"] for env, seed in ((used, 9), (used, 4), (fresh, 4)))
    np.testing.assert_array_equal(second, again)
    assert (first != second).any()


def test_no_opengl_library_is_loaded_for_the_ray_caster() -> None:
    program = """
import numpy as np
from pathlib import Path
from envs import make_env
from envs.settings import EnvSettings
env = make_env("dmc_quadruped_escape", EnvSettings(renderer="raycast"))
env.reset(seed=0)
env.step(np.zeros(12))
maps = Path("/proc/self/maps").read_text()
assert "mujoco" in maps
assert not [name for name in ("libGL.", "libEGL", "libOSMesa", "libglfw", "tensorflow") if name in maps]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("backend", ["egl", "osmesa"])
def test_opengl_draws_where_there_is_any(backend: str) -> None:
    if failure := probe(backend).failure:
        pytest.skip(f"{backend}: {failure}")
    program = f"""
from envs.dmc import DmcEnv
from envs.dmc_tasks import DOMAINS
from envs.registry import FAMILIES, action_size
from envs.settings import EnvSettings
from tests.envs import conformance
make = lambda **settings: DmcEnv("dmc_quadruped_escape", EnvSettings(renderer={backend!r}, **settings))
for check in (conformance.check_types, conformance.check_seeds, conformance.check_observations_are_kept):
    check(make)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
