"""Dense networks over latent features: reward, continuation, value and actor."""

from collections.abc import Sequence
from itertools import pairwise

import keras
import tensorflow as tf

from agents.layers import LayerFactory, flatten_leading


class MLP(keras.layers.Layer):
    """Hidden layers with the factory's dense activation, and a linear output in float32.

    `limit` bounds the output's initial weights.
    """

    def __init__(
        self,
        make: LayerFactory,
        name: str,
        inputs: int,
        units: Sequence[int],
        outputs: int,
        limit: float | None = None,
    ):
        super().__init__(name=name)
        sizes = [inputs, *units]
        self.hidden = [
            make.dense(f"{name}_hidden{index + 1}", before, after, make.dense_activation)
            for index, (before, after) in enumerate(pairwise(sizes))
        ]
        self.out = make.dense(f"{name}_out", sizes[-1], outputs, limit=limit)

    def outputs(self, features: tf.Tensor) -> tf.Tensor:
        """Features (..., F) to float32 outputs (..., O)."""
        x = flatten_leading(features)
        for layer in self.hidden:
            x = layer(x)
        return tf.reshape(tf.cast(self.out(x), tf.float32), (*features.shape[:-1], self.out.units))


class ScalarHead(MLP):
    """A network with one output: the mean of a unit Normal, or the logit of a Bernoulli."""

    def __init__(self, make: LayerFactory, name: str, inputs: int, units: Sequence[int]):
        super().__init__(make, name, inputs, units, outputs=1)

    def predict(self, features: tf.Tensor) -> tf.Tensor:
        """Features (..., F) to float32 numbers (...)."""
        return self.outputs(features)[..., 0]
