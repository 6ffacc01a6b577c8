"""The variables of an agent as named arrays, and back."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from agents.agent import Arrays

Variables = Mapping[str, tf.Variable]


def save(variables: Variables) -> Arrays:
    """The present value of each variable."""
    return {name: np.asarray(variable.numpy()) for name, variable in variables.items()}


def load(variables: Variables, arrays: Arrays) -> None:
    """Restore what `save` returned; nothing changes if it does not match.

    Raises:
        ValueError: an array is missing, unknown or of another shape; the message names it.
    """
    for name in sorted(set(variables) ^ set(arrays)):
        raise ValueError(f"{name}: {'missing' if name in variables else 'unknown'} in the saved agent")
    for name, variable in variables.items():
        if arrays[name].shape != variable.shape:
            raise ValueError(f"{name}: saved with shape {arrays[name].shape}, expected {tuple(variable.shape)}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
