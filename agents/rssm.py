"""The recurrent state-space model (PlaNet, Hafner et al. 2018): what the world does, as seen in latent states."""

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
    """A latent state: deterministic (..., D) in the networks' arithmetic and stochastic (..., S) in float32."""

    deter: tf.Tensor
    stoch: tf.Tensor

    @property
    def features(self) -> tf.Tensor:
        """What the heads see, (..., S + D)."""
        return tf.concat([tf.cast(self.stoch, self.deter.dtype), self.deter], -1)

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "State":
        """The state with a function applied to both parts."""
        return State(function(self.deter), function(self.stoch))


class RSSM(keras.layers.Layer):
    """Prior p(s' | s, a) and posterior q(s' | s, a, o) over stochastic states, with a shared deterministic state.

    Loops hold only what is recurrent. What is known of a whole sequence beforehand (the shares of actions, embeddings,
    noise) is computed before them, what no later step needs (the prior, while the posterior is followed) after them.
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
        # Two shares of one dense layer over [deterministic state, embedding].
        inputs = deter + embedding_size
        self.posterior_deter = make.dense("posterior_deter", deter, hidden, use_bias=False, fan_in=inputs)
        self.posterior_embedding = make.dense("posterior_embedding", embedding_size, hidden, fan_in=inputs)
        self.posterior_out = make.dense("posterior_out", hidden, 2 * stoch)

    def initial(self, count: int) -> State:
        """The state (N, ...) before anything was seen: zeros."""
        return State(
            tf.zeros((count, self._settings.deterministic), self._compute),
            tf.zeros((count, self._settings.stochastic)),
        )

    def prior(self, deter: tf.Tensor) -> Gaussian:
        """p(s | h) for deterministic states (N, D)."""
        return self._gaussian(self.prior_out(self.prior_hidden(deter)))

    def img_step(self, state: State, action: tf.Tensor, noise: tf.Tensor) -> State:
        """One imagined step from states (N, ...) by actions (N, A), drawn from the prior by noise (N, S)."""
        deter = self.transition.step(*state, self.transition.action_share(action))
        return State(deter, self.prior(deter).sample(noise))

    def imagine(self, state: State, action: tf.Tensor, noise: tf.Tensor) -> State:
        """Follow given actions (N, L, A) from states (N, ...) without seeing; states (N, L, ...)."""
        states = []
        for step_action, step_noise in zip(tf.unstack(action, axis=1), tf.unstack(noise, axis=1), strict=True):
            state = self.img_step(state, step_action, step_noise)
            states.append(state)
        return stack(states)

    def observe(
        self, state: State, embedding: tf.Tensor, action: tf.Tensor, noise: tf.Tensor
    ) -> tuple[State, Gaussian]:
        """Follow what was seen, from states (N, ...) on.

        Args:
            state: the states before the first step.
            embedding: what the encoder makes of each step's image (N, L, E).
            action: the actions (N, L, A), each the one that led to its step's image.
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
    """States (N, ...) of successive steps to one (N, L, ...)."""
    return State(*(tf.stack(parts, 1) for parts in zip(*states, strict=True)))
