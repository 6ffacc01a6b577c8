"""The state that the agents in TensorFlow keep and save."""

import numpy as np
import tensorflow as tf

from agents.agent import Arrays


class Stateful:
    """An agent whose whole state is in variables, among them two counters that key its random numbers.

    A subclass sets `_variables`, all of them by name; these two are called `updates` and `acts`.
    """

    _variables: dict[str, tf.Variable]

    def __init__(self) -> None:
        self._updates = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._acts = tf.Variable(0, dtype=tf.int64, trainable=False)

    @property
    def acts(self) -> int:
        """Calls of `policy` so far."""
        return int(self._acts.numpy())

    @acts.setter
    def acts(self, count: int) -> None:
        self._acts.assign(count)

    def save(self) -> Arrays:
        """Everything that `load` needs to continue bit for bit."""
        return {name: np.asarray(variable.numpy()) for name, variable in self._variables.items()}

    def load(self, arrays: Arrays) -> None:
        """Restore what `save` returned.

        Raises:
            ValueError: an array is missing, unknown or of another shape; the message names it.
        """
        for name in sorted(set(self._variables) ^ set(arrays)):
            raise ValueError(f"{name}: {'missing' if name in self._variables else 'unknown'} in the saved agent")
        for name, variable in self._variables.items():
            if arrays[name].shape != variable.shape:
                raise ValueError(f"{name}: saved with shape {arrays[name].shape}, expected {tuple(variable.shape)}")
        for name, variable in self._variables.items():
            variable.assign(arrays[name])
