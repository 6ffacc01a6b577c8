"""What a model-free agent sees: a standardised state vector, or the newest images through a convolutional network.

These agents have no decoder, and their first layer takes a state vector as it is, so the networks of `agents.encoders`
do not serve them.
"""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from agents import vectors, vision
from agents.agent import ArraySpec, Batch
from agents.arithmetic import Layer, convolution, dense
from agents.layers import LayerFactory, convolve
from agents.standardization import Standardizer

CHANNELS, FEATURES = 32, 50
CONVOLUTIONS = ((31, 3, 2), (29, 3, 1))  # side of the outputs, kernel and stride of each


class VectorFeatures(keras.layers.Layer):
    """A state vector, standardised; it has no weights.

    Attributes:
        frames: newest observations that the features depend on.
        size: length of the features.
        statistics: what `fit` measures, by name.
    """

    frames = 1

    def __init__(self, name: str, spec: ArraySpec):
        super().__init__(name=name)
        self._standardizer = Standardizer(name, spec.shape[0])
        self.size: int = spec.shape[0]
        self.statistics = self._standardizer.statistics

    def fit(self, episodes: Iterable[Batch], observation: str) -> None:
        """Measure the statistics on whole episodes (L, ...)."""
        self._standardizer.fit([episode[observation] for episode in episodes])

    def features(self, seen: tf.Tensor) -> tf.Tensor:
        """Newest observations (N, 1, S) to features (N, S)."""
        return self._standardizer.normalize(seen[:, -1])

    @property
    def layers(self) -> list[Layer]:
        """No layers, for counting the cost."""
        return []


class ImageFeatures(keras.layers.Layer):
    """The newest images, stacked: two 3x3 convolutions with ELU, then a linear layer, layer normalisation and tanh.

    This is the network of the DeepMind Control Suite (Tassa et al. 2018, section 5), for images of 64x64 instead of
    84x84. Unlike there, the mean image of the random episodes is subtracted: what never changes would fill most of the
    normalised features.

    Attributes: as those of `VectorFeatures`.
    """

    size = FEATURES

    def __init__(self, make: LayerFactory, name: str, spec: ArraySpec, frames: int):
        super().__init__(name=name)
        self.frames = frames
        height, width, channels = spec.shape
        sizes = [(height, width, channels * frames), (CONVOLUTIONS[0][0], CONVOLUTIONS[0][0], CHANNELS)]
        self._convolutions = [
            make.conv(f"{name}_conv{index + 1}", inputs, CHANNELS, kernel, stride)
            for index, (inputs, (_, kernel, stride)) in enumerate(zip(sizes, CONVOLUTIONS, strict=True))
        ]
        self._linear = make.dense(f"{name}_linear", CONVOLUTIONS[-1][0] ** 2 * CHANNELS, FEATURES)
        self._norm = keras.layers.LayerNormalization(name=f"{name}_norm")
        self._norm.build((None, FEATURES))
        self._mean = tf.Variable(tf.zeros(spec.shape), trainable=False)
        self._deviation = tf.Variable(255.0, trainable=False)
        self.statistics = {f"{name}/mean": self._mean, f"{name}/deviation": self._deviation}

    def fit(self, episodes: Iterable[Batch], observation: str) -> None:
        """Measure the mean image, and the standard deviation of all pixels from it, on whole episodes (L, ...)."""
        sums, squares, count = np.zeros(self._mean.shape), np.zeros(self._mean.shape), 0
        for episode in episodes:
            images = episode[observation].astype(np.float64)
            sums, squares, count = sums + images.sum(0), squares + (images**2).sum(0), count + len(images)
        if count:
            mean = sums / count
            deviation = np.sqrt(np.mean(np.maximum(squares / count - mean**2, 0)))
            self._mean.assign(mean)
            self._deviation.assign(max(deviation, 1.0))

    def features(self, seen: tf.Tensor) -> tf.Tensor:
        """Newest images (N, frames, H, W, 3) to features (N, FEATURES)."""
        count, frames, height, width, channels = seen.shape
        x = tf.reshape(tf.transpose(seen, (0, 2, 3, 1, 4)), (count, height, width, frames * channels))
        mean = tf.tile(self._mean, (1, 1, frames))
        x = (tf.cast(x, tf.float32) - mean) / self._deviation
        for layer in self._convolutions:
            x = convolve(layer, x, tf.nn.elu)
        return tf.tanh(self._norm(self._linear(tf.reshape(x, (count, -1)))))

    @property
    def layers(self) -> list[Layer]:
        """The layers, for counting the cost; the normalisation's few products are left out."""
        channels = [vision.SPEC.shape[-1] * self.frames, CHANNELS]
        found = [
            convolution(side, kernel, inputs, CHANNELS)
            for inputs, (side, kernel, _) in zip(channels, CONVOLUTIONS, strict=True)
        ]
        return [*found, *dense(CONVOLUTIONS[-1][0] ** 2 * CHANNELS, FEATURES)]


Features = VectorFeatures | ImageFeatures


def make_features(make: LayerFactory, name: str, spec: ArraySpec, frames: int) -> Features:
    """The features of an observation, with initial weights; `frames` of the newest images are stacked.

    Raises:
        ValueError: they handle neither.
    """
    if vectors.handles(spec):
        return VectorFeatures(name, spec)
    if vision.handles(spec):
        return ImageFeatures(make, name, spec, frames)
    raise ValueError(f"no network handles {spec}; allowed: {vision.HANDLED} and {vectors.HANDLED}")
