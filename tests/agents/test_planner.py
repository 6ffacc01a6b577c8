from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.layers import LayerFactory
from agents.planner import Planner, predicted_reward, refit
from agents.randomness import Noise
from agents.rssm import State
from agents.settings import BehaviorSettings
from agents.world_model import WorldModel
from tests.agents.conftest import ACTIONS, IMAGES, tiny_settings

CANDIDATES, HORIZON, TOP, COUNT = 20, 4, 5, 3
RANDOM = np.random.default_rng(0)
DRAWS = {
    name: RANDOM.normal(size=(2, COUNT, CANDIDATES, HORIZON, size)).astype(np.float32)
    for name, size in (("plan_action", ACTIONS), ("plan_state", 4))
}


def planner(actions: int = ACTIONS, **changes: int) -> Planner:
    sizes = {"candidates": CANDIDATES, "iterations": 2, "top": TOP, "horizon": HORIZON} | changes
    return Planner(BehaviorSettings.model_validate({"kind": "planner", **sizes}), actions)


def noise(counter: int = 0) -> Noise:
    return Noise(0, tf.constant(counter))


class Integrator:
    """A fake world model with dynamics x' = x + a and reward -|x'|^2."""

    def __init__(self) -> None:
        self.rssm = self.reward = self

    def imagine(self, state: State, action: tf.Tensor, noise: tf.Tensor) -> State:
        x = state.deter[:, None] + tf.cumsum(action, 1)
        return State(x, noise)

    def predict(self, features: tf.Tensor) -> tf.Tensor:
        return -tf.reduce_sum(tf.square(features[..., 1:]), -1)


WORLD: Any = Integrator()


def test_plan_is_the_optimum_of_a_quadratic_reward() -> None:
    """The best plan goes to 0 as fast as the bound on actions allows, and stays there."""
    start = np.array([[0.5, -0.2], [-2.5, 0.0], [1.7, 3.0]], np.float32)
    plan = planner(2, candidates=500, iterations=20, top=50).plan(WORLD, State(start, tf.zeros((3, 1))), noise())
    x = start
    for t in range(HORIZON):
        action = np.clip(-x, -1, 1)
        np.testing.assert_allclose(plan.mean[:, t], action, atol=0.02)
        x = x + action
    assert plan.std.numpy().max() < 0.02


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel(LayerFactory(0), tiny_settings(), IMAGES, ACTIONS)


def states(count: int = COUNT) -> State:
    return State(tf.random.stateless_normal((count, 6), (0, 0)), tf.random.stateless_normal((count, 4), (0, 1)))


def test_plan_is_refit_to_the_candidates_of_the_most_reward(model: WorldModel) -> None:
    iterations, start = 3, states()
    found = planner(iterations=iterations).plan(model, start, noise())
    shape = (iterations, COUNT, CANDIDATES, HORIZON)
    action_noise, state_noise = (
        noise().normal(name, (*shape, size)).numpy() for name, size in (("plan_action", ACTIONS), ("plan_state", 4))
    )
    for row in range(COUNT):
        mean, std = np.zeros((HORIZON, ACTIONS)), np.ones((HORIZON, ACTIONS))
        for iteration in range(iterations):
            actions = np.clip(mean + std * action_noise[iteration, row], -1, 1).astype(np.float32)
            state = State(*(tf.repeat(part[row : row + 1], CANDIDATES, 0) for part in start))
            total = np.zeros(CANDIDATES)
            for t in range(HORIZON):
                state = model.rssm.img_step(state, tf.constant(actions[:, t]), state_noise[iteration, row, :, t])
                total += model.reward.predict(state.features)
            best = actions[np.argsort(total)[-TOP:]]
            mean, std = best.mean(0), np.sqrt(best.var(0) + 1e-6)
        np.testing.assert_allclose(found.mean[row], mean, atol=1e-5)
        np.testing.assert_allclose(found.std[row], std, atol=1e-5)


def test_refit_takes_the_best() -> None:
    candidates = np.random.default_rng(0).normal(size=(2, 6, 4, 1)).astype(np.float32)
    scores = np.array([[3, 1, 2, 9, 0, 8], [0, 7, 5, 6, 4, 1]], np.float32)
    plan = refit(tf.constant(candidates), tf.constant(scores), top=2)
    best = np.stack([candidates[0, [3, 5]], candidates[1, [1, 3]]])
    np.testing.assert_allclose(plan.mean, best.mean(1), rtol=1e-5)
    np.testing.assert_allclose(plan.std, np.sqrt(best.var(1) + 1e-6), rtol=1e-5)


def test_one_best_candidate_leaves_the_least_spread() -> None:
    plan = refit(tf.ones((1, 3, 2, 1)), tf.zeros((1, 3)), top=1)
    np.testing.assert_allclose(plan.std, 1e-3, rtol=1e-5)


def test_each_environment_is_planned_for_alone(model: WorldModel, monkeypatch: pytest.MonkeyPatch) -> None:
    start = states()

    def act(rows: slice) -> tf.Tensor:
        monkeypatch.setattr(Noise, "normal", lambda self, name, shape: tf.constant(DRAWS[name][:, rows]))
        return planner().act(model, start.map(lambda x: x[rows]), noise(), training=True)

    together = act(slice(COUNT))
    for row in range(COUNT):
        np.testing.assert_allclose(act(slice(row, row + 1))[0], together[row], atol=1e-6)


def test_xla_makes_the_same_plan(model: WorldModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the same draws, which XLA would make differently."""
    monkeypatch.setattr(Noise, "normal", lambda self, name, shape: tf.constant(DRAWS[name]))
    plain, compiled = (
        tf.function(planner().plan, autograph=False, jit_compile=jit)(model, states(), noise()) for jit in (None, True)
    )
    np.testing.assert_allclose(compiled.mean, plain.mean, atol=1e-5)
    np.testing.assert_allclose(compiled.std, plain.std, atol=1e-5)


def test_each_candidate_starts_where_its_environment_is(model: WorldModel) -> None:
    actions, start = tf.zeros((COUNT, CANDIDATES, HORIZON, ACTIONS)), states()
    scores = predicted_reward(model, start, actions, tf.zeros((COUNT, CANDIDATES, HORIZON, 4))).numpy()
    np.testing.assert_allclose(scores, np.repeat(scores[:, :1], CANDIDATES, 1), rtol=1e-5)
    assert np.abs(np.diff(scores[:, 0])).min() > 1e-4


def test_plans_are_within_bounds_and_drawn_anew(model: WorldModel) -> None:
    first, again, other = (planner(top=1).act(model, states(), noise(counter), True).numpy() for counter in (0, 0, 1))
    assert first.shape == (COUNT, ACTIONS)
    assert np.abs(first).max() == 1
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(1).all()


@pytest.mark.parametrize("sizes", [{"top": 21}, {"candidates": 4}])
def test_more_best_candidates_than_candidates_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"the best \d+ of \d+ candidates; allowed: at most (20|4)"):
        planner(**sizes)
