"""The contrastive objective (InfoNCE): pick a state's own observation among negatives of the batch."""

from typing import Literal

import numpy as np
import tensorflow as tf

from agents.distributions import HALF_LOG_TAU, Gaussian
from agents.heads import MLP
from agents.layers import LayerFactory, halves
from agents.settings import RepresentationSettings

# Bounds the density of q, which would otherwise grow without limit for a deterministic state.
MIN_STD = 0.1


class StateFromObservation(MLP):
    """q(s | o): a diagonal Gaussian over latent features, given the encoder's embedding of the observation."""

    def __init__(self, make: LayerFactory, embedding: int, layers: int, units: int, features: int):
        super().__init__(make, "contrast", embedding, [units] * layers, 2 * features)

    def states(self, embedding: tf.Tensor) -> Gaussian:
        """The distribution of features (..., F) for embeddings (..., E)."""
        mean, raw = halves(self.outputs(embedding))
        return Gaussian(mean, tf.nn.softplus(raw) + MIN_STD)


def info_nce(states: tf.Tensor, given: Gaussian, among: tf.Tensor) -> tf.Tensor:
    """E[log q(s | o) - log sum over o' of q(s | o')], the bound J_NCE of "Dream to Control", equation 8.

    Args:
        states: features s (N, F), in float32.
        given: q(. | o) of the N observations, in the order of the states.
        among: bool (N, N), by state and observation: whether the sum over o' includes it. It includes the state's own.

    Returns:
        A scalar, at most 0.
    """
    scores = pairwise_log_prob(states, given)
    others = tf.where(among, scores, -np.inf)
    return tf.reduce_mean(tf.linalg.diag_part(scores) - tf.reduce_logsumexp(others, 1))


def window(sequences: int, steps: int, settings: RepresentationSettings) -> tf.Tensor:
    """The set of observations in each state's InfoNCE sum: bool (N, N), by state and observation.

    The set covers the next `contrast_sequences` sequences by the next `contrast_steps` steps, the state's own included;
    the rest are negatives. Sequences and steps wrap around, so that all sets have the same size.
    """

    def near(count: int, most: int | Literal["all"]) -> tf.Tensor:
        index = tf.range(count)
        return tf.ones((count, count), tf.bool) if most == "all" else (index - index[:, None]) % count < most

    sequence = near(sequences, settings.contrast_sequences)[:, None, :, None]
    step = near(steps, settings.contrast_steps)[None, :, None, :]
    return tf.reshape(sequence & step, (sequences * steps, sequences * steps))


def pairwise_log_prob(x: tf.Tensor, given: Gaussian) -> tf.Tensor:
    """Log-density (N, M) of each of N points (N, F) under each of M Gaussians (M, F).

    The square is expanded into matrix products, which avoids a tensor (N, M, F).
    """
    precision = 1 / tf.square(given.std)
    scaled = given.mean * precision
    distance = (
        tf.matmul(tf.square(x), precision, transpose_b=True)
        - 2 * tf.matmul(x, scaled, transpose_b=True)
        + tf.reduce_sum(given.mean * scaled, -1)
    )
    return -0.5 * distance - tf.reduce_sum(tf.math.log(given.std) + HALF_LOG_TAU, -1)
