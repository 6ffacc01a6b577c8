"""The actor: a tanh-Normal distribution over actions, given latent features."""

import math

import tensorflow as tf

from agents.distributions import Gaussian, TanhNormal
from agents.heads import MLP
from agents.layers import LayerFactory, halves
from agents.settings import BehaviorSettings


class Actor(MLP):
    """Action = tanh(u), u ~ Normal(s tanh(m / s), softplus(r + softplus^-1(init_std)) + min_std), m and r learned.

    The bound s on the mean keeps the tanh from saturating; the offset makes a fresh actor explore widely.
    """

    def __init__(self, make: LayerFactory, features: int, settings: BehaviorSettings, action_size: int):
        super().__init__(make, "actor", features, settings.actor_layers, settings.actor_units, 2 * action_size)
        self._settings = settings
        self._offset = settings.init_std + math.log(-math.expm1(-settings.init_std))  # any size, no overflow

    def actions(self, features: tf.Tensor) -> TanhNormal:
        """The distribution of actions (..., A) for features (..., F)."""
        scale = self._settings.mean_scale
        mean, raw = halves(self.outputs(features))
        std = tf.nn.softplus(raw + self._offset) + self._settings.min_std
        return TanhNormal(Gaussian(scale * tf.tanh(mean / scale), std))
