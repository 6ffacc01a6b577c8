"""The features of the model-free agents against their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import ArraySpec
from agents.features import FEATURES, ImageFeatures, VectorFeatures, make_features
from agents.layers import LayerFactory
from tests.agents.conftest import ACTIVATED, IMAGES, STATES, symlog

RANDOM = np.random.default_rng(0)


def convolved(images: np.ndarray, stride: int, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape[:2], (1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias


def test_images_are_stacked_by_channel_and_embedded() -> None:
    features = make_features(LayerFactory(0), "encoder", IMAGES["image"], 3)
    assert isinstance(features, ImageFeatures)
    seen = RANDOM.integers(0, 256, (2, 3, 64, 64, 3), np.uint8)
    before = [RANDOM.integers(0, 200, (count, 64, 64, 3), np.uint8) for count in (5, 8)]
    features.fit([{"image": images} for images in before], "image")
    kernels = [weight.numpy() for weight in features.trainable_variables]
    mean = np.concatenate(before).mean(0)
    deviation = np.sqrt(np.square(np.concatenate(before) - mean).mean())
    x = np.concatenate([(seen[:, frame] - mean) / deviation for frame in range(3)], -1)
    x = ACTIVATED["elu"](convolved(x, 2, *kernels[:2]))
    x = ACTIVATED["elu"](convolved(x, 1, *kernels[2:4]))
    assert x.shape == (2, 29, 29, 32)
    x = x.reshape(2, -1) @ kernels[4] + kernels[5]
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    expected = np.tanh(x * kernels[6] + kernels[7])
    np.testing.assert_allclose(features.features(tf.constant(seen)), expected, atol=1e-4)
    counted = sum(layer.kernel + layer.biases for layer in features.layers)
    assert counted + 2 * FEATURES == sum(kernel.size for kernel in kernels)


def test_state_vectors_are_standardised() -> None:
    features = make_features(LayerFactory(0), "encoder", STATES["state"], 3)
    assert isinstance(features, VectorFeatures)
    assert (features.frames, features.size, features.trainable_variables) == (1, 6, [])
    states = RANDOM.normal(3, 5, (40, 6)).astype(np.float32)
    features.fit([{"state": states[:30]}, {"state": states[30:]}], "state")
    expected = symlog((states - states.mean(0)) / states.std(0))
    np.testing.assert_allclose(features.features(tf.constant(states[:, None])), expected, atol=1e-5)


def test_other_observations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no network handles int64 \(6,\)"):
        make_features(LayerFactory(0), "encoder", ArraySpec((6,), np.dtype(np.int64)), 3)
