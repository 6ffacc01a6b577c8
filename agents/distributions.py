"""The distributions of Dreamer, in float32. They sample from draws passed in, which a run keys by its seed."""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class Gaussian(NamedTuple):
    """A diagonal Gaussian, mean and standard deviation (..., D) in float32."""

    mean: tf.Tensor
    std: tf.Tensor

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "Gaussian":
        """The Gaussian with a function applied to both parts."""
        return Gaussian(function(self.mean), function(self.std))

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """A reparametrised draw from standard normal noise (..., D)."""
        return self.mean + self.std * noise

    def log_prob(self, x: tf.Tensor) -> tf.Tensor:
        """Log-density of x (..., D), summed over D."""
        return self._distribution.log_prob(x)

    def entropy(self) -> tf.Tensor:
        """Entropy in nats (...)."""
        return self._distribution.entropy()

    def kl(self, other: "Gaussian") -> tf.Tensor:
        """KL divergence of this one from `other` in nats (...)."""
        return tfd.kl_divergence(self._distribution, other._distribution)

    @property
    def _distribution(self) -> tfd.Distribution:
        return tfd.Independent(tfd.Normal(self.mean, self.std), 1)


def unit_normal_log_prob(mean: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Log-density of each number of x under Normal(mean, 1)."""
    return -0.5 * tf.math.squared_difference(x, mean) - HALF_LOG_TAU


def unit_normal_loss(mean: tf.Tensor, x: tf.Tensor, axes: int) -> tf.Tensor:
    """-E log Normal(x; mean, 1), the log-density summed over the last `axes` axes and averaged over the others.

    A single scaled sum gives the same number with fewer passes over memory for images, mostly in the gradient.
    """
    size = math.prod(x.shape[x.shape.rank - axes :])
    return tf.nn.l2_loss(mean - x) * (size / x.shape.num_elements()) + size * HALF_LOG_TAU


def bernoulli_log_prob(logit: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Log-probability of a target in [0, 1], which may be soft, under a Bernoulli given by its logit."""
    return tfd.Bernoulli(logits=logit, dtype=logit.dtype).log_prob(target)


class TanhNormal(NamedTuple):
    """tanh of a diagonal Gaussian (..., A): actions in (-1, 1)."""

    base: Gaussian

    def sample(self, noise: tf.Tensor) -> tf.Tensor:
        """A reparametrised action (..., A) from standard normal noise (..., A)."""
        return tf.tanh(self.base.sample(noise))

    def log_prob(self, action: tf.Tensor) -> tf.Tensor:
        """Log-density (...) of an action in (-1, 1)."""
        # An action rounded to -1 or 1 would have an infinite pre-image.
        return self._log_prob_before(tf.atanh(tf.clip_by_value(action, -0.99999997, 0.99999997)))

    def mode(self, noise: tf.Tensor) -> tf.Tensor:
        """The most probable (..., A) of the samples that noise (S, ..., A) gives; the true mode has no closed form."""
        before = self.base.sample(noise)
        best = tf.argmax(self._log_prob_before(before), 0)  # (...)
        chosen = tf.one_hot(best, noise.shape[0], axis=0)  # (S, ...)
        return tf.tanh(tf.reduce_sum(before * chosen[..., None], 0))

    def entropy(self, noise: tf.Tensor) -> tf.Tensor:
        """Entropy in nats (...), estimated by the samples that noise (S, ..., A) gives."""
        return -tf.reduce_mean(self._log_prob_before(self.base.sample(noise)), 0)

    def _log_prob_before(self, before: tf.Tensor) -> tf.Tensor:
        """Log-density of tanh(before); log(1 - tanh^2 x) = 2 (log 2 - x - softplus(-2 x)) holds for any x."""
        log_slope = 2 * (math.log(2) - before - tf.nn.softplus(-2 * before))
        return self.base.log_prob(before) - tf.reduce_sum(log_slope, -1)


class OneHot(NamedTuple):
    """A categorical distribution over one-hot vectors (..., A), given by logits (..., A)."""

    logits: tf.Tensor

    def sample(self, draws: tf.Tensor) -> tf.Tensor:
        """A one-hot sample from standard Gumbel draws (..., A), by the Gumbel-max trick: the largest logit plus draw.

        Its gradient is that of the probabilities, by the straight-through estimator (Bengio et al. 2013; "Dream to
        Control", appendix A).
        """
        probabilities = tf.nn.softmax(self.logits)
        # The difference is exactly zero, so that the vector stays one-hot.
        return self._one_hot(self.logits + draws) + (probabilities - tf.stop_gradient(probabilities))

    def log_prob(self, action: tf.Tensor) -> tf.Tensor:
        """Log-probability (...) of a one-hot vector."""
        return tf.reduce_sum(action * tf.nn.log_softmax(self.logits), -1)

    def mode(self, draws: tf.Tensor) -> tf.Tensor:
        """The most probable one-hot vector (..., A), in closed form; the draws are not used."""
        return self._one_hot(self.logits)

    def entropy(self, draws: tf.Tensor) -> tf.Tensor:
        """Entropy in nats (...), in closed form; the draws are not used."""
        return -tf.reduce_sum(tf.nn.softmax(self.logits) * tf.nn.log_softmax(self.logits), -1)

    def _one_hot(self, scores: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(tf.argmax(scores, -1), self.logits.shape[-1])
