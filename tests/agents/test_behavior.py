from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from agents.agent import ActionSpec
from agents.behavior import ENTROPY_SAMPLES, MODE_SAMPLES, ActorCritic, starts
from agents.distributions import Gaussian, TanhNormal
from agents.layers import LayerFactory
from agents.randomness import Noise
from agents.rssm import State
from agents.world_model import WorldModel
from tests.agents.conftest import ACTIONS, IMAGES, tiny_settings

COUNT, HORIZON = 5, 4


def normal(*shape: int) -> tf.Tensor:
    return tf.random.stateless_normal(shape, (0, 0))


START = State(normal(COUNT, 6), normal(COUNT, 4))


def make(**changes: Any) -> tuple[WorldModel, ActorCritic]:
    settings = tiny_settings(**changes)
    factory = LayerFactory(0)
    return WorldModel(factory, settings, IMAGES, ACTIONS), ActorCritic(
        factory, settings.behavior, 10, ActionSpec(ACTIONS)
    )


def wanted(behavior: ActorCritic, features: tf.Tensor) -> Gaussian:
    """The distribution of a continuous actor before the tanh."""
    choice = behavior.actor.actions(features)
    assert isinstance(choice, TanhNormal)
    return choice.base


def noise() -> Noise:
    return Noise(0, tf.constant(0))


def imagined(model: WorldModel, behavior: ActorCritic) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (H, N, F), rewards and discounts (H, N) of the imagined states, in double precision."""
    states, _ = behavior.imagine(model, START, noise())
    features = tf.stack([state.features for state in states])
    reward, discount = model.reward.predict(features), model.discount(features)
    return features, reward.numpy().astype(np.float64), discount.numpy().astype(np.float64)


@pytest.mark.parametrize(
    ("predict", "bootstrap", "state"), [(False, "last", 3), (True, "last", 3), (True, "second_last", 2)]
)
def test_losses_are_the_papers(predict: bool, bootstrap: str, state: int) -> None:
    model, behavior = make(continuation={"predict": predict}, behavior={"bootstrap": bootstrap})
    losses, metrics = behavior.losses(model, START, noise())
    features, reward, discount = imagined(model, behavior)
    assert behavior.value is not None
    value = behavior.value.predict(features).numpy().astype(np.float64)
    returns = np.zeros((HORIZON - 1, COUNT))
    behind = following = value[state]
    for t in reversed(range(HORIZON - 1)):
        following = returns[t] = reward[t] + discount[t] * (0.05 * behind + 0.95 * following)
        behind = value[t]
    weights = np.stack([np.prod(discount[:t], axis=0) for t in range(HORIZON - 1)])
    log_prob = scipy.stats.norm(value[:-1]).logpdf(returns)
    assert float(losses["actor"]) == pytest.approx(-(weights * returns).mean(), rel=1e-4)
    assert float(losses["value"]) == pytest.approx(-(weights * log_prob).mean(), rel=1e-4)
    assert float(metrics["behavior/return"]) == pytest.approx(returns.mean(), rel=1e-4)
    assert float(metrics["behavior/value"]) == pytest.approx(value.mean(), rel=1e-4)


def test_target_gives_the_values_of_the_returns() -> None:
    """The value is only what is regressed; both start alike, so here they are moved apart."""
    model, behavior = make(behavior={"target_rate": 0.1})
    value, target = behavior.value, behavior.target
    assert value is not None
    assert target is not None
    for weight, average in zip(value.trainable_variables, target.trainable_variables, strict=True):
        np.testing.assert_array_equal(weight.numpy(), average.numpy())
        average.assign(average + 0.1)
    losses, metrics = behavior.losses(model, START, noise())
    features, reward, discount = imagined(model, behavior)
    learned, averaged = (network.predict(features).numpy().astype(np.float64) for network in (value, target))
    assert np.abs(learned - averaged).mean() > 0.05
    returns = np.zeros((HORIZON - 1, COUNT))
    following = averaged[-1]
    for t in reversed(range(HORIZON - 1)):
        following = returns[t] = reward[t] + discount[t] * (0.05 * averaged[t + 1] + 0.95 * following)
    weights = np.stack([np.prod(discount[:t], axis=0) for t in range(HORIZON - 1)])
    log_prob = scipy.stats.norm(learned[:-1]).logpdf(returns)
    assert float(losses["actor"]) == pytest.approx(-(weights * returns).mean(), rel=1e-4)
    assert float(losses["value"]) == pytest.approx(-(weights * log_prob).mean(), rel=1e-4)
    assert float(metrics["behavior/value"]) == pytest.approx(learned.mean(), rel=1e-4)


@pytest.mark.parametrize("value", ["critic", "none"])
def test_entropy_at_the_start_states_is_rewarded(value: str) -> None:
    plain, rewarded = (
        make(behavior={"value": value, "entropy_scale": scale})[1].losses(make()[0], START, noise())[0]
        for scale in (0.0, 0.3)
    )
    _, behavior = make()
    base = wanted(behavior, START.features)
    draws = behavior.actor.draws(noise(), "entropy", (ENTROPY_SAMPLES, COUNT)).numpy()
    before = base.mean.numpy() + base.std.numpy() * draws.astype(np.float64)
    density = scipy.stats.norm(base.mean, base.std).logpdf(before) + 2 * np.log(np.cosh(before))
    entropy = -density.sum(-1).mean()
    assert float(plain["actor"] - rewarded["actor"]) == pytest.approx(0.3 * entropy, rel=1e-3)
    assert value == "none" or plain["value"] == rewarded["value"]


@pytest.mark.parametrize("changes", [{}, {"value": "none", "target_rate": 0.1}])
def test_without_a_rate_or_a_value_there_is_no_target(changes: dict[str, Any]) -> None:
    _, behavior = make(behavior=changes)
    assert behavior.target is None
    assert behavior.averages == []


@pytest.mark.parametrize(("discounted", "gamma"), [(False, 1.0), (True, 0.9)])
def test_without_a_value_the_actor_maximises_the_sum_of_rewards(discounted: bool, gamma: float) -> None:
    model, behavior = make(behavior={"value": "none", "discount": 0.9, "discount_imagined": discounted})
    losses, metrics = behavior.losses(model, START, noise())
    _, reward, _ = imagined(model, behavior)
    later = [gamma ** np.arange(HORIZON - t) @ reward[t:] for t in range(HORIZON)]
    expected = np.mean(later)
    assert list(losses) == list(behavior.groups) == ["actor"]
    assert float(losses["actor"]) == pytest.approx(-expected, rel=1e-4)
    assert float(metrics["behavior/return"]) == pytest.approx(expected, rel=1e-4)


def test_imagination_follows_actor_and_prior() -> None:
    model, behavior = make()
    states, first = behavior.imagine(model, START, noise())
    action_noise = noise().normal("imagined_action", (HORIZON, COUNT, ACTIONS))
    state_noise = noise().normal("imagined_state", (HORIZON, COUNT, 4))
    assert isinstance(first, TanhNormal)
    np.testing.assert_allclose(first.base.mean, wanted(behavior, START.features).mean)
    state = START
    assert len(states) == HORIZON
    for t, expected in enumerate(states):
        base = wanted(behavior, state.features)
        action = np.tanh(base.mean + base.std * action_noise[t])
        state = model.rssm.img_step(state, tf.constant(action), state_noise[t])
        np.testing.assert_allclose(state.features, expected.features, rtol=1e-4, atol=1e-5)


def test_actor_learns_through_its_actions_but_not_through_its_inputs() -> None:
    """The gradient of the weighted returns with the actor's inputs held fixed, compared with finite differences."""
    model, behavior = make()
    bias = behavior.actor.out.bias.value
    with tf.GradientTape() as tape:
        losses, _ = behavior.losses(model, START, noise())
    gradient = tape.gradient(losses["actor"], bias).numpy()

    seen = [START.features, *(s.features for s in behavior.imagine(model, START, noise())[0][:-1])]
    action_noise = noise().normal("imagined_action", (HORIZON, COUNT, ACTIONS))
    state_noise = noise().normal("imagined_state", (HORIZON, COUNT, 4))
    fresh = bias.numpy()

    def loss(shift: np.ndarray) -> float:
        bias.assign(fresh + shift)
        state, states = START, []
        for t in range(HORIZON):
            state = model.rssm.img_step(state, behavior.actor.actions(seen[t]).sample(action_noise[t]), state_noise[t])
            states.append(state.features)
        reward, value = model.reward.predict(tf.stack(states)), behavior.value.predict(tf.stack(states))  # type: ignore[union-attr]
        following, total = value[-1], 0.0
        for t in reversed(range(HORIZON - 1)):
            following = reward[t] + 0.99 * (0.05 * value[t + 1] + 0.95 * following)
            total += float(tf.reduce_mean(0.99**t * following))
        return -total / (HORIZON - 1)

    for index in range(2 * ACTIONS):
        shift = np.zeros(2 * ACTIONS, np.float32)
        shift[index] = 0.02
        numeric = (loss(shift) - loss(-shift)) / 0.04
        assert gradient[index] == pytest.approx(numeric, abs=2e-4, rel=0.05)
    bias.assign(fresh)


def test_discrete_actor_learns_by_straight_through_gradients() -> None:
    """Actions are one-hot vectors whose gradients pass to the softmax; recomputed step by step."""
    settings = tiny_settings()
    factory, action = LayerFactory(0), ActionSpec(ACTIONS, discrete=True)
    model, behavior = (
        WorldModel(factory, settings, IMAGES, ACTIONS),
        ActorCritic(factory, settings.behavior, 10, action),
    )
    bias = behavior.actor.out.bias.value
    with tf.GradientTape() as tape:
        losses, _ = behavior.losses(model, START, noise())
    gradient = tape.gradient(losses["actor"], bias).numpy()

    seen = [START.features, *(s.features for s in behavior.imagine(model, START, noise())[0][:-1])]
    draws = noise().gumbel("imagined_action", (HORIZON, COUNT, ACTIONS)).numpy()
    state_noise = noise().normal("imagined_state", (HORIZON, COUNT, 4))
    logits = [behavior.actor.outputs(features).numpy() for features in seen]
    chosen = [np.eye(ACTIONS, dtype=np.float32)[(a + b).argmax(-1)] for a, b in zip(logits, draws, strict=True)]
    actions = [tf.Variable(choice) for choice in chosen]
    with tf.GradientTape() as tape:
        state, states = START, []
        for action_taken, step_noise in zip(actions, tf.unstack(state_noise), strict=True):
            state = model.rssm.img_step(state, tf.convert_to_tensor(action_taken), step_noise)
            states.append(state.features)
        assert behavior.value is not None
        reward, value = model.reward.predict(tf.stack(states)), behavior.value.predict(tf.stack(states))
        following, total = value[-1], tf.constant(0.0)
        for t in reversed(range(HORIZON - 1)):
            following = reward[t] + 0.99 * (0.05 * value[t + 1] + 0.95 * following)
            total += tf.reduce_mean(0.99**t * following)
        loss = -total / (HORIZON - 1)
    assert float(losses["actor"]) == pytest.approx(float(loss), rel=1e-4)
    expected = np.zeros(ACTIONS)
    for worth, outputs in zip(tape.gradient(loss, actions), logits, strict=True):
        p = scipy.special.softmax(outputs.astype(float), -1)
        if worth is not None:
            expected += (p * (worth.numpy() - (p * worth.numpy()).sum(-1, keepdims=True))).sum(0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


def test_actions_are_samples_in_training_and_the_mode_in_evaluation() -> None:
    model, behavior = make(behavior={"init_std": 0.5})  # no action rounded to 1, which would have no density
    choice = behavior.actor.actions(START.features)
    drawn, best = (behavior.act(model, START, noise(), training) for training in (True, False))
    np.testing.assert_allclose(drawn, choice.sample(noise().normal("policy_action", (COUNT, ACTIONS))), rtol=1e-6)
    samples = choice.sample(noise().normal("policy_mode", (MODE_SAMPLES, COUNT, ACTIONS)))
    likely = np.argmax(choice.log_prob(samples), 0)
    np.testing.assert_allclose(best, samples.numpy()[likely, np.arange(COUNT)], rtol=1e-5)


def test_imagination_starts_from_every_state_of_the_batch() -> None:
    state = State(normal(2, 3, 6), normal(2, 3, 4))
    chosen = starts(state, skip_last=False)
    np.testing.assert_array_equal(chosen.deter, tf.reshape(state.deter, (6, 6)))
    np.testing.assert_array_equal(chosen.stoch, tf.reshape(state.stoch, (6, 4)))


def test_imagination_skips_last_states_where_discounts_are_learned() -> None:
    state = State(normal(2, 3, 6), normal(2, 3, 4))
    chosen = starts(state, skip_last=True)
    np.testing.assert_array_equal(chosen.deter, np.concatenate([state.deter[0, :2], state.deter[1, :2]]))


@pytest.mark.parametrize(
    ("every", "skip_last", "indices"),
    [
        (1, False, range(7)),
        (2, False, [0, 2, 4, 6]),
        (3, True, [2, 5]),
        (4, True, [1, 5]),
        (7, True, [5]),
        (9, False, [6]),
    ],
)
def test_imagination_starts_from_every_kth_state_before_the_last(
    every: int, skip_last: bool, indices: Sequence[int]
) -> None:
    state = State(normal(2, 7, 6), normal(2, 7, 4))
    chosen = starts(state, skip_last, every)
    for part, whole in zip(chosen, state, strict=True):
        np.testing.assert_array_equal(part, whole.numpy()[:, list(indices)].reshape(2 * len(indices), -1))


def test_starts_hold_no_gradient() -> None:
    deter = normal(2, 3, 6)
    with tf.GradientTape() as tape:
        tape.watch(deter)
        total = tf.reduce_sum(starts(State(deter, normal(2, 3, 4)), skip_last=False).deter)
    assert tape.gradient(total, deter) is None
