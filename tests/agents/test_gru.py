from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from agents.gru import GRU
from agents.layers import LayerFactory
from agents.settings import CandidateName

INPUTS, UNITS = 3, 4
RANDOM = np.random.default_rng(0)


def randomize(layer: keras.layers.Layer) -> None:
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))


def normal(*shape: int) -> tf.Tensor:
    return tf.constant(RANDOM.normal(size=shape), tf.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


CANDIDATES: dict[CandidateName, Callable[[np.ndarray], np.ndarray]] = {"tanh": np.tanh, "linear": lambda x: x}


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_step_is_the_papers_equations(candidate: CandidateName) -> None:
    gru = GRU(LayerFactory(0), "gru", INPUTS, UNITS, candidate=candidate)
    randomize(gru)
    x, h = normal(2, INPUTS).numpy(), normal(2, UNITS).numpy()
    W, U, b, c = (
        w.numpy().astype(np.float64) for w in (gru.kernel, gru.recurrent_kernel, gru.bias, gru.recurrent_bias)
    )
    xz, xr, xn = x @ W + b
    hz, hr, hn = h @ U + c
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    expected = z * h + (1 - z) * CANDIDATES[candidate](xn + r * hn)
    np.testing.assert_allclose(gru.step(tf.constant(x), tf.constant(h)), expected, rtol=1e-5)


def test_step_is_that_of_keras_cell() -> None:
    gru = GRU(LayerFactory(0), "gru", INPUTS, UNITS)
    randomize(gru)
    cell = keras.layers.GRUCell(UNITS, reset_after=True)
    cell.build((None, INPUTS))
    # Keras has the gates side by side.
    W, U, b, c = (np.concatenate(weight.numpy(), axis=-1) for weight in gru.weights)
    cell.set_weights([W, U, np.concatenate([b, c])])
    x, h = normal(5, INPUTS), normal(5, UNITS)
    np.testing.assert_allclose(gru.step(x, h), cell(x, [h])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_stack_steps_each_unit_by_itself(candidate: CandidateName) -> None:
    stack = GRU(LayerFactory(0), "gru", INPUTS, UNITS, stack=3, candidate=candidate)
    randomize(stack)
    x, h = normal(3, 5, INPUTS), normal(5, UNITS)
    states = stack.step(x, h)
    for unit in range(3):
        single = GRU(LayerFactory(0), "gru", INPUTS, UNITS, candidate=candidate)
        for mine, theirs in zip(single.weights, stack.weights, strict=True):
            mine.assign(theirs[:, unit])
        np.testing.assert_allclose(states[unit], single.step(x[unit], h), rtol=1e-5, atol=1e-6)


def test_fresh_weights_are_keras_kind() -> None:
    gru = GRU(LayerFactory(0), "gru", 50, 60)
    recurrent = np.concatenate(gru.recurrent_kernel.numpy(), axis=-1)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(60), atol=1e-5)
    assert gru.kernel.numpy().std() == pytest.approx(np.sqrt(2 / (50 + 180)), rel=0.05)
    assert not gru.bias.numpy().any()
