"""A3C against numpy: returns, losses, gradient step; and that it learns a small problem."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from agents.a3c import A3C, unroll_returns
from agents.agent import AFTER, ActionSpec, Arrays
from agents.settings import AgentSettings
from tests.agents.conftest import ACTIONS, IMAGES, STATES, symlog

RANDOM = np.random.default_rng(0)
TINY: dict[str, Any] = {"unroll": 5, "discount": 0.9, "units": [16, 8], "rate": 1e-2, "entropy_scale": 0.01}


def make(discrete: bool = False, seed: int = 0, **changes: Any) -> A3C:
    return A3C(AgentSettings(agent="a3c", a3c=TINY | changes), STATES, ActionSpec(ACTIONS, discrete), seed)


def unroll(count: int = 4, length: int = 5, discrete: bool = False) -> Arrays:
    """Steps of several environments: some episodes terminate, others reach the time limit."""
    shape = (count, length)
    ended = RANDOM.random(shape) < 0.3
    action = (
        np.eye(ACTIONS)[RANDOM.integers(0, ACTIONS, shape)] if discrete else RANDOM.uniform(-1, 1, (*shape, ACTIONS))
    )
    return {
        "state": RANDOM.normal(size=(*shape, 6)).astype(np.float32),
        AFTER + "state": RANDOM.normal(size=(*shape, 6)).astype(np.float32),
        "action": action.astype(np.float32),
        "reward": RANDOM.normal(size=shape).astype(np.float32),
        "discount": np.where(ended & (RANDOM.random(shape) < 0.5), 0, 1).astype(np.float32),
        "ended": ended,
    }


def networks(agent: A3C, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The actor's outputs and the values of states, from the saved weights, in numpy."""
    saved = agent.save()
    x = symlog((states - saved["state/mean"]) / saved["state/std"])
    for layer in ("torso_hidden1", "torso_out"):
        x = np.maximum(x @ saved[f"{layer}/kernel"] + saved[f"{layer}/bias"], 0)
    outputs, value = (x @ saved[f"{name}_out/kernel"] + saved[f"{name}_out/bias"] for name in ("actor", "value"))
    return outputs, value[..., 0]


def test_return_is_the_sum_to_the_end_of_unroll_or_episode() -> None:
    agent, batch = make(), unroll(count=50, length=7)
    value = RANDOM.normal(size=(50, 7)).astype(np.float32)
    found = unroll_returns(agent.unroll(batch), value, 0.9).numpy()
    for row in range(50):
        for start in range(7):
            expected, weight = 0.0, 1.0
            for step in range(start, 7):
                expected += weight * batch["reward"][row, step]
                weight *= 0.9 * batch["discount"][row, step]
                if batch["ended"][row, step] or step == 6:
                    expected += weight * value[row, step]
                    break
            assert found[row, start] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("discrete", [False, True])
def test_losses_and_step_are_the_papers(discrete: bool) -> None:
    agent, batch = make(discrete, reward_scale=0.5, epsilon=0.03), unroll(discrete=discrete)
    agent.prepare([{"state": RANDOM.normal(1, 2, (50, 6)).astype(np.float32)}])
    before = agent.save()
    outputs, value = networks(agent, batch["state"])
    _, after = networks(agent, batch[AFTER + "state"])
    scaled = agent.unroll(batch | {"reward": 0.5 * batch["reward"]})
    returns = unroll_returns(scaled, after.astype(np.float32), 0.9).numpy()
    if discrete:
        log_probability = (scipy.special.log_softmax(outputs, -1) * batch["action"]).sum(-1)
    else:
        mean, raw = np.split(outputs, 2, -1)
        std = np.logaddexp(0, raw + np.log(np.expm1(1.0))) + 1e-4
        inverse = np.arctanh(batch["action"].astype(np.float64))
        log_density = scipy.stats.norm.logpdf(inverse, 5 * np.tanh(mean / 5), std)
        log_probability = (log_density - np.log(1 - batch["action"].astype(np.float64) ** 2)).sum(-1)
    found = agent.train(batch)
    assert found["loss/actor"] == pytest.approx(-5 * np.mean((returns - value) * log_probability), rel=1e-3, abs=1e-4)
    assert found["loss/value"] == pytest.approx(5 * np.mean((returns - value) ** 2), rel=1e-4)
    assert found["behavior/return"] == pytest.approx(returns.mean(), abs=1e-4)
    # The gradient of the value's output bias, then RMSProp's first step.
    gradient = -0.5 * 5 * 2 * np.mean(returns - value)
    moved = agent.save()["value_out/bias"] - before["value_out/bias"]
    np.testing.assert_allclose(moved, -1e-2 * gradient / np.sqrt(0.01 * gradient**2 + 0.03), rtol=1e-3)
    np.testing.assert_allclose(agent.save()["networks/value_out/bias/square"], 0.01 * gradient**2, rtol=1e-3)


def test_rate_falls_to_zero_and_stays() -> None:
    agent, batch = make(anneal=4), unroll()
    rates = [agent.train(batch)["optimizer/rate"] for _ in range(6)]
    np.testing.assert_allclose(rates, [1e-2, 7.5e-3, 5e-3, 2.5e-3, 0, 0], rtol=1e-5)
    assert make().train(batch)["optimizer/rate"] == pytest.approx(1e-2)


@pytest.mark.parametrize("discrete", [False, True])
def test_every_weight_learns_and_saved_agents_go_on_bit_for_bit(discrete: bool) -> None:
    agent, batch = make(discrete), unroll(discrete=discrete)
    fresh = agent.save()
    agent.train(batch)
    saved = agent.save()
    still = [name for name in fresh if np.array_equal(fresh[name], saved[name])]
    assert [name for name in still if name not in ("acts", "state/mean", "state/std")] == []
    second, now = agent.train(batch), agent.save()
    agent.load(saved)
    assert agent.train(batch) == second
    for name, array in agent.save().items():
        np.testing.assert_array_equal(array, now[name])


def test_training_samples_and_evaluation_takes_the_mode() -> None:
    states = {"state": np.zeros((3000, 6), np.float32)}
    agent = make()
    sampled, _ = agent.policy(states, {}, True)
    np.testing.assert_allclose(np.arctanh(sampled).std(0), 1, rtol=0.1)  # an untrained actor's deviation
    again, _ = agent.policy(states, {}, True)
    assert not np.array_equal(sampled, again)
    agent = make(discrete=True)
    outputs, _ = networks(agent, states["state"][:1] + 1)
    actions, _ = agent.policy({"state": states["state"] + 1}, {}, False)
    np.testing.assert_array_equal(actions, np.eye(ACTIONS)[[outputs[0].argmax()] * 3000])
    shares = agent.policy({"state": states["state"] + 1}, {}, True)[0].mean(0)
    np.testing.assert_allclose(shares, scipy.special.softmax(outputs[0]), atol=0.04)


def test_it_learns_which_action_is_paid() -> None:
    """The reward of a step is 1 for the action that the state names."""
    agent = make(discrete=True, discount=0.0, rate=3e-3, entropy_scale=0.0)
    for _ in range(1000):
        states = RANDOM.normal(size=(16, 5, 6)).astype(np.float32)
        actions, _ = agent.policy({"state": states.reshape(-1, 6)}, {}, True)
        actions = actions.reshape(16, 5, ACTIONS)
        paid = actions.argmax(-1) == states[..., :ACTIONS].argmax(-1)
        batch = {"state": states, AFTER + "state": states, "action": actions, "reward": paid.astype(np.float32)}
        agent.train(batch | {"discount": np.ones((16, 5), np.float32), "ended": np.zeros((16, 5), bool)})
    states = RANDOM.normal(size=(500, 6)).astype(np.float32)
    actions, _ = agent.policy({"state": states}, {}, False)
    assert (actions.argmax(-1) == states[:, :ACTIONS].argmax(-1)).mean() > 0.75  # by chance: a third


def test_cost_counts_parameters_and_operations() -> None:
    agent = make()
    cost = agent.cost(3, 5)
    weights = sum(int(np.prod(weight.shape)) for weight in agent.networks.trainable_variables)
    assert sum(number for name, number in cost.items() if name.startswith("parameters/")) == weights
    assert cost["flops/update"] == 15 * agent.cost(1, 1)["flops/update"]


def test_images_are_refused() -> None:
    with pytest.raises(ValueError, match="from a state vector, not from image"):
        A3C(AgentSettings(agent="a3c"), IMAGES, ActionSpec(3), 0)
