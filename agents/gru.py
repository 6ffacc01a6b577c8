"""The gated recurrent unit (Cho et al. 2014), one or a stack of them in one pass."""

import keras
import tensorflow as tf

from agents.layers import LayerFactory


def affine(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Inputs (N, I) times a kernel (I, O) plus a bias (O); or a stack of them, (G, I, O) and (G, O), to (G, N, O)."""
    if kernel.shape.rank == 2:
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)
    return tf.matmul(x, kernel) + bias[:, None]


class GRU(keras.layers.Layer):
    """A GRU whose reset gate acts after the recurrent product, as Keras and cuDNN have it.

    Keras' own cell computes one unit at a time. This one is it, weight for weight, and takes a stack of G units too:
    `stack` is () or (G,), and every weight then has that leading axis.
    """

    def __init__(self, make: LayerFactory, name: str, inputs: int, units: int, stack: tuple[int, ...] = ()):
        super().__init__(name=name)
        self.units = units

        def weight(part: str, shape: tuple[int, ...], initializer: keras.initializers.Initializer) -> keras.Variable:
            return self.add_weight(name=part, shape=stack + shape, initializer=initializer)

        self.kernel = weight("kernel", (inputs, 3 * units), make.glorot(f"{name}/kernel", inputs, 3 * units))
        self.recurrent_kernel = weight("recurrent_kernel", (units, 3 * units), make.orthogonal(f"{name}/recurrent"))
        self.bias = weight("bias", (3 * units,), keras.initializers.Zeros())
        self.recurrent_bias = weight("recurrent_bias", (3 * units,), keras.initializers.Zeros())

    def step(self, x: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Inputs ([G,] N, I) and the state (N, D), the same for all units of the stack, to new states ([G,] N, D)."""
        cast = lambda variable: tf.cast(variable.value, x.dtype)  # noqa: E731
        gates_x, candidate_x = tf.split(
            affine(x, cast(self.kernel), cast(self.bias)), [2 * self.units, self.units], axis=-1
        )
        gates_h, candidate_h = tf.split(
            affine(state, cast(self.recurrent_kernel), cast(self.recurrent_bias)), [2 * self.units, self.units], axis=-1
        )
        update, reset = tf.split(tf.sigmoid(gates_x + gates_h), 2, axis=-1)
        candidate = tf.tanh(candidate_x + reset * candidate_h)
        return candidate + update * (state - candidate)
