"""The actor: a distribution over actions, given latent features."""

import math

import tensorflow as tf

from agents.agent import ActionSpec
from agents.distributions import Gaussian, OneHot, TanhNormal
from agents.heads import MLP
from agents.layers import LayerFactory, halves
from agents.randomness import Noise
from agents.settings import BehaviorSettings


class ContinuousActor(MLP):
    """Action = tanh(u), u ~ Normal(s tanh(m / s), softplus(r + softplus^-1(init_std)) + min_std), m and r learned.

    The bound s on the mean keeps the tanh from saturating; the offset makes an untrained actor explore widely.
    """

    def __init__(self, make: LayerFactory, features: int, settings: BehaviorSettings, size: int):
        super().__init__(make, "actor", features, [settings.actor_units] * settings.actor_layers, 2 * size)
        self._settings = settings
        self._size = size
        self._offset = settings.init_std + math.log(-math.expm1(-settings.init_std))  # without overflow

    def actions(self, features: tf.Tensor) -> TanhNormal:
        """The distribution of actions (..., A) for features (..., F)."""
        scale = self._settings.mean_scale
        mean, raw = halves(self.outputs(features))
        std = tf.nn.softplus(raw + self._offset) + self._settings.min_std
        return TanhNormal(Gaussian(scale * tf.tanh(mean / scale), std))

    def draws(self, noise: Noise, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """The random draws (*shape, A) from which actions (*shape, A) are sampled."""
        return noise.normal(name, (*shape, self._size))


class DiscreteActor(MLP):
    """Chooses among discrete actions by learned logits."""

    def __init__(self, make: LayerFactory, features: int, settings: BehaviorSettings, size: int):
        super().__init__(make, "actor", features, [settings.actor_units] * settings.actor_layers, size)
        self._size = size

    def actions(self, features: tf.Tensor) -> OneHot:
        """The distribution of one-hot actions (..., A) for features (..., F)."""
        return OneHot(self.outputs(features))

    def draws(self, noise: Noise, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """The random draws (*shape, A) from which actions (*shape, A) are sampled."""
        return noise.gumbel(name, (*shape, self._size))


def make_actor(
    make: LayerFactory, features: int, settings: BehaviorSettings, action: ActionSpec
) -> ContinuousActor | DiscreteActor:
    """The actor for continuous or discrete actions, with initial weights."""
    kind = DiscreteActor if action.discrete else ContinuousActor
    return kind(make, features, settings, action.size)
