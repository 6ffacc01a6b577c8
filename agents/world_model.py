"""The world model: encoder, latent dynamics, decoder and heads, and the loss that trains them together."""

from typing import NamedTuple

import keras
import tensorflow as tf

from agents.distributions import Gaussian, bernoulli_log_prob, unit_normal_log_prob
from agents.heads import ScalarHead
from agents.layers import LayerFactory, flatten_leading
from agents.randomness import Noise
from agents.rssm import RSSM, State
from agents.settings import AgentSettings
from agents.vision import Decoder, Encoder, normalize

Metrics = dict[str, tf.Tensor]


class Experience(NamedTuple):
    """A batch of sequences: image uint8 (B, L, 64, 64, 3), the rest float32 (B, L, A), (B, L), (B, L)."""

    image: tf.Tensor
    action: tf.Tensor
    reward: tf.Tensor
    discount: tf.Tensor


class WorldModel(keras.layers.Layer):
    """Learns q(s | o, a), p(s' | s, a), p(o | s), p(r | s) and, where wanted, the discount of a state."""

    def __init__(self, make: LayerFactory, settings: AgentSettings, action_size: int):
        super().__init__(name="world_model")
        self._settings = settings
        depth = settings.representation.depth
        self.encoder = Encoder(make, depth)
        self.rssm = RSSM(make, settings.dynamics, action_size, self.encoder.size)
        features = self.rssm.feature_size
        self.decoder = Decoder(make, features, depth)
        self.reward = ScalarHead(make, "reward", features, settings.reward.layers, settings.reward.units)
        self.continuation: ScalarHead | None = None
        if settings.continuation.predict:
            head = settings.continuation
            self.continuation = ScalarHead(make, "continuation", features, head.layers, head.units)

    def observe(self, batch: Experience, noise: Noise) -> State:
        """Posterior states (B, L, ...) of a batch."""
        return self._observe(normalize(batch.image), batch.action, noise)[0]

    def loss(self, batch: Experience, noise: Noise) -> tuple[tf.Tensor, State, Metrics]:
        """The negative variational bound of a batch: a scalar, the posterior states (B, L, ...) and what it is made of.

        kl_scale max(mean KL, free_nats) - E log p(o | s) - E log p(r | s) [- scale E log p(discount | s)]
        """
        image = normalize(batch.image)
        state, posterior = self._observe(image, batch.action, noise)
        count, length = batch.reward.shape
        prior = self.rssm.prior(flatten_leading(state.deter))
        prior = prior.map(lambda x: tf.reshape(x, (count, length, -1)))
        features = state.features

        kl = tf.reduce_mean(posterior.kl(prior))
        dynamics = self._settings.dynamics
        losses = {
            "kl": dynamics.kl_scale * tf.maximum(kl, dynamics.free_nats),
            "image": -tf.reduce_mean(unit_normal_log_prob(self.decoder.decode(features), image, axes=3)),
            "reward": -tf.reduce_mean(unit_normal_log_prob(self.reward.predict(features), self._reward(batch.reward))),
        }
        metrics = {f"loss/{name}": loss for name, loss in losses.items()}
        if self.continuation is not None:
            # The discount of imagined steps is the head's mean, so that its target holds gamma as well.
            target = batch.discount * self._settings.behavior.discount
            loss = -tf.reduce_mean(bernoulli_log_prob(self.continuation.predict(features), target))
            losses["continuation"] = self._settings.continuation.scale * loss
            metrics["loss/continuation"] = loss
        total = tf.add_n(list(losses.values()))
        metrics |= {
            "loss/model": total,
            "loss/kl": kl,
            "dynamics/prior_entropy": tf.reduce_mean(prior.entropy()),
            "dynamics/posterior_entropy": tf.reduce_mean(posterior.entropy()),
        }
        return total, state, metrics

    def discount(self, features: tf.Tensor) -> tf.Tensor:
        """The discount (...) behind states of features (..., F): the head's mean, or the constant."""
        if self.continuation is not None:
            return tf.sigmoid(self.continuation.predict(features))
        return tf.fill(features.shape[:-1], self._settings.behavior.discount)

    def _observe(self, image: tf.Tensor, action: tf.Tensor, noise: Noise) -> tuple[State, Gaussian]:
        count, length = image.shape[:2]
        draws = noise.normal("posterior", (count, length, self.rssm.stoch_size))
        return self.rssm.observe(self.rssm.initial(count), self.encoder.encode(image), action, draws)

    def _reward(self, reward: tf.Tensor) -> tf.Tensor:
        return tf.tanh(reward) if self._settings.reward.transform == "tanh" else reward
