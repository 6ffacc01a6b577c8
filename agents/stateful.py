"""The state that the agents in TensorFlow keep and save."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agents.agent import Arrays, Observations, PolicyState
from agents.policy_graph import PolicyGraph


class Stateful:
    """An agent whose whole state is in variables and a counter of its actions.

    A subclass sets `_variables`, all of them by name, and `_policy_graph`. It must tell the latter when it has changed
    a variable.

    Attributes:
        acts: calls of `policy` so far, which key its random numbers.
    """

    _variables: dict[str, tf.Variable]
    _policy_graph: PolicyGraph

    def __init__(self) -> None:
        self._updates = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.acts = 0

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        """Act on observations (N, ...); returns actions (N, A) and the next state.

        Training samples or adds exploration; evaluation takes the mode.
        """
        acted = self._policy_graph(observations, state, self.acts, training)
        self.acts += 1
        return acted

    def save(self) -> Arrays:
        """Everything that `load` needs to continue bit for bit."""
        variables = {name: np.asarray(variable.numpy()) for name, variable in self._variables.items()}
        return variables | {"acts": np.array(self.acts)}

    def load(self, arrays: Arrays) -> None:
        """Restore what `save` returned.

        Raises:
            ValueError: an array is missing, unknown or of another shape; the message names it.
        """
        expected = {*self._variables, "acts"}
        for name in sorted(expected ^ set(arrays)):
            raise ValueError(f"{name}: {'missing' if name in expected else 'unknown'} in the saved agent")
        for name, variable in self._variables.items():
            if arrays[name].shape != variable.shape:
                raise ValueError(f"{name}: saved with shape {arrays[name].shape}, expected {tuple(variable.shape)}")
        for name, variable in self._variables.items():
            variable.assign(arrays[name])
        self.acts = int(arrays["acts"])
        self._policy_graph.weights_changed()
