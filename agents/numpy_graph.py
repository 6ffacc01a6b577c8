"""Runs a traced TensorFlow function in numpy: with few numbers, TensorFlow mostly starts operations.

The function is traced as always, so networks are written once. Results equal TensorFlow's within rounding; random draws
are TensorFlow's own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agents.numpy_operations import OPERATIONS, Compute

AHEAD = 16  # draws for so many successive counters are made at once
DRAWS: dict[str, Callable[..., tf.Tensor]] = {
    "StatelessRandomNormalV2": tf.random.stateless_normal,
    "StatelessRandomUniformV2": tf.random.stateless_uniform,
}
KEY, READ = "StatelessRandomGetKeyCounter", "ReadVariableOp"
GIVEN = ("Placeholder", "Const", "NoOp")


class NumpyGraph:
    """A function of arrays and TensorFlow variables, without side effects.

    What depends on the variables alone is computed once, and again after `refresh`.

    Raises:
        NotImplementedError: the function has an operation that `agents.numpy_operations` lacks; the message names it.
    """

    def __init__(self, function: Any):
        """Takes a concrete function, as tf.function traces it."""
        graph = function.graph
        missing = sorted({op.type for op in graph.get_operations()} - {*OPERATIONS, *DRAWS, *GIVEN, KEY, READ})
        if missing:
            raise NotImplementedError(f"operations without a form in numpy: {', '.join(missing)}")
        handles = {id(variable.handle): variable for variable in function.variables}
        captured = {inner.name: outer for outer, inner in graph.captures}
        self._values: dict[str, Any] = {
            name: outer.numpy() for name, outer in captured.items() if outer.dtype != tf.resource
        }
        self._inputs = [tensor.name for tensor in graph.inputs if tensor.name not in captured]
        self._outputs = [tensor.name for tensor in tf.nest.flatten(graph.structured_outputs)]
        self._weights = []
        self._fixed: list[Step] = []
        self._steps: list[Step] = []
        varying = set(self._inputs)
        for op in graph.get_operations():
            names = [tensor.name for tensor in op.outputs]
            if op.type == "Const":
                self._values[names[0]] = tf.make_ndarray(op.get_attr("value"))
            elif op.type == READ:
                self._weights.append((names[0], handles[id(captured[op.inputs[0].name])]))
            elif op.type not in GIVEN:
                step = _step(op)
                depends = varying.intersection(step.inputs)
                varying.update(names if depends else ())
                (self._steps if depends else self._fixed).append(step)
        self.refresh()

    def refresh(self) -> None:
        """Take the variables' values as they are now."""
        for name, variable in self._weights:
            self._values[name] = variable.numpy()
        _run(self._fixed, self._values)

    def __call__(self, *arguments: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs for arguments of the traced shapes and types, both in the order of `tf.nest.flatten`."""
        values = self._values
        values.update(zip(self._inputs, arguments, strict=True))
        _run(self._steps, values)
        return [np.array(values[name]) for name in self._outputs]


class Step:
    """One operation: names of its inputs and outputs, and what computes these from those."""

    __slots__ = ("compute", "inputs", "outputs")

    def __init__(self, compute: Compute, inputs: list[str], outputs: list[str]):
        self.compute, self.inputs, self.outputs = compute, inputs, outputs


class Draws:
    """One stream's random draws, some counters ahead."""

    def __init__(self, op: tf.Operation):
        draw = DRAWS[op.type]

        def ahead(key: tf.Tensor, first: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
            return tf.stack([draw(shape, tf.stack([key, first + index])) for index in range(AHEAD)])

        self._ahead = tf.function(ahead, autograph=False)
        self._block = -1
        self._drawn: NDArray[Any] = np.zeros(0)

    def __call__(self, shape: NDArray[Any], seed: NDArray[Any], *_: Any) -> NDArray[Any]:
        """The draws of a shape, for a seed of key and counter."""
        block, index = divmod(int(seed[1]), AHEAD)
        if block != self._block:
            self._block = block
            self._drawn = self._ahead(seed[0], np.int64(block * AHEAD), tuple(shape)).numpy()
        return self._drawn[index]


def _step(op: tf.Operation) -> Step:
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (op.inputs, op.outputs))
    if op.type == KEY:  # the draws take the seed itself, in place of what it is hashed to
        return Step(lambda seed: (seed, None), inputs, outputs)
    return Step(Draws(op) if op.type in DRAWS else OPERATIONS[op.type](op), inputs, outputs)


def _run(steps: list[Step], values: dict[str, Any]) -> None:
    with np.errstate(all="ignore"):
        for step in steps:
            results = step.compute(*[values[name] for name in step.inputs])
            if len(step.outputs) == 1:
                values[step.outputs[0]] = results
            else:
                values.update(zip(step.outputs, results, strict=True))
