"""The gated recurrent unit (Cho et al. 2014), one or a stack of them in one pass."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras.initializers import Initializer

from agents.layers import LayerFactory, add_weight, halves


class GRU(keras.layers.Layer):
    """A GRU whose reset gate acts after the recurrent product, as Keras and cuDNN have it.

    Keras' own cell computes one unit at a time. This one is it, weight for weight, and can be a stack of G units that
    see the same state: every weight then has a leading axis G.
    """

    def __init__(self, make: LayerFactory, name: str, inputs: int, units: int, stack: int | None = None):
        super().__init__(name=name)
        self.units = units

        def weight(part: str, rows: tuple[int, ...], initializer: Callable[[str], Initializer]) -> keras.Variable:
            full = f"{name}/{part}"
            each = initializer(full) if stack is None else [initializer(f"{full}/{unit}") for unit in range(stack)]
            return add_weight(self, part, (*rows, 3 * units), each)

        self.kernel = weight("kernel", (inputs,), lambda name: make.glorot(name, inputs, 3 * units))
        self.recurrent_kernel = weight("recurrent_kernel", (units,), make.orthogonal)
        self.bias = weight("bias", (), lambda _: keras.initializers.Zeros())
        self.recurrent_bias = weight("recurrent_bias", (), lambda _: keras.initializers.Zeros())

    def step(self, x: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Inputs (N, I) and states (N, D) to new states (N, D); a stack maps (G, N, I) and (N, D) to (G, N, D)."""
        sizes = [2 * self.units, self.units]
        gates_x, candidate_x = tf.split(affine(x, self.kernel, self.bias), sizes, axis=-1)
        gates_h, candidate_h = tf.split(affine(state, self.recurrent_kernel, self.recurrent_bias), sizes, axis=-1)
        update, reset = halves(tf.sigmoid(gates_x + gates_h))
        candidate = tf.tanh(candidate_x + reset * candidate_h)
        return candidate + update * (state - candidate)


def affine(x: tf.Tensor, kernel: keras.Variable, bias: keras.Variable) -> tf.Tensor:
    """Inputs (N, I) times a kernel (I, O) plus a bias (O); or a stack of them, (G, I, O) and (G, O), to (G, N, O)."""
    kernel, bias = tf.cast(kernel.value, x.dtype), tf.cast(bias.value, x.dtype)
    if kernel.shape.rank == 2:
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)
    return tf.matmul(x, kernel) + bias[:, None]
