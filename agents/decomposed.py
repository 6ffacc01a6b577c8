"""ED2 (Yuan et al. 2021): the deterministic state is the mean of sub-dynamics models, one for each action group."""

import keras
import tensorflow as tf

from agents.gru import GRU
from agents.layers import ACTIVATIONS, LayerFactory, add_weight, flatten_leading
from agents.settings import DynamicsSettings


class DecomposedTransition(keras.layers.Layer):
    """h' = mean over groups g of GRU_g(f(W_gs s + W_ga a_g + b_g), h): f the activation, a_g the actions of group g.

    All groups are computed in one pass: their weights are stacked on a leading axis, and each multiplies the whole
    action by weights that are zero outside its group. Has the interface of `agents.transition.Transition`.
    """

    def __init__(self, make: LayerFactory, settings: DynamicsSettings, action_size: int):
        super().__init__(name="transition")
        groups = settings.partition(action_size)
        stoch, hidden = settings.stochastic, settings.inputs
        self._compute = make.compute_dtype
        self._activation = ACTIVATIONS[settings.activation]
        # 1 for the actions of a group, (G, A, 1).
        self._mask = tf.constant([[[float(index in group)] for index in range(action_size)] for group in groups])

        def kernel(name: str, rows: int) -> keras.Variable:
            each = [make.glorot(f"transition/{name}/{g}", stoch + len(group), hidden) for g, group in enumerate(groups)]
            return add_weight(self, name, tf.stack([initializer((rows, hidden)) for initializer in each]))

        self.stoch = kernel("stoch", stoch)
        self.action = kernel("action", action_size)
        self.bias = self.add_weight(name="bias", shape=(len(groups), 1, hidden), initializer="zeros")
        units, candidate = settings.deterministic, settings.candidate
        self.gru = GRU(make, "transition_gru", hidden, units, len(groups), candidate)

    def action_share(self, action: tf.Tensor) -> tf.Tensor:
        """The part of each group's dense layer that comes from actions (..., A); (G, ..., hidden)."""
        # The bias is the weight of an extra action that is always 1; this saves one pass over memory.
        kernel = tf.cast(tf.concat([self.action.value * self._mask, self.bias.value], 1), self._compute)
        rows = flatten_leading(tf.cast(action, self._compute))
        share = tf.matmul(tf.concat([rows, tf.ones((rows.shape[0], 1), rows.dtype)], 1), kernel)
        return tf.reshape(share, (kernel.shape[0], *action.shape[:-1], kernel.shape[-1]))

    def step(self, deter: tf.Tensor, stoch: tf.Tensor, action_share: tf.Tensor) -> tf.Tensor:
        """The next deterministic state (N, D) from the state (N, D), (N, S) and one step's shares (G, N, hidden)."""
        hidden = tf.matmul(tf.cast(stoch, self._compute), tf.cast(self.stoch.value, self._compute)) + action_share
        return tf.reduce_mean(self.gru.step(self._activation(hidden), deter), 0)
