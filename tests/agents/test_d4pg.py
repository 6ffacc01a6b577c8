"""D4PG against numpy: its transitions, losses, gradients and target networks; and that it learns a small problem."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import ActionSpec, Arrays
from agents.d4pg import D4PG
from agents.experience import experience
from agents.image_shift import shift
from agents.settings import AgentSettings
from tests.agents.conftest import ACTIONS, IMAGES, STATES
from tests.agents.test_categorical_returns import projected

RANDOM = np.random.default_rng(0)
TINY: dict[str, Any] = {
    "n_step": 3,
    "discount": 0.9,
    "atoms": 11,
    "lowest": -5,
    "highest": 5,
    "critic_units": [16, 8],
    "actor_units": [8, 8],
    "target_period": 3,
    "critic_rate": 1e-3,
    "actor_rate": 1e-3,
}


def make(images: bool = False, seed: int = 0, exploration: Any = None, **changes: Any) -> D4PG:
    settings = AgentSettings(agent="d4pg", d4pg=TINY | changes, exploration=exploration or {})
    return D4PG(settings, IMAGES if images else STATES, ActionSpec(ACTIONS), seed)


def sequences(agent: D4PG, count: int = 4, images: bool = False) -> Arrays:
    shape = (count, agent.length)
    seen: Arrays = {"image": RANDOM.integers(0, 256, (*shape, 64, 64, 3), np.uint8)}
    if not images:
        seen = {"state": RANDOM.normal(size=(*shape, 6)).astype(np.float32)}
    return seen | {
        "action": RANDOM.uniform(-1, 1, (*shape, ACTIONS)).astype(np.float32),
        "reward": RANDOM.normal(size=shape).astype(np.float32),
        "discount": np.ones(shape, np.float32),
    }


def mlp(agent: D4PG, network: str, x: np.ndarray, entering: np.ndarray | None = None) -> np.ndarray:
    """The outputs of a network, from its saved weights, in numpy."""
    saved = agent.save()

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ saved[f"{network}_{name}/kernel"].astype(np.float64) + saved[f"{network}_{name}/bias"]

    x = dense(x, "first_dense")
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    x = np.tanh(x * saved[f"{network}_first_norm/gamma"] + saved[f"{network}_first_norm/beta"])
    if entering is not None:
        x = np.concatenate([x, entering], -1)
    return dense(np.maximum(dense(x, "rest_hidden1"), 0), "rest_out")


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def symlog(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.log1p(np.abs(x))


@pytest.mark.parametrize("images", [False, True])
def test_transition_is_the_sequences_first_with_its_return(images: bool) -> None:
    agent = make(images)
    frames = 3 if images else 1
    assert agent.length == frames + 3
    batch = sequences(agent, images=images)
    found = agent.transitions(experience(batch))
    seen = batch["image" if images else "state"]
    np.testing.assert_array_equal(found.before, seen[:, :frames])
    np.testing.assert_array_equal(found.after, seen[:, -frames:])
    np.testing.assert_array_equal(found.action, batch["action"][:, frames])
    rewards = batch["reward"][:, frames:]
    np.testing.assert_allclose(found.reward, rewards @ [1, 0.9, 0.81], rtol=1e-5)
    np.testing.assert_allclose(found.discount, 0.9**3, rtol=1e-6)


def test_images_before_and_after_are_shifted_apart() -> None:
    agent = make(images=True, shift=1)
    batch = sequences(agent, count=40, images=True)
    found, seen = agent.transitions(experience(batch)), tf.constant(batch["image"])
    ways = np.array([(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)], np.int32)
    chosen = []
    for part, given in ((found.before, seen[:, :3]), (found.after, seen[:, -3:])):
        moved = np.stack([shift(given, np.tile(way, (40, 1))) for way in ways])  # (9, 40, ...)
        equal = (moved == part.numpy()).all((2, 3, 4, 5))
        assert (equal.sum(0) == 1).all()
        chosen.append(equal.argmax(0))
    assert min(len(set(each)) for each in chosen) > 5
    assert (chosen[0] != chosen[1]).any()


def test_sequence_that_terminates_gives_any_of_its_transitions_without_a_value() -> None:
    agent = make()
    batch = sequences(agent, count=300)
    batch["discount"][:, -1] = 0
    found = agent.transitions(experience(batch))
    np.testing.assert_array_equal(found.discount, 0)
    starts = [
        next(start for start in range(3) if np.array_equal(state, row[start]))
        for state, row in zip(found.before[:, 0].numpy(), batch["state"], strict=True)
    ]
    assert np.bincount(starts).min() > 70  # of 100
    for row, start in enumerate(starts):
        np.testing.assert_array_equal(found.action[row], batch["action"][row, start + 1])
        rewards = batch["reward"][row, start + 1 :]
        np.testing.assert_allclose(found.reward[row], rewards @ 0.9 ** np.arange(len(rewards)), rtol=1e-4)


def test_first_step_is_the_papers() -> None:
    """Loss, metrics and both gradients, which Adam's first step shows by their signs, and their norms."""
    agent = make()
    agent.prepare([{"state": RANDOM.normal(1, 2, (50, 6)).astype(np.float32)}])
    batch = sequences(agent, 32)
    before, saved = agent.save(), agent.save()
    normal = symlog((batch["state"] - saved["encoder/mean"]) / saved["encoder/std"])
    first, last, atoms = normal[:, 0], normal[:, -1], np.linspace(-5, 5, 11)
    value = softmax(mlp(agent, "target_critic", last, np.tanh(mlp(agent, "target_actor", last))))
    goal = projected(value, batch["reward"][:, 1:] @ [1, 0.9, 0.81], np.full(32, 0.9**3), atoms)
    log_probability = np.log(softmax(mlp(agent, "critic", first, batch["action"][:, 1])))
    actions = np.tanh(mlp(agent, "actor", first))

    def q(actions: np.ndarray) -> np.ndarray:
        return softmax(mlp(agent, "critic", first, actions)) @ atoms

    values = q(actions)
    shifts = 1e-5 * np.eye(ACTIONS)
    slopes = np.stack([(q(actions + shift) - q(actions - shift)) / 2e-5 for shift in shifts], -1)
    found = agent.train(batch)
    assert found["loss/critic"] == pytest.approx(-np.mean(np.sum(goal * log_probability, -1)), rel=1e-4)
    assert found["behavior/value"] == pytest.approx(values.mean(), abs=1e-4)
    # The gradient of the actor's output bias is the slope through the tanh.
    gradient = -(np.clip(slopes, -1, 1) * (1 - actions**2)).mean(0)
    moved = agent.save()["actor_rest_out/bias"] - before["actor_rest_out/bias"]
    np.testing.assert_allclose(moved, -1e-3 * np.sign(gradient), rtol=1e-3)
    moment = agent.save()["actor/actor_rest_out/bias/moment1"]
    np.testing.assert_allclose(moment, 0.1 * gradient, rtol=1e-2, atol=1e-6)


def test_slopes_are_clipped_for_each_action() -> None:
    agent = make(lowest=-5000, highest=5000)
    batch = sequences(agent, 8)
    saved = agent.save()
    actions = np.tanh(mlp(agent, "actor", symlog(batch["state"][:, 0])))
    agent.train(batch)
    moment = agent.save()["actor/actor_rest_out/bias/moment1"] / 0.1
    bound = (1 - actions**2).mean(0)
    assert (np.abs(moment) <= bound + 1e-5).all()
    assert np.abs(moment).max() > 0.2 * bound.max()
    assert set(saved) == set(agent.save())


def test_targets_are_copied_at_each_period() -> None:
    agent = make()
    batch = sequences(agent)
    pairs = [name for name in agent.save() if name.startswith("target_") and not name.endswith(("mean", "std"))]
    for update in range(1, 8):
        before = agent.save()
        agent.train(batch)
        after = agent.save()
        for name in pairs:
            expected = after[name.removeprefix("target_")] if update % 3 == 0 else before[name]
            np.testing.assert_array_equal(after[name], expected)


@pytest.mark.parametrize("images", [False, True])
def test_every_weight_learns_and_saved_agents_go_on_bit_for_bit(images: bool) -> None:
    agent = make(images)
    batch = sequences(agent, images=images)
    fresh = agent.save()
    agent.train(batch)
    saved = agent.save()
    still = [name for name in fresh if np.array_equal(fresh[name], saved[name]) and not name.startswith("target_")]
    assert [name for name in still if not name.endswith(("acts", "mean", "std", "deviation"))] == []
    second, now = agent.train(batch), agent.save()
    other = make(images, seed=1)
    other.load(saved)
    agent.load(saved)
    assert agent.train(batch) == second
    for name, array in agent.save().items():
        np.testing.assert_array_equal(array, now[name])
    assert other.train(batch).keys() == second.keys()


def test_the_actor_never_moves_the_image_encoder() -> None:
    """A critic whose goal is what it predicts has no gradient; then nothing but the actor moves."""
    agent = make(images=True)
    names = [weight.path for weight in agent.networks.groups["critic"]]
    assert any(name.startswith("encoder") for name in names)
    assert not [weight.path for weight in agent.networks.groups["actor"] if "encoder" in weight.path]


def test_policy_stacks_the_images_of_an_episode() -> None:
    agent = make(images=True)
    images = RANDOM.integers(0, 256, (4, 2, 64, 64, 3), np.uint8)
    state = agent.initial_state(2)
    for step in range(4):
        action, state = agent.policy({"image": images[step]}, state, False)
        stacked = np.stack([images[max(step - back, 0)] for back in (2, 1, 0)], 1)
        features = agent.networks.features.features(tf.constant(stacked))
        np.testing.assert_allclose(action, agent.networks.actor.actions(features), atol=1e-6)


def test_noise_is_gaussian_in_training_only() -> None:
    agent = make(exploration={"amount": 0.1})
    states = {"state": np.repeat(RANDOM.normal(size=(1, 6)).astype(np.float32), 4000, 0)}
    noisy, _ = agent.policy(states, agent.initial_state(4000), True)
    still, _ = agent.policy(states, agent.initial_state(4000), False)
    assert (noisy - still).std() == pytest.approx(0.1, rel=0.05)
    assert np.ptp(still, 0).max() == 0


def test_it_learns_which_action_is_paid() -> None:
    """The reward of a step is -|action - goal|^2, and the goal is seen."""
    sizes: dict[str, Any] = {"critic_units": [64, 64], "actor_units": [64, 64], "critic_rate": 3e-3, "actor_rate": 3e-3}
    agent = make(n_step=1, discount=0.0, lowest=-4, highest=0, atoms=21, **sizes)
    states = RANDOM.normal(size=(200, 6)).astype(np.float32)
    goals = np.tanh(states[:, :ACTIONS])
    for _ in range(600):
        rows = RANDOM.integers(0, 200, 64)
        actions = RANDOM.uniform(-1, 1, (64, 2, ACTIONS)).astype(np.float32)
        reward = -np.square(actions[:, 1] - goals[rows]).mean(-1)
        seen = np.repeat(states[rows, None], 2, 1)
        outcome = np.stack([np.zeros_like(reward), reward], 1)
        agent.train({"state": seen, "action": actions, "reward": outcome, "discount": np.ones((64, 2), np.float32)})
    action, _ = agent.policy({"state": states}, agent.initial_state(200), False)
    assert np.square(action - goals).mean() < 0.2 * np.square(goals).mean()


def test_cost_counts_parameters_and_operations() -> None:
    for images in (False, True):
        agent = make(images)
        cost = agent.cost(7, agent.length)
        counted = sum(number for name, number in cost.items() if name.startswith("parameters/"))
        weights = sum(int(np.prod(weight.shape)) for weight in agent.networks.trainable_variables)
        assert counted == weights
        assert cost["flops/update"] == 7 * agent.cost(1, agent.length)["flops/update"]


def test_discrete_actions_and_several_observations_are_refused() -> None:
    settings = AgentSettings(agent="d4pg")
    with pytest.raises(ValueError, match="needs continuous actions"):
        D4PG(settings, STATES, ActionSpec(3, discrete=True), 0)
    with pytest.raises(ValueError, match="one observation, not image, state"):
        D4PG(settings, {**IMAGES, **STATES}, ActionSpec(3), 0)
