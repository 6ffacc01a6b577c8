"""State vectors: the dense networks that encode and decode them."""

import numpy as np
import tensorflow as tf

from agents.agent import ArraySpec
from agents.arithmetic import Layer, dense
from agents.heads import MLP
from agents.layers import LayerFactory
from agents.settings import AgentSettings
from agents.standardization import Standardizer

HANDLED = "vectors, float32 (S,)"


def handles(spec: ArraySpec) -> bool:
    """Whether an observation is such a vector."""
    return len(spec.shape) == 1 and spec.dtype == np.float32


class VectorEncoder(MLP):
    """Standardises a vector by statistics that are fixed before training, and embeds it.

    Attributes:
        statistics: mean and standard deviation (S,) of each number.
        fit: measures them on vectors (N, S); see `agents.standardization`.
        normalize: brings vectors (..., S) to their scale.
        size: length of an embedding.
    """

    def __init__(self, make: LayerFactory, inputs: int, layers: int, units: int):
        super().__init__(make, "state_encoder", inputs, [units] * layers, units)
        self.size = units
        standardizer = Standardizer("state_encoder", inputs)
        self.statistics, self.fit, self.normalize = standardizer.statistics, standardizer.fit, standardizer.normalize

    def encode(self, vector: tf.Tensor) -> tf.Tensor:
        """Normalised vectors (..., S) to embeddings (..., size), float32."""
        return self.outputs(vector)


class VectorDecoder(MLP):
    """Predicts the mean of a standardised vector.

    Attributes:
        scale: weight of the vector's loss in the model's loss.
    """

    def __init__(self, make: LayerFactory, features: int, layers: int, units: int, outputs: int, scale: float):
        super().__init__(make, "state_decoder", features, [units] * layers, outputs)
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
