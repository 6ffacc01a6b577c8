"""The recurrent state-space model (RSSM; PlaNet, Hafner et al. 2018): dynamics over latent states."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from agents.decomposed import DecomposedTransition
from agents.distributions import Gaussian
from agents.layers import ACTIVATIONS, LayerFactory, halves
from agents.settings import DynamicsSettings
from agents.transition import Transition


class State(NamedTuple):
    """A latent state: deterministic (..., D) in the networks' precision, stochastic (..., S) in float32."""

    deter: tf.Tensor
    stoch: tf.Tensor

    @property
    def features(self) -> tf.Tensor:
        """The input of the heads, (..., S + D)."""
        return tf.concat([tf.cast(self.stoch, self.deter.dtype), self.deter], -1)

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "State":
        """The state with a function applied to both parts."""
        return State(function(self.deter), function(self.stoch))


class RSSM(keras.layers.Layer):
    """Prior p(s' | s, a) and posterior q(s' | s, a, o) over stochastic states, with a shared deterministic state.

    Loops over time contain only recurrent computations. What is known for the whole sequence (the parts of dense layers
    that come from actions and embeddings, and the noise) is computed before the loop. What no later step needs (the
    prior, when the posterior is followed) is computed after it.
    """

    def __init__(self, make: LayerFactory, settings: DynamicsSettings, action_size: int, embedding_size: int):
        super().__init__(name="rssm")
        self._settings = settings
        self._compute = make.compute_dtype
        self._activation = ACTIVATIONS[settings.activation]
        stoch, deter, hidden = settings.stochastic, settings.deterministic, settings.hidden
        self.stoch_size = stoch
        self.feature_size = stoch + deter
        kind = DecomposedTransition if settings.kind == "ed2" else Transition
        self.transition: DecomposedTransition | Transition = kind(make, settings, action_size)
        self.prior_hidden = make.dense("prior_hidden", deter, hidden, self._activation)
        self.prior_out = make.dense("prior_out", hidden, 2 * stoch)
        # Two parts of one dense layer over [deterministic state, embedding].
        inputs = deter + embedding_size
        self.posterior_deter = make.dense("posterior_deter", deter, hidden, use_bias=False, fan_in=inputs)
        self.posterior_embedding = make.dense("posterior_embedding", embedding_size, hidden, fan_in=inputs)
        self.posterior_out = make.dense("posterior_out", hidden, 2 * stoch)

    def initial(self, count: int) -> State:
        """The state (N, ...) before the first observation: zeros."""
        return State(
            tf.zeros((count, self._settings.deterministic), self._compute),
            tf.zeros((count, self._settings.stochastic)),
        )

    def prior(self, deter: tf.Tensor) -> Gaussian:
        """p(s | h) for deterministic states (N, D)."""
        return self._gaussian(self.prior_out(self.prior_hidden(deter)))

    def img_step(self, state: State, action: tf.Tensor, noise: tf.Tensor) -> State:
        """One imagined step from states (N, ...) by actions (N, A), sampled from the prior with noise (N, S)."""
        deter = self.transition.step(*state, self.transition.action_share(action))
        return State(deter, self.prior(deter).sample(noise))

    def imagine(self, state: State, action: tf.Tensor, noise: tf.Tensor) -> State:
        """The states (N, L, ...) imagined from states (N, ...) by given actions (N, L, A), without observations."""
        states = []
        for step_action, step_noise in zip(tf.unstack(action, axis=1), tf.unstack(noise, axis=1), strict=True):
            state = self.img_step(state, step_action, step_noise)
            states.append(state)
        return stack(states)

    def observe(
        self, state: State, embedding: tf.Tensor, action: tf.Tensor, noise: tf.Tensor
    ) -> tuple[State, Gaussian]:
        """Filter observations from states (N, ...).

        Args:
            state: the states before the first step.
            embedding: the encoder's embedding of each step's observation (N, L, E).
            action: the actions (N, L, A) that led to these observations.
            noise: standard normal draws (N, L, S).

        Returns:
            Posterior states (N, L, ...), and their distributions (N, L, S).
        """
        actions = self.transition.action_share(action)
        embeddings = self.posterior_embedding(embedding)
        states, outs = [], []
        for step_action, step_embedding, step_noise in zip(
            *(tf.unstack(x, axis=-2) for x in (actions, embeddings, noise)), strict=True
        ):
            deter = self.transition.step(*state, step_action)
            out = self.posterior_out(self._activation(self.posterior_deter(deter) + step_embedding))
            posterior = self._gaussian(out)
            state = State(deter, posterior.sample(step_noise))
            states.append(state)
            outs.append(posterior)
        return stack(states), Gaussian(*(tf.stack(parts, 1) for parts in zip(*outs, strict=True)))

    def _gaussian(self, out: tf.Tensor) -> Gaussian:
        mean, raw = halves(tf.cast(out, tf.float32))
        return Gaussian(mean, tf.nn.softplus(raw) + self._settings.min_std)


def stack(states: list[State]) -> State:
    """Joins the states (N, ...) of L successive steps to one (N, L, ...)."""
    return State(*(tf.stack(parts, 1) for parts in zip(*states, strict=True)))
