"""Layers that are built when they are made, with seeded weights and the run's precision and activations."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras.initializers import Initializer

from agents.randomness import derive_seed
from agents.settings import ActivationName, ActivationSettings

Activation = Callable[[tf.Tensor], tf.Tensor]
ACTIVATIONS: dict[ActivationName, Activation] = {
    "elu": tf.nn.elu,
    "relu": tf.nn.relu,
    "swish": tf.nn.silu,
    "leaky_relu": tf.nn.leaky_relu,  # of slope 0.2 below zero
}


class LayerFactory:
    """Makes Keras layers whose weights depend only on the run's seed and the layer's name.

    Attributes:
        compute_dtype: the networks' precision: float32, float16 or bfloat16. Weights are always float32.
        dense_activation: activation of the hidden layers of the heads.
        conv_activation: activation of the image encoder and decoder.
    """

    def __init__(self, seed: int, precision: str = "float32", activation: ActivationSettings | None = None):
        activation = activation or ActivationSettings()
        self._seed = seed
        self._policy = keras.DTypePolicy(precision)
        self.compute_dtype: str = self._policy.compute_dtype
        self.dense_activation = ACTIVATIONS[activation.dense]
        self.conv_activation = ACTIVATIONS[activation.conv]

    def dense(
        self,
        name: str,
        inputs: int,
        units: int,
        activation: Activation | None = None,
        *,
        use_bias: bool = True,
        fan_in: int | None = None,
        limit: float | None = None,
    ) -> keras.layers.Dense:
        """A dense layer.

        `fan_in` scales the weights of a layer that is one part of a wider layer; with `limit`, they are uniform within
        +-limit.
        """
        if limit is None:
            weights = self.glorot(name, fan_in or inputs, units)
        else:
            weights = keras.initializers.RandomUniform(-limit, limit, seed=derive_seed(self._seed, name))
        layer = keras.layers.Dense(
            units,
            activation,
            use_bias,
            kernel_initializer=weights,
            name=name,
            dtype=self._policy,
        )
        layer.build((None, inputs))
        return layer

    def conv(
        self, name: str, inputs: tuple[int, int, int], filters: int, kernel: int, stride: int = 2
    ) -> keras.layers.Conv2D:
        """A convolution without padding over images of shape `inputs` (height, width, channels)."""
        return self._convolution(keras.layers.Conv2D, name, inputs, filters, kernel, stride, None)

    def deconv(
        self, name: str, inputs: tuple[int, int, int], filters: int, kernel: int, activation: Activation | None = None
    ) -> keras.layers.Conv2DTranspose:
        """A transposed convolution of stride 2 without padding."""
        return self._convolution(keras.layers.Conv2DTranspose, name, inputs, filters, kernel, 2, activation)

    def glorot(self, name: str, fan_in: int, fan_out: int) -> Initializer:
        """Uniform weights of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
        limit = float(np.sqrt(6 / (fan_in + fan_out)))
        return keras.initializers.RandomUniform(-limit, limit, seed=derive_seed(self._seed, name))

    def orthogonal(self, name: str) -> Initializer:
        """Orthogonal weights (Saxe et al. 2014), Keras' choice for recurrent kernels."""
        return keras.initializers.Orthogonal(seed=derive_seed(self._seed, name))

    def _convolution(
        self,
        kind: type[keras.layers.Layer],
        name: str,
        inputs: tuple[int, int, int],
        filters: int,
        kernel: int,
        stride: int,
        activation: Activation | None,
    ) -> keras.layers.Layer:
        layer = kind(
            filters,
            kernel,
            strides=stride,
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed=derive_seed(self._seed, name)),
            name=name,
            dtype=self._policy,
        )
        layer.build((None, *inputs))
        return layer


def flatten_leading(x: tf.Tensor, keep: int = 1) -> tf.Tensor:
    """Merge all axes but the last `keep` into one."""
    return tf.reshape(x, (-1, *x.shape[x.shape.rank - keep :]))


def halves(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the second half of the last axis. TensorFlow's split is several times faster with given sizes."""
    size = x.shape[-1] // 2
    first, second = tf.split(x, [size, size], axis=-1)
    return first, second


def convolve(layer: keras.layers.Conv2D, x: tf.Tensor, activation: Activation) -> tf.Tensor:
    """The activated output of a convolution of images (N, H, W, C), in the layer's precision."""
    kernel, bias = (tf.cast(weight.value, layer.compute_dtype) for weight in layer.weights)
    return activation(add_bias(tf.nn.conv2d(tf.cast(x, kernel.dtype), kernel, layer.strides, "VALID"), bias))


@tf.custom_gradient
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Add a bias (C) to images (N, H, W, C).

    TensorFlow would fuse the bias's gradient into the kernel's gradient, which more than doubles its time on a CPU.
    """
    return tf.nn.bias_add(x, bias), lambda dy: (dy, channel_sums(dy))


def channel_sums(x: tf.Tensor) -> tf.Tensor:
    """The sum (C) of each channel of images (N, H, W, C), as a matrix product, which uses all cores."""
    rows = flatten_leading(x)
    return tf.matmul(tf.ones((1, rows.shape[0]), x.dtype), rows)[0]


def add_weight(owner: keras.layers.Layer, name: str, value: tf.Tensor) -> keras.Variable:
    """A new weight of a layer, initialised to a value."""
    return owner.add_weight(name=name, shape=value.shape, initializer=lambda shape, dtype: value)
