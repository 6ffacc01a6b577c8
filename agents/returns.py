"""Returns of trajectories, imagined or real. Time is the first axis: index t belongs to the t-th state or step."""

import tensorflow as tf


def lambda_return(
    reward: tf.Tensor, value: tf.Tensor, discount: tf.Tensor, bootstrap: tf.Tensor, lambda_: float
) -> tf.Tensor:
    """V_lambda of "Dream to Control", equation 6, by its recursion from the last step.

    V_t = r_t + d_t ((1 - lambda) v_{t+1} + lambda V_{t+1}), where v and V after the last step are the bootstrap.

    Args:
        reward: r (T, N).
        value: v (T, N) of the states of the rewards.
        discount: d (T, N).
        bootstrap: value (N) of the state after the last reward.
        lambda_: mixing of n-step returns, 0 (one step) to 1 (all steps).

    Returns:
        V (T, N).
    """
    next_values = [*tf.unstack(value)[1:], bootstrap]
    returns = [bootstrap]
    for r, d, v in zip(*map(reversed, (tf.unstack(reward), tf.unstack(discount), next_values)), strict=True):
        returns.append(r + d * ((1 - lambda_) * v + lambda_ * returns[-1]))
    return tf.stack(returns[:0:-1])


def reward_sum(reward: tf.Tensor, discount: tf.Tensor) -> tf.Tensor:
    """V_R of "Dream to Control", equation 4: the sum (T, N) of a state's reward and all later ones, without a value.

    R_t = r_t + d_t R_{t+1}. In the paper all discounts d (T, N) are 1; in the TensorFlow 1 code they are gamma.
    """
    returns = [tf.zeros_like(reward[0])]
    for r, d in zip(reversed(tf.unstack(reward)), reversed(tf.unstack(discount)), strict=True):
        returns.append(r + d * returns[-1])
    return tf.stack(returns[:0:-1])


def trajectory_weights(discount: tf.Tensor) -> tf.Tensor:
    """The probability of reaching each state: the product of the discounts (T, N) before it; 1 for the first."""
    return tf.math.cumprod(discount, axis=0, exclusive=True)


def n_step_return(reward: tf.Tensor, discount: tf.Tensor) -> tf.Tensor:
    """The rewards of the first steps, discounted: sum_k d_0 ... d_(k-1) r_k.

    Args:
        reward: r (T, N).
        discount: d (T, N), of the state after each reward.

    Returns:
        (N); a value after the last step counts `tf.reduce_prod(discount, 0)`.
    """
    return tf.reduce_sum(trajectory_weights(discount) * reward, 0)
