import keras
import numpy as np
import pytest
import tensorflow as tf

from agents.layers import ACTIVATIONS, LayerFactory
from agents.settings import ActivationName, ActivationSettings
from agents.vision import ImageDecoder, ImageEncoder, normalize

NAMES = pytest.mark.parametrize("name", ACTIVATIONS)


def factory(name: ActivationName) -> LayerFactory:
    return LayerFactory(0, activation=ActivationSettings(conv=name))


def test_normalize_maps_bytes_to_a_centred_unit_interval() -> None:
    np.testing.assert_allclose(normalize(tf.constant([0, 51, 255], tf.uint8)), [-0.5, -0.3, 0.5], rtol=1e-6)


@pytest.mark.parametrize("depth", [1, 3])
def test_encoder_gives_an_embedding_of_its_size_for_each_image(depth: int) -> None:
    encoder = ImageEncoder(LayerFactory(0), depth)
    images = tf.random.stateless_uniform((2, 3, 64, 64, 3), (0, 0))
    embedding = encoder.encode(images)
    assert embedding.shape == (2, 3, encoder.size)
    np.testing.assert_allclose(embedding[1, 2], encoder.encode(images[1, 2][None])[0], rtol=1e-4, atol=1e-6)


def test_encoder_is_the_convolutions_equation() -> None:
    """The first layer, compared with explicit sums over patches."""
    encoder = ImageEncoder(LayerFactory(0), depth=2)
    first = encoder.convolutions[0]
    image = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    patches = np.stack([[image[0, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] for x in range(31)] for y in range(31)])
    expected = np.einsum("yxijc,ijco->yxo", patches, first.kernel.numpy())
    np.testing.assert_allclose(first(image)[0], expected, rtol=1e-4, atol=1e-5)


@NAMES
def test_encoder_is_a_chain_of_keras_layers_in_values_and_gradients(name: ActivationName) -> None:
    encoder = ImageEncoder(factory(name), depth=2)
    for index, layer in enumerate(encoder.convolutions):
        layer.bias.assign(tf.random.stateless_normal(layer.bias.shape, (0, index)))
    image = tf.random.stateless_normal((3, 64, 64, 3), (1, 0))
    weights = [weight.value for layer in encoder.convolutions for weight in layer.weights]
    with tf.GradientTape(persistent=True) as tape:
        x = image
        for layer in encoder.convolutions:
            x = ACTIVATIONS[name](layer(x))
        ways = encoder.encode(image), tf.reshape(x, (3, -1))
        totals = [tf.reduce_sum(tf.sin(way)) for way in ways]
    np.testing.assert_allclose(*ways, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(*(tape.gradient(total, weights) for total in totals), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)


def test_decoder_gives_an_image_for_each_state() -> None:
    decoder = ImageDecoder(LayerFactory(0, "mixed_bfloat16"), features=7, depth=2)
    images = decoder.decode(tf.zeros((2, 3, 7), tf.bfloat16))
    assert (images.shape, images.dtype) == ((2, 3, 64, 64, 3), tf.float32)


def test_first_deconvolution_as_a_dense_layer_is_the_transposed_convolution() -> None:
    decoder = ImageDecoder(LayerFactory(0), features=7, depth=4)
    decoder.first.bias.assign(np.linspace(-1, 1, 16))
    x = tf.random.stateless_normal((3, 128), (0, 1))
    weights = [decoder.first.kernel.value, decoder.first.bias.value]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        dense = decoder.grow(x)
        convolution = tf.nn.relu(decoder.first(x[:, None, None]))
        sums = [tf.reduce_sum(tf.sin(y)) for y in (dense, convolution)]
    np.testing.assert_allclose(dense, convolution, rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(*(tape.gradient(total, [x, *weights]) for total in sums), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@NAMES
def test_decoder_is_a_chain_of_keras_layers_in_values_and_gradients(name: ActivationName) -> None:
    """A linear layer, then four transposed convolutions with activations between them and none at the end."""
    decoder = ImageDecoder(factory(name), features=7, depth=2)
    random = np.random.default_rng(0)
    for weight in decoder.trainable_variables:
        if weight.name == "bias":
            weight.assign(random.normal(size=weight.shape))
    features = tf.constant(random.normal(size=(2, 3, 7)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(features)
        x = tf.reshape(features, (6, 7)) @ decoder.linear.kernel.value + decoder.linear.bias.value
        x = x[:, None, None]
        for layer in (decoder.first, decoder.second, decoder.third, decoder.fourth):
            channels, size = layer.filters, layer.kernel_size
            own = keras.layers.Conv2DTranspose(channels, size, strides=2)
            own.build(x.shape)
            own.set_weights(layer.get_weights())
            x = own(x if layer is decoder.first else ACTIVATIONS[name](x))
        ways = decoder.decode(features), tf.reshape(x, (2, 3, 64, 64, 3))
        totals = [tf.reduce_sum(tf.sin(way)) for way in ways]
    np.testing.assert_allclose(*ways, rtol=1e-3, atol=1e-4)
    # What reaches the features has come through every layer's gradient.
    mine, theirs = (tape.gradient(total, features) for total in totals)
    np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_embedding_has_the_networks_arithmetic(precision: str) -> None:
    make = LayerFactory(0, precision)
    encoder = ImageEncoder(make, depth=2)
    assert encoder.encode(tf.zeros((1, 64, 64, 3))).dtype == make.compute_dtype
    assert all(weight.dtype == "float32" for weight in encoder.weights)
