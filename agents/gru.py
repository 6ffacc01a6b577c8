"""The gated recurrent unit (Cho et al. 2014), one or a stack of them in one pass."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras.initializers import Initializer

from agents.layers import Activation, LayerFactory, add_weight
from agents.settings import CandidateName

GATES = 3  # update, reset, candidate
# The activation of the candidate state; without one, the state is not bounded.
CANDIDATES: dict[CandidateName, Activation] = {"tanh": tf.tanh, "linear": tf.identity}


class GRU(keras.layers.Layer):
    """A GRU whose reset gate acts after the recurrent product, as in Keras and cuDNN.

    It equals Keras' cell weight for weight, and can also be a stack of G GRUs that receive the same state, which Keras
    would compute one at a time. Gates are the leading axis of every weight, the stack is the next. A separate product
    for each gate avoids the passes over memory that splitting outputs and joining gradients would take.
    """

    def __init__(
        self,
        make: LayerFactory,
        name: str,
        inputs: int,
        units: int,
        stack: int | None = None,
        candidate: CandidateName = "tanh",
    ):
        super().__init__(name=name)
        self.units = units
        self._activation = CANDIDATES[candidate]

        def weight(part: str, rows: int, initializer: Callable[[str], Initializer]) -> keras.Variable:
            full = f"{name}/{part}"
            names = [full] if stack is None else [f"{full}/{unit}" for unit in range(stack)]
            # Drawn as one matrix (rows, 3 units) for all gates, as in Keras: this sets scale and orthogonality.
            drawn = tf.stack([tf.split(initializer(name)((rows, GATES * units)), GATES, axis=-1) for name in names], 1)
            return add_weight(self, part, drawn[:, 0] if stack is None else drawn)

        self.kernel = weight("kernel", inputs, lambda name: make.glorot(name, inputs, GATES * units))
        self.recurrent_kernel = weight("recurrent_kernel", units, make.orthogonal)
        self.bias = weight("bias", 1, lambda _: keras.initializers.Zeros())
        self.recurrent_bias = weight("recurrent_bias", 1, lambda _: keras.initializers.Zeros())

    def step(self, x: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Inputs (N, I) and states (N, D) to new states (N, D); a stack maps (G, N, I) and (N, D) to (G, N, D)."""
        W, U, b, c = (tf.unstack(tf.cast(weight.value, x.dtype)) for weight in self.weights)
        update, reset = (
            tf.sigmoid(tf.matmul(x, W[gate]) + tf.matmul(state, U[gate]) + (b[gate] + c[gate])) for gate in (0, 1)
        )
        candidate = self._activation(tf.matmul(x, W[2]) + b[2] + reset * (tf.matmul(state, U[2]) + c[2]))
        return candidate + update * (state - candidate)
