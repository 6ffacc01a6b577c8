"""Standardisation of state vectors, by statistics that are fixed before training."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# A number whose deviation is less than this, relative to its mean or to 1, changes only by rounding.
ROUNDING = 1e-6


class Standardizer:
    """Brings the numbers of a vector to a common scale.

    Attributes:
        statistics: mean and standard deviation (S,) of each number; 0 and 1 until `fit` is called.
    """

    def __init__(self, name: str, size: int):
        self.statistics = {
            f"{name}/mean": tf.Variable(tf.zeros(size), trainable=False),
            f"{name}/std": tf.Variable(tf.ones(size), trainable=False),
        }

    def fit(self, vectors: Sequence[NDArray[np.float32]]) -> None:
        """Measure the statistics on vectors (N, S).

        The deviation of a number that does not change, or only by rounding, is taken as 1. Without any vectors the
        statistics stay as they are.
        """
        if not vectors:
            return
        seen = np.concatenate([np.asarray(part, np.float64) for part in vectors])
        mean, std = (measured.astype(np.float32) for measured in (seen.mean(0), seen.std(0)))
        varies = std > ROUNDING * np.maximum(1, np.abs(mean))
        for variable, measured in zip(self.statistics.values(), (mean, np.where(varies, std, 1)), strict=True):
            variable.assign(measured)

    def normalize(self, vector: tf.Tensor) -> tf.Tensor:
        """Vectors (..., S) to symlog((vector - mean) / std), where symlog(x) = sign(x) ln(1 + |x|).

        An agent becomes faster than random actions are, and the logarithm keeps such numbers in range; symlog is from
        DreamerV3 (Hafner et al. 2023).
        """
        mean, std = self.statistics.values()
        deviation = (vector - mean) / std
        return tf.sign(deviation) * tf.math.log1p(tf.abs(deviation))
