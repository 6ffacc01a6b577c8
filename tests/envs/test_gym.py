"""Gymnasium's environments behave as Gymnasium's own, except for what every environment here has in common."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from common.errors import UserError
from envs import gym_tasks, make_env
from envs.registry import action_size, exists, family, is_discrete, packages
from envs.renderer import probe
from envs.settings import EnvSettings
from envs.task import Observe, TaskEnv
from suites.suite import load_suite

CORRIDOR = "gym_tests.envs.corridor:lab__Corridor-v0"
LEFT, STAY, RIGHT = range(3)


def make(task: str, observe: Observe = ("state",), **settings: Any) -> TaskEnv:
    if task.removeprefix("gym_") in gym_tasks.MUJOCO:
        pytest.importorskip("imageio", reason="Gymnasium imports it for MuJoCo")
    if "image" in observe:
        pytest.importorskip("pygame", reason="Gymnasium draws with it")
    return make_env(
        task, EnvSettings.model_validate({"action_repeat": 1, "renderer": "raycast", **settings}), 0, observe
    )


@pytest.mark.parametrize("task", [*gym_tasks.ACTION_SIZES, *gym_tasks.DISCRETE])
def test_each_listed_task_has_its_actions_and_time_limit(task: str) -> None:
    env = make(task, time_limit=10_000)
    assert isinstance(env.action_space, gymnasium.spaces.Discrete) == is_discrete(task)
    assert is_discrete(task) or env.action_space.shape == (action_size(task),)
    assert env.time_limit == gymnasium.spec(task.removeprefix("gym_")).max_episode_steps


@pytest.mark.parametrize("task", ["gym_Pendulum-v1", "gym_CartPole-v1", "gym_Reacher-v5"])
def test_numbers_are_gymnasiums_own(task: str) -> None:
    """Actions in [-1, 1] are scaled to the bounds: 2 for the pendulum's torque."""
    env, own = make(task), gymnasium.make(task.removeprefix("gym_"))
    first, _ = env.reset(seed=3)
    expected, _ = own.reset(seed=int(gymnasium.utils.seeding.np_random(3)[0].integers(2**31)))
    np.testing.assert_array_equal(first["state"], np.asarray(expected, np.float32))
    high = own.action_space.high if isinstance(own.action_space, gymnasium.spaces.Box) else 1
    env.action_space.seed(0)
    for _ in range(30):
        action = env.action_space.sample()
        seen, reward, terminated, truncated, info = env.step(action)
        expected, gain, over, _, _ = own.step(action * high)
        np.testing.assert_allclose(seen["state"], np.asarray(expected, np.float32), rtol=1e-4, atol=1e-4)
        assert (reward, terminated, truncated) == (pytest.approx(gain, rel=1e-4, abs=1e-4), over, False)
        assert info["discount"] == 1.0 - over
        if over:
            break
    assert (task == "gym_CartPole-v1") == terminated


@pytest.mark.parametrize(("limit", "steps"), [(1000, 200), (30, 30)])
def test_time_limit_truncates_and_the_shorter_one_counts(limit: int, steps: int) -> None:
    env = make("gym_Pendulum-v1", time_limit=limit, action_repeat=4)
    env.reset(seed=0)
    taken, over = 0, False
    while not over:
        _, _, terminated, over, info = env.step(np.zeros(1))
        taken += info["steps"]
        assert not terminated
        assert info["discount"] == 1.0
    assert taken == steps


def test_environments_of_any_package_are_imported_by_their_module() -> None:
    env = make(CORRIDOR)
    assert env.state_names == ("light[0]", "light[1]", *(f"place[{place}]" for place in range(5)))
    assert env.action_names == ("action 0", "action 1", "action 2")
    assert env.time_limit == 6
    first, _ = env.reset(seed=1)
    assert first["state"].tolist()[2:] == [0, 0, 1, 0, 0]  # an index as a one-hot vector
    assert (env.reset(seed=1)[0]["state"] == first["state"]).all()
    assert (env.reset(seed=2)[0]["state"] != first["state"]).any()


@pytest.mark.parametrize(
    ("actions", "ends"),
    [
        ([RIGHT, RIGHT], [(3.0, False, False, 1.0), (4.0, True, False, 0.0)]),
        ([LEFT, LEFT], [(1.0, False, False, 1.0), (0.0, False, True, 1.0)]),  # truncated by the environment itself
        ([STAY] * 6, [(2.0, False, False, 1.0)] * 5 + [(2.0, False, True, 1.0)]),
    ],
)
def test_termination_truncation_and_time_limit_are_kept_apart(actions: list[int], ends: list[Any]) -> None:
    env = make(CORRIDOR)
    env.reset(seed=0)
    found = [env.step(action)[1:] for action in actions]
    assert [(reward, over, cut, info["discount"]) for reward, over, cut, info in found] == ends
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(STAY)
    held = make(CORRIDOR, action_repeat=4)
    held.reset(seed=0)
    assert held.step(LEFT)[1:] == (1.0, False, True, {"steps": 2, "discount": 1.0})


def test_camera_follows_the_body_where_the_model_has_such_a_camera() -> None:
    assert make("gym_HalfCheetah-v5")._camera == 0  # type: ignore[attr-defined]
    free = make("gym_Pusher-v5")._camera  # type: ignore[attr-defined]
    assert free.distance == 4.0  # Gymnasium's own for this task


@pytest.mark.parametrize("backend", ["egl", "osmesa"])
def test_ray_caster_sees_what_opengl_draws(backend: str) -> None:
    """By a camera that follows the body, and by a free one."""
    if failure := probe(backend).failure:
        pytest.skip(f"{backend}: {failure}")
    pytest.importorskip("imageio", reason="Gymnasium imports it for MuJoCo")
    program = f"""
from envs import make_env
from envs.settings import EnvSettings
def picture(task, renderer):
    env = make_env(task, EnvSettings(renderer=renderer))
    image = env.reset(seed=3)[0]["image"].astype(float)
    env.close()
    return image
tasks = ("gym_HalfCheetah-v5", "gym_Reacher-v5")
drawn = [picture(task, {backend!r}) for task in tasks]  # before the ray caster, which disables OpenGL
for task, image in zip(tasks, drawn):
    assert abs(picture(task, "raycast") - image).mean() < 3
    assert image.std() > 10
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("task", ["gym_CartPole-v1", "gym_Reacher-v5"])
def test_images_change_with_the_state(task: str) -> None:
    env = make(task, ("image",))
    first, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(5):
        last = env.step(env.action_space.sample())[0]
    assert (first["image"] != last["image"]).any(-1).sum() > 10


@pytest.mark.parametrize(
    ("task", "observe", "message"),
    [
        (CORRIDOR, "image", "draws no images; observe its state: observation: state"),
        ("gym_nowhere:Maze-v0", "state", "gym_nowhere:Maze-v0: No module named 'nowhere'"),
        ("gym_gymnasium:CartPol-v1", "state", r"`CartPol` doesn't exist. Did you mean: `CartPole`\?"),
        ("gym_gymnasium:CartPole-v9", "state", "gym_gymnasium:CartPole-v9: .*v9"),
    ],
)
def test_what_cannot_be_made_is_told_in_one_line(task: str, observe: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        make_env(task, EnvSettings(renderer="raycast"), observe=(observe,))
    assert "\n" not in str(refused.value)


def test_image_that_is_missing_later_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"also set eval\.video: false"):
        make(CORRIDOR).draw()


def test_actions_of_other_kinds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.envs.corridor import Corridor

    monkeypatch.setattr(Corridor, "action_space", gymnasium.spaces.MultiBinary(3))
    with pytest.raises(UserError, match=r"its actions are MultiBinary\(3\); allowed: a vector of numbers, or one"):
        make(CORRIDOR)


def test_further_tasks_have_a_form(tmp_path: Path) -> None:
    assert family(CORRIDOR) is family("gym_CartPole-v1")
    assert not exists("gym_CartPol-v1")
    for wrong in ("gym_a/b:C-v0", "gym_..:C-v0", "gym_a:..", "gym_a:", "gym_a:b/c", "gym_a:b c"):
        assert not exists(wrong)
    with pytest.raises(UserError, match=r"the actions of gym_tests.* are not known before it is made"):
        action_size(CORRIDOR)
    path = tmp_path / "suite.yaml"
    start = f"name: s\ntasks: ['{CORRIDOR}', gym_Pendulum-v1]\n"
    path.write_text(start)
    assert load_suite(path).tasks == (CORRIDOR, "gym_Pendulum-v1")
    path.write_text(f"{start}settings: {{dynamics: {{kind: ed2, groups: single}}}}")
    with pytest.raises(UserError, match=r":3:\d+: .*and those of gym_tests\S+ are not known before it is made"):
        load_suite(path)
    path.write_text("name: s\ntasks: [gym_CartPol-v1]\n")
    with pytest.raises(UserError, match="did you mean gym_CartPole-v1"):
        load_suite(path)


def test_versions_of_the_tasks_own_package_are_recorded() -> None:
    assert packages("gym_CartPole-v1") == family("gym_CartPole-v1").packages
    assert packages("gym_ale_py:ALE__Pong-v5")[-1] == "ale-py"
    assert all(name != other for name, other in pairwise(packages("gym_gymnasium:FrozenLake-v1")))
