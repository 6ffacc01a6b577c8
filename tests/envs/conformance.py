"""Checks that every environment must pass; each takes a function that makes one."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from envs.task import Image, Observation, TaskEnv

Make = Callable[..., TaskEnv]  # takes settings as keywords


class Moment(NamedTuple):
    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


def draw_actions(env: TaskEnv, count: int, seed: int = 0) -> list[Any]:
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(count)]


def play(env: TaskEnv, seed: int, actions: Sequence[Any]) -> list[Moment]:
    """The start of an episode: its reset, then its steps until the episode or the actions end."""
    observation, info = env.reset(seed=seed)
    moments = [Moment(observation, 0.0, False, False, info)]
    for action in actions:
        moments.append(Moment(*env.step(action)))
        if moments[-1].terminated or moments[-1].truncated:
            break
    return moments


def equal(first: Observation, second: Observation) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def same(first: Sequence[Moment], second: Sequence[Moment]) -> bool:
    return len(first) == len(second) and all(
        equal(a.observation, b.observation) and a[1:] == b[1:] for a, b in zip(first, second, strict=True)
    )


def check_gymnasium(make: Make) -> None:
    check_env(make(), skip_render_check=True)


def check_types(make: Make) -> None:
    env = make(action_repeat=2)
    assert env.observation_space["image"] == gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)
    if isinstance(env.action_space, gymnasium.spaces.Box):
        assert env.action_space.dtype == np.float32
        assert (env.action_space.low == -1).all()
        assert (env.action_space.high == 1).all()
    first, *later = play(env, 0, draw_actions(env, 3))
    assert first.info == {"steps": 0, "discount": 1.0}
    for moment in (first, *later):
        image = moment.observation["image"]
        assert image.shape == (64, 64, 3)
        assert image.dtype == np.uint8
        assert image.std() > 1, "the image has only one colour"
        assert [type(item) for item in moment[1:4]] == [float, bool, bool]
        assert set(moment.info) == {"steps", "discount"}
        assert moment.info["discount"] == (0.0 if moment.terminated else 1.0)


def check_seeds(make: Make) -> None:
    """Equal seeds give equal episodes in new and used environments; other seeds give other episodes."""
    used, fresh = make(), make()
    actions = draw_actions(used, 4)
    other = play(used, 7, actions[::-1])
    episode = play(used, 3, actions)
    assert same(episode, play(fresh, 3, actions))
    assert not same(episode, other)


def check_stream(make: Make) -> None:
    """Without seeds, episodes differ, and their sequence depends on the last seed."""
    env = make()
    streams = []
    for _ in range(2):
        env.reset(seed=5)
        streams.append([env.reset()[0] for _ in range(2)])
    assert all(map(equal, *streams))
    assert not equal(*streams[0])


def check_action_repeat(make: Make) -> None:
    """A step with action repeat 3 equals three single steps: the sum of rewards, and the last image."""
    held, single = make(action_repeat=3), make(action_repeat=1)
    for action in draw_actions(held, 3):
        long = play(held, 1, [action])
        short = play(single, 1, [action] * 3)
        assert long[1].info["steps"] == len(short) - 1
        assert long[1].reward == pytest.approx(sum(moment.reward for moment in short), abs=1e-12)
        assert equal(long[1].observation, short[-1].observation)


def check_state_types(make: Make) -> None:
    """A state has one number for each name, measured in full precision."""
    env = make()
    space = env.observation_space["state"]
    for moment in play(env, 0, draw_actions(env, 3)):
        state = moment.observation["state"]
        assert state.shape == space.shape == (len(env.state_names),)
        assert state.dtype == space.dtype == np.float32
        assert np.isfinite(state).all()
    assert env.measured().dtype == np.float64
    np.testing.assert_allclose(state, env.measured(), rtol=1e-6, atol=1e-30)
    assert len(set(env.state_names)) == len(env.state_names)


def check_draws_nothing(make: Make) -> None:
    """Nothing is drawn unless images are observed: drawing costs more than physics."""
    env = make()
    env._draw = None  # type: ignore[assignment, method-assign]
    assert "image" not in play(env, 0, draw_actions(env, 3))[-1].observation


def check_draws_once(make: Make) -> None:
    """One image is drawn for each agent step, for any action repeat: drawing costs more than physics."""
    env = make(action_repeat=4)
    drawn: list[Image] = []
    draw = env._draw

    def counted() -> Image:
        drawn.append(draw())
        return drawn[-1]

    env._draw = counted  # type: ignore[method-assign]
    moments = play(env, 0, draw_actions(env, 2))
    assert len(drawn) == len(moments)


def check_time_limit(make: Make) -> None:
    """The limit counts environment steps, ends an action early, and truncates the episode."""
    env = make(action_repeat=2, time_limit=5)
    for seed in range(10):
        moments = play(env, seed, draw_actions(env, 10, seed))
        if moments[-1].truncated:
            break
    assert [moment.info["steps"] for moment in moments] == [0, 2, 2, 1]
    assert [moment.truncated for moment in moments] == [False, False, False, True]
    assert not moments[-1].terminated
    assert moments[-1].info["discount"] == 1.0


def check_order(make: Make) -> None:
    env = make(action_repeat=1, time_limit=1)
    [action] = draw_actions(env, 1)
    with pytest.raises(ResetNeeded):
        env.step(action)
    play(env, 0, [action])
    with pytest.raises(ResetNeeded):
        env.step(action)


def check_observations_are_kept(make: Make) -> None:
    """No later step changes an observation that was returned."""
    env = make()
    moments: list[Moment] = []
    kept = []
    env.reset(seed=0)
    for action in draw_actions(env, 3):
        moments.append(Moment(*env.step(action)))
        kept.append({name: array.copy() for name, array in moments[-1].observation.items()})
    env.reset(seed=1)
    for moment, copy in zip(moments, kept, strict=True):
        assert equal(moment.observation, copy)


def check_actions(make: Make) -> None:
    """Numbers out of bounds are clipped; invalid actions are refused."""
    env = make()
    env.reset(seed=0)
    if isinstance(env.action_space, gymnasium.spaces.Discrete):
        for action in (-1, env.action_space.n, 0.5):
            with pytest.raises(ValueError, match="must be an integer from 0 to"):
                env.step(action)
        return
    assert env.action_space.shape
    for wrong in (np.zeros(env.action_space.shape[0] + 1), np.full(env.action_space.shape, np.nan)):
        with pytest.raises(ValueError, match="finite numbers"):
            env.step(wrong)
    bound = np.ones(env.action_space.shape)
    assert same(play(env, 2, [bound, -bound]), play(env, 2, [10 * bound, -10 * bound]))


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_gymnasium,
    check_types,
    check_seeds,
    check_stream,
    check_action_repeat,
    check_draws_once,
    check_time_limit,
    check_order,
    check_observations_are_kept,
    check_actions,
)
STATE_CHECKS: tuple[Callable[[Make], None], ...] = (
    check_gymnasium,
    check_state_types,
    check_draws_nothing,
    check_seeds,
    check_stream,
    check_action_repeat,
    check_time_limit,
    check_order,
    check_observations_are_kept,
    check_actions,
)
BOTH_CHECKS: tuple[Callable[[Make], None], ...] = (
    check_gymnasium,
    check_types,
    check_state_types,
    check_draws_once,
    check_observations_are_kept,
)
