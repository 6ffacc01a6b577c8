import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agents.returns import lambda_return, n_step_return, reward_sum, trajectory_weights


def n_step_value(
    rewards: NDArray[np.float64], values: NDArray[np.float64], gamma: float, start: int, steps: int
) -> float:
    """V_N^k of "Dream to Control", equation 5, for one trajectory; values has one more entry than rewards."""
    end = min(start + steps, len(rewards))
    total = sum(gamma ** (n - start) * rewards[n] for n in range(start, end))
    return float(total + gamma ** (end - start) * values[end])


def lambda_value(
    rewards: NDArray[np.float64], values: NDArray[np.float64], gamma: float, lambda_: float, start: int
) -> float:
    """V_lambda of equation 6: an exponentially weighted mean of the n-step values."""
    horizon = len(rewards)
    head = sum(lambda_ ** (n - 1) * n_step_value(rewards, values, gamma, start, n) for n in range(1, horizon))
    tail = lambda_ ** (horizon - 1) * n_step_value(rewards, values, gamma, start, horizon)
    return (1 - lambda_) * head + tail


@settings(max_examples=25)
@given(horizon=st.integers(1, 9), gamma=st.floats(0, 1), lambda_=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_lambda_return_is_the_papers_double_sum(horizon: int, gamma: float, lambda_: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    rewards, values = random.normal(size=(horizon, 3)), random.normal(size=(horizon + 1, 3))
    # The value of the n-th reward's own state is the (n+1)-th of the paper's, which start before the first reward.
    result = lambda_return(
        tf.constant(rewards),
        tf.constant(np.concatenate([np.full((1, 3), np.nan), values[1:-1]])),
        tf.fill((horizon, 3), tf.constant(gamma, tf.float64)),
        tf.constant(values[-1]),
        lambda_,
    )
    expected = [
        [lambda_value(rewards[:, n], values[:, n], gamma, lambda_, t) for n in range(3)] for t in range(horizon)
    ]
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def test_lambda_return_takes_a_discount_for_each_step() -> None:
    reward, value, discount = ([[1.0], [2.0]], [[10.0], [20.0]], [[0.5], [0.0]])
    steps = [tf.constant(x) for x in (reward, value, discount)]
    result = lambda_return(steps[0], steps[1], steps[2], tf.constant([30.0]), lambda_=0.25)
    # Backwards: 2 + 0 * 30 = 2, then 1 + 0.5 * (0.75 * 20 + 0.25 * 2) = 8.75.
    np.testing.assert_allclose(result, [[8.75], [2.0]])


@settings(max_examples=25)
@given(horizon=st.integers(1, 9), gamma=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_reward_sum_is_the_sum_of_all_that_follows(horizon: int, gamma: float, seed: int) -> None:
    rewards = np.random.default_rng(seed).normal(size=(horizon, 3))
    expected = [sum(gamma ** (n - t) * rewards[n] for n in range(t, horizon)) for t in range(horizon)]
    discount = tf.fill((horizon, 3), tf.constant(gamma, tf.float64))
    np.testing.assert_allclose(reward_sum(tf.constant(rewards), discount), expected, rtol=1e-9, atol=1e-9)


def test_trajectory_weights_multiply_the_discounts_before() -> None:
    discount = tf.constant([[0.5], [0.4], [0.0], [0.7], [0.9]])
    np.testing.assert_allclose(trajectory_weights(discount), [[1.0], [0.5], [0.2], [0.0], [0.0]])


@settings(max_examples=25)
@given(steps=st.integers(1, 9), gamma=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_n_step_return_is_a_discounted_sum_that_ends_with_a_termination(steps: int, gamma: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    rewards, continues = random.normal(size=(steps, 3)), random.integers(0, 2, (steps, 3))
    expected = np.zeros(3)
    for row in range(3):
        for step in range(steps):
            expected[row] += gamma**step * rewards[step, row] * continues[:step, row].all()
    found = n_step_return(tf.constant(rewards), tf.constant(gamma * continues))
    np.testing.assert_allclose(found, expected, atol=1e-9)
