"""State vectors: their standardisation, and the dense networks that encode and decode them."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agents.agent import ArraySpec
from agents.arithmetic import Layer, dense
from agents.heads import MLP
from agents.layers import LayerFactory
from agents.settings import AgentSettings

HANDLED = "vectors, float32 (S,)"
# A number whose deviation is less than this, relative to its mean or to 1, changes only by rounding.
ROUNDING = 1e-6


def handles(spec: ArraySpec) -> bool:
    """Whether an observation is such a vector."""
    return len(spec.shape) == 1 and spec.dtype == np.float32


class VectorEncoder(MLP):
    """Standardises a vector by statistics that are fixed before training, and embeds it.

    Attributes:
        statistics: mean and standard deviation (S,) of each number; 0 and 1 until `fit` is called.
        size: length of an embedding.
    """

    def __init__(self, make: LayerFactory, inputs: int, layers: int, units: int):
        super().__init__(make, "state_encoder", inputs, layers, units, units)
        self.size = units
        self.statistics = {
            "state_encoder/mean": tf.Variable(tf.zeros(inputs), trainable=False),
            "state_encoder/std": tf.Variable(tf.ones(inputs), trainable=False),
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

    def encode(self, vector: tf.Tensor) -> tf.Tensor:
        """Normalised vectors (..., S) to embeddings (..., size), float32."""
        return self.outputs(vector)


class VectorDecoder(MLP):
    """Predicts the mean of a standardised vector.

    Attributes:
        scale: weight of the vector's loss in the model's loss.
    """

    def __init__(self, make: LayerFactory, features: int, layers: int, units: int, outputs: int, scale: float):
        super().__init__(make, "state_decoder", features, layers, units, outputs)
        self.scale = scale

    def decode(self, features: tf.Tensor) -> tf.Tensor:
        """Features (..., F) to the mean vector, float32 (..., S)."""
        return self.outputs(features)


def make_encoder(make: LayerFactory, spec: ArraySpec, settings: AgentSettings) -> VectorEncoder:
    """The encoder of a vector, with initial weights."""
    sizes = settings.representation
    return VectorEncoder(make, spec.shape[0], sizes.state_layers, sizes.state_units)


def make_decoder(make: LayerFactory, spec: ArraySpec, settings: AgentSettings, features: int) -> VectorDecoder:
    """The decoder of a vector, with initial weights."""
    sizes, outputs = settings.representation, spec.shape[0]
    return VectorDecoder(
        make, features, sizes.state_layers, sizes.state_units, outputs, scale=sizes.state_scale / outputs
    )


def encoder_layers(spec: ArraySpec, settings: AgentSettings) -> list[Layer]:
    """The encoder's layers, for counting its cost."""
    sizes = settings.representation
    return dense(spec.shape[0], *[sizes.state_units] * sizes.state_layers, sizes.state_units)


def decoder_layers(spec: ArraySpec, settings: AgentSettings, features: int) -> list[Layer]:
    """The decoder's layers, for counting its cost."""
    sizes = settings.representation
    return dense(features, *[sizes.state_units] * sizes.state_layers, spec.shape[0])
