"""The transition of the deterministic state: a dense layer over stochastic state and action, then a GRU."""

import keras
import tensorflow as tf

from agents.gru import GRU
from agents.layers import ACTIVATIONS, LayerFactory, flatten_leading
from agents.settings import DynamicsSettings


class Transition(keras.layers.Layer):
    """h' = GRU(f(W_s s + W_a a + b), h), f the activation.

    The action's share W_a a + b does not depend on the state, so one matrix product computes it for all steps of a
    known sequence.
    """

    def __init__(self, make: LayerFactory, settings: DynamicsSettings, action_size: int):
        super().__init__(name="transition")
        stoch, hidden = settings.stochastic, settings.inputs
        inputs = stoch + action_size
        self.stoch = make.dense("transition_stoch", stoch, hidden, use_bias=False, fan_in=inputs)
        self.action = make.dense("transition_action", action_size, hidden, fan_in=inputs)
        self._activation = ACTIVATIONS[settings.activation]
        self.gru = GRU(make, "transition_gru", hidden, settings.deterministic, candidate=settings.candidate)

    def action_share(self, action: tf.Tensor) -> tf.Tensor:
        """The part of the dense layer that comes from actions (..., A), an argument of `step`; (..., hidden)."""
        share = self.action(flatten_leading(action))
        return tf.reshape(share, (*action.shape[:-1], share.shape[-1]))

    def step(self, deter: tf.Tensor, stoch: tf.Tensor, action_share: tf.Tensor) -> tf.Tensor:
        """The next deterministic state (N, D) from the state (N, D), (N, S) and one step's share (N, hidden)."""
        return self.gru.step(self._activation(self.stoch(stoch) + action_share), deter)
