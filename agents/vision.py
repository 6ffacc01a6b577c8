"""Image encoder and decoder: the convolutional networks of World Models (Ha and Schmidhuber 2018)."""

from collections.abc import Mapping
from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf

from agents.agent import ArraySpec
from agents.arithmetic import Layer, convolution, dense
from agents.deconvolution import deconvolve
from agents.layers import Activation, LayerFactory, convolve, flatten_leading
from agents.settings import AgentSettings

SPEC = ArraySpec((64, 64, 3), np.dtype(np.uint8))
HANDLED = f"images, {SPEC}"
# (side, kernel) of each layer: the side of the encoder's outputs and of the decoder's inputs.
ENCODER = ((31, 4), (14, 4), (6, 4), (2, 4))
DECODER = ((1, 5), (5, 5), (13, 6), (30, 6))


def handles(spec: ArraySpec) -> bool:
    """Whether an observation is such an image."""
    return spec == SPEC


def normalize(image: tf.Tensor) -> tf.Tensor:
    """Images uint8 0..255 to float32 -0.5..0.5."""
    return tf.cast(image, tf.float32) / 255 - 0.5


class ImageEncoder(keras.layers.Layer):
    """Four 4x4 convolutions of stride 2, with channels doubling from `depth`: 64x64x3 to 2 * 2 * 8 depth numbers."""

    statistics: Mapping[str, tf.Variable] = {}  # the scale of pixels is known
    normalize = staticmethod(normalize)

    def __init__(self, make: LayerFactory, depth: int):
        super().__init__(name="image_encoder")
        self._activation = make.conv_activation
        self.convolutions = []
        height, width, channels = SPEC.shape
        for index in range(4):
            filters = depth * 2**index
            name = f"encoder_conv{index + 1}"
            self.convolutions.append(make.conv(name, (height, width, channels), filters, 4))
            height, width, channels = (height - 4) // 2 + 1, (width - 4) // 2 + 1, filters
        self.size = height * width * channels

    def encode(self, image: tf.Tensor) -> tf.Tensor:
        """Normalised images (..., 64, 64, 3) to embeddings (..., size) in the networks' precision."""
        x = flatten_leading(image, keep=3)
        for layer in self.convolutions:
            x = convolve(layer, x, self._activation)
        return tf.reshape(x, (*image.shape[:-3], self.size))


class ImageDecoder(keras.layers.Layer):
    """A linear layer to 1x1x32 depth, then transposed convolutions 5, 5, 6, 6 of stride 2: 5x5, 13x13, 30x30, 64x64."""

    scale = 1.0  # weight of the image's loss in the model's loss

    def __init__(self, make: LayerFactory, features: int, depth: int):
        super().__init__(name="image_decoder")
        self._activation = make.conv_activation
        self.linear = make.dense("decoder_linear", features, 32 * depth)
        self.first = make.deconv("decoder_deconv1", (1, 1, 32 * depth), 4 * depth, 5)
        self.second = make.deconv("decoder_deconv2", (5, 5, 4 * depth), 2 * depth, 5, self._activation)
        self.third = make.deconv("decoder_deconv3", (13, 13, 2 * depth), depth, 6)
        self.fourth = make.deconv("decoder_deconv4", (30, 30, depth), SPEC.shape[-1], 6)

    def decode(self, features: tf.Tensor) -> tf.Tensor:
        """Features (..., F) to the mean image, float32 (..., 64, 64, 3)."""
        x = self.second(self.grow(self.linear(flatten_leading(features))))
        x = deconvolve_by(self.third, x, self._activation)
        x = deconvolve_by(self.fourth, x)
        return tf.cast(tf.reshape(x, (*features.shape[:-1], *SPEC.shape)), tf.float32)

    def grow(self, x: tf.Tensor) -> tf.Tensor:
        """The first transposed convolution, (N, C) to (N, 5, 5, 4 depth).

        For a single input pixel it is one matrix product, which takes a seventh of the convolution's time on a CPU.
        """
        kernel = tf.cast(self.first.kernel.value, x.dtype)  # (5, 5, 4 depth, C)
        size, _, filters, channels = kernel.shape
        grown = tf.matmul(x, tf.reshape(kernel, (-1, channels)), transpose_b=True)
        grown = tf.reshape(grown, (-1, size, size, filters))
        return self._activation(tf.nn.bias_add(grown, tf.cast(self.first.bias.value, x.dtype)))


def deconvolve_by(layer: keras.layers.Conv2DTranspose, x: tf.Tensor, activation: Activation | None = None) -> tf.Tensor:
    """The activated output of a layer of stride 2 and even kernel size; ReLU is fused with it, which is faster."""
    kernel, bias = (tf.cast(weight.value, x.dtype) for weight in (layer.kernel, layer.bias))
    fused = activation is tf.nn.relu
    y = deconvolve(x, kernel, bias, fused)
    return y if activation is None or fused else activation(y)


def make_encoder(make: LayerFactory, spec: ArraySpec, settings: AgentSettings) -> ImageEncoder:
    """The encoder of an image, with initial weights."""
    return ImageEncoder(make, settings.representation.depth)


def make_decoder(make: LayerFactory, spec: ArraySpec, settings: AgentSettings, features: int) -> ImageDecoder:
    """The decoder of an image, with initial weights."""
    return ImageDecoder(make, features, settings.representation.depth)


def encoder_layers(spec: ArraySpec, settings: AgentSettings) -> list[Layer]:
    """The encoder's layers, for counting its cost."""
    depth = settings.representation.depth
    channels = [spec.shape[-1], *(depth * 2**index for index in range(4))]
    return [convolution(*layer, *sizes) for layer, sizes in zip(ENCODER, pairwise(channels), strict=True)]


def decoder_layers(spec: ArraySpec, settings: AgentSettings, features: int) -> list[Layer]:
    """The decoder's layers, for counting its cost."""
    depth = settings.representation.depth
    channels = [32 * depth, 4 * depth, 2 * depth, depth, spec.shape[-1]]
    convolutions = [convolution(*layer, *sizes) for layer, sizes in zip(DECODER, pairwise(channels), strict=True)]
    return [*dense(features, channels[0]), *convolutions]
