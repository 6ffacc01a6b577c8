import numpy as np
import pytest
import tensorflow as tf

from agents.deconvolution import deconvolve


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("size", "kernel"), [((3, 3), 6), ((5, 4), 4), ((1, 2), 2)])
def test_is_the_transposed_convolution_in_values_and_gradients(size: tuple[int, int], kernel: int, relu: bool) -> None:
    x = tf.random.stateless_normal((2, *size, 3), (0, 0))
    weights = tf.random.stateless_normal((kernel, kernel, 5, 3), (1, 0))
    bias = tf.random.stateless_normal((5,), (2, 0))
    shape = (2, *(2 * (side - 1) + kernel for side in size), 5)
    inputs = [x, weights, bias]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        theirs = tf.nn.bias_add(tf.nn.conv2d_transpose(x, weights, shape, 2, "VALID"), bias)
        ways = deconvolve(x, weights, bias, relu), tf.nn.relu(theirs) if relu else theirs
        totals = [tf.reduce_sum(tf.sin(way)) for way in ways]
    np.testing.assert_allclose(*ways, rtol=1e-4, atol=1e-4)
    for mine, other in zip(*(tape.gradient(total, inputs) for total in totals), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)
