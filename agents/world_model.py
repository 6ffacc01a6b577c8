"""The world model: encoder, latent dynamics, decoder and heads, and the loss that trains them jointly."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from agents.agent import ObservationSpec
from agents.contrastive import StateFromObservation, info_nce, window
from agents.distributions import Gaussian, bernoulli_log_prob, unit_normal_loss
from agents.encoders import Decoder, Encoder
from agents.experience import Experience, Losses, Metrics
from agents.heads import ScalarHead
from agents.layers import LayerFactory, flatten_leading
from agents.randomness import Noise
from agents.rssm import RSSM, State
from agents.settings import AgentSettings


class WorldModel(keras.layers.Layer):
    """Learns q(s | o, a), p(s' | s, a), p(o | s), p(r | s) and, optionally, the discount of a state."""

    def __init__(self, make: LayerFactory, settings: AgentSettings, observations: ObservationSpec, action_size: int):
        super().__init__(name="world_model")
        self._settings = settings
        self._objective = settings.representation.objective
        self.encoder = Encoder(make, observations, settings)
        self.rssm = RSSM(make, settings.dynamics, action_size, self.encoder.size)
        features = self.rssm.feature_size
        self.decoder = Decoder(make, observations, settings, features)
        self.reward = ScalarHead(make, "reward", features, [settings.reward.units] * settings.reward.layers)
        self.continuation: ScalarHead | None = None
        if settings.continuation.predict:
            head = settings.continuation
            self.continuation = ScalarHead(make, "continuation", features, [head.units] * head.layers)
        self.contrast: StateFromObservation | None = None
        if self._objective == "contrastive":
            size, objective = self.encoder.size, settings.representation
            layers, units = objective.contrast_layers, objective.contrast_units
            self.contrast = StateFromObservation(make, size, layers, units, features)

    @property
    def groups(self) -> dict[str, list[keras.Variable]]:
        """The weights that each loss trains: a decoder only for videos is a separate group with its own clipping."""
        if self._objective == "pixels":
            return {"model": self.trainable_variables}
        decoder = self.decoder.trainable_variables
        paths = {weight.path for weight in decoder}
        return {"model": [w for w in self.trainable_variables if w.path not in paths], "decoder": decoder}

    def observe(self, batch: Experience, noise: Noise) -> tuple[State, Gaussian]:
        """Posterior states (B, L, ...) of a batch, and their distributions (B, L, S)."""
        return self._follow(self.embed(batch.observations), batch.action, noise)

    def embed(self, observations: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Embeddings (..., E) of observations (...) as the environment returns them."""
        return self.encoder.encode(self.encoder.normalize(observations))

    def losses(self, batch: Experience, noise: Noise) -> tuple[Losses, State, Metrics]:
        """The negative bound on a batch's likelihood, for each group of weights.

        kl_scale max(mean KL, free_nats) - E log p(o | s) - scale E log p(r | s) [- scale E log p(discount | s)]

        The objectives `contrastive` and `reward` replace or drop the second term; it is the sum over the arrays of the
        observation, each multiplied by its decoder's scale. With free nats for each step, the first term is
        kl_scale E max(KL, free_nats): steps with a smaller KL then have no gradient, whatever the mean.

        Returns:
            The scalar losses by group, the posterior states (B, L, ...), and metrics.
        """
        observed = self.encoder.normalize(batch.observations)
        embedding = self.encoder.encode(observed)
        state, posterior = self._follow(embedding, batch.action, noise)
        prior = self.rssm.prior(flatten_leading(state.deter)).map(lambda x: tf.reshape(x, posterior.mean.shape))
        features = state.features
        seen = features if self._objective == "pixels" else tf.stop_gradient(features)

        step_kl = posterior.kl(prior)
        kl = tf.reduce_mean(step_kl)
        predicted = self.decoder.decode(seen)
        observation_losses = {
            name: unit_normal_loss(predicted[name], array, axes=array.shape.rank - 2)
            for name, array in observed.items()
        }
        observation_loss = tf.add_n(
            [self.decoder.networks[name].scale * loss for name, loss in observation_losses.items()]
        )
        reward_loss = unit_normal_loss(self.reward.predict(features), self.reward_target(batch.reward), axes=0)
        metrics = {"loss/kl": kl, "loss/reward": reward_loss}
        metrics |= {f"loss/{name}": loss for name, loss in observation_losses.items()}
        dynamics = self._settings.dynamics
        if dynamics.free_nats_of == "mean":
            paid = tf.maximum(kl, dynamics.free_nats)
        else:
            paid = tf.reduce_mean(tf.maximum(step_kl, dynamics.free_nats))
        model_loss = dynamics.kl_scale * paid + self._settings.reward.scale * reward_loss
        if self.contrast is not None:
            states = flatten_leading(tf.cast(features, tf.float32))
            count, length = batch.reward.shape
            among = window(count, length, self._settings.representation)
            metrics["loss/contrast"] = -info_nce(states, self.contrast.states(flatten_leading(embedding)), among)
            model_loss += metrics["loss/contrast"]
        if self.continuation is not None:
            # The head's mean is the discount of imagined steps, so its target includes gamma.
            target = batch.discount * self._settings.behavior.discount
            metrics["loss/continuation"] = -tf.reduce_mean(
                bernoulli_log_prob(self.continuation.predict(features), target)
            )
            model_loss += self._settings.continuation.scale * metrics["loss/continuation"]
        if self._objective == "pixels":
            losses = {"model": model_loss + observation_loss}
        else:
            losses = {"model": model_loss, "decoder": observation_loss}
        metrics |= {
            "loss/model": losses["model"],
            "dynamics/prior_entropy": tf.reduce_mean(prior.entropy()),
            "dynamics/posterior_entropy": tf.reduce_mean(posterior.entropy()),
        }
        return losses, state, metrics

    def discount(self, features: tf.Tensor) -> tf.Tensor:
        """The discount (...) after states of features (..., F): the head's mean, or the constant."""
        if self.continuation is not None:
            return tf.sigmoid(self.continuation.predict(features))
        return tf.fill(features.shape[:-1], self._settings.behavior.discount)

    def reward_target(self, reward: tf.Tensor) -> tf.Tensor:
        """The reward head's target for the environment's rewards."""
        return tf.tanh(reward) if self._settings.reward.transform == "tanh" else reward

    def _follow(self, embedding: tf.Tensor, action: tf.Tensor, noise: Noise) -> tuple[State, Gaussian]:
        count, length = embedding.shape[:2]
        draws = noise.normal("posterior", (count, length, self.rssm.stoch_size))
        return self.rssm.observe(self.rssm.initial(count), embedding, action, draws)
