"""A policy step as one traced function, run in numpy where that is faster than TensorFlow."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agents.agent import Observations, PolicyState
from agents.numpy_graph import NumpyGraph

# Observations and state by name, calls so far, and whether it is training, to actions and the next state.
Policy = Callable[
    [Mapping[str, tf.Tensor], Mapping[str, tf.Tensor], tf.Tensor, bool], tuple[tf.Tensor, Mapping[str, tf.Tensor]]
]


class PolicyGraph:
    """A policy traced for each shape of its arguments, without side effects.

    One environment's step is some hundred operations on few numbers, and TensorFlow takes ten times longer to start
    them than numpy. TensorFlow runs it on a GPU, compiled by XLA, in reduced precision, and if numpy lacks one of its
    operations, as for a planner, whose operations are large.
    """

    def __init__(self, policy: Policy, jit: bool = False, precision: str = "float32"):
        """Takes the function to trace, and how its networks compute."""
        self.traced = tf.function(policy, autograph=False, jit_compile=jit or None)
        self._small = not jit and precision == "float32" and not tf.config.list_physical_devices("GPU")
        self._graphs: dict[Any, NumpyGraph | None] = {}
        self._stale = False

    def weights_changed(self) -> None:
        """Must be called when a variable has been changed that the policy reads."""
        self._stale = True

    def __call__(
        self, observations: Observations, state: PolicyState, acts: int, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        """Actions (N, A) and the next state."""
        if self._stale:
            for graph in filter(None, self._graphs.values()):
                graph.refresh()
            self._stale = False
        seen, before = (dict(sorted(arrays.items())) for arrays in (observations, state))
        arguments = [*seen.values(), *before.values(), np.asarray(acts, np.int64)]
        key = (training, *[array.shape for array in arguments])
        if key not in self._graphs:
            self._graphs[key] = self._numpy_graph(seen, before, training)
        numpy_graph = self._graphs[key]
        if numpy_graph is not None:
            action, *after = numpy_graph(*arguments)
            return action, dict(zip(before, after, strict=True))
        seen, before = ({name: tf.convert_to_tensor(part) for name, part in parts.items()} for parts in (seen, before))
        action, after = self.traced(seen, before, tf.constant(acts, tf.int64), training)
        return action.numpy(), {name: part.numpy() for name, part in after.items()}

    def _numpy_graph(self, seen: Observations, before: PolicyState, training: bool) -> NumpyGraph | None:
        if not self._small:
            return None
        specs = ({name: tf.TensorSpec(array.shape, array.dtype) for name, array in x.items()} for x in (seen, before))
        function = self.traced.get_concrete_function(*specs, tf.TensorSpec((), tf.int64), training)
        try:
            return NumpyGraph(function)
        except NotImplementedError:
            return None
