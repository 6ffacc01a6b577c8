"""TensorFlow's operations in numpy, as far as policies need them: for each type, what makes its function."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Compute = Callable[..., Any]  # inputs to the output, or to a sequence of several


def _plain(function: Compute) -> Callable[[tf.Operation], Compute]:
    """The maker of a function that does not depend on the operation's attributes."""
    return lambda op: function


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(x))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Array) -> Array:
    return np.logaddexp(np.float32(0), x)


def _softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _leaky_relu(op: tf.Operation) -> Compute:
    slope = np.float32(op.get_attr("alpha"))
    return lambda x: np.where(x > 0, x, slope * x)


def _product(left: str, right: str) -> Callable[[tf.Operation], Compute]:
    """The maker of matrix products; these attributes say whether the last two axes are exchanged."""

    def make(op: tf.Operation) -> Compute:
        a, b = op.get_attr(left), op.get_attr(right)
        return lambda x, y: (x.swapaxes(-1, -2) if a else x) @ (y.swapaxes(-1, -2) if b else y)

    return make


def _convolution(op: tf.Operation) -> Compute:
    _, down, right, _ = op.get_attr("strides")
    if op.get_attr("padding") != b"VALID" or op.get_attr("data_format") != b"NHWC":
        raise NotImplementedError("a convolution with padding")

    def convolve(images: Array, kernel: Array) -> Array:
        height, width, channels, filters = kernel.shape
        # With columns and channels on one axis, the rows of a window lie in one piece, and copying is faster.
        lines = images.reshape(*images.shape[:2], -1)
        windows = sliding_window_view(lines, (height, width * channels), axis=(1, 2))
        windows = windows[:, ::down, :: right * channels]  # (N, H, W, h, w C)
        rows = windows.reshape(-1, height * width * channels)
        return (rows @ kernel.reshape(-1, filters)).reshape(*windows.shape[:3], filters)

    return convolve


def _reduction(function: Callable[..., Array]) -> Callable[[tf.Operation], Compute]:
    def make(op: tf.Operation) -> Compute:
        keep = op.get_attr("keep_dims")
        return lambda x, axes: function(x, axis=tuple(np.atleast_1d(axes)), keepdims=keep)

    return make


def _pack(op: tf.Operation) -> Compute:
    axis = op.get_attr("axis")
    return lambda *arrays: np.stack(arrays, axis)


def _unpack(op: tf.Operation) -> Compute:
    axis, single = op.get_attr("axis"), op.get_attr("num") == 1
    return lambda x: x.take(0, axis) if single else np.moveaxis(x, axis, 0)


def _split(x: Array, sizes: Array, axis: Array) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], int(axis))


def _strided_slice(op: tf.Operation) -> Compute:
    masks = {name: op.get_attr(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}

    def index(begin: Array, end: Array, strides: Array) -> tuple[Any, ...]:
        def at(place: int) -> Any:
            bit = 1 << place
            if masks["ellipsis"] & bit:
                return ...
            if masks["new_axis"] & bit:
                return None
            if masks["shrink_axis"] & bit:
                return int(begin[place])
            first = None if masks["begin"] & bit else int(begin[place])
            return slice(first, None if masks["end"] & bit else int(end[place]), int(strides[place]))

        return tuple(at(place) for place in range(len(begin)))

    return lambda x, begin, end, strides: x[index(begin, end, strides)]


def _cast(op: tf.Operation) -> Compute:
    kind = op.get_attr("DstT").as_numpy_dtype
    return lambda x: x.astype(kind)


def _arg_max(op: tf.Operation) -> Compute:
    kind = op.get_attr("output_type").as_numpy_dtype
    return lambda x, axis: x.argmax(int(axis)).astype(kind)


def _one_hot(op: tf.Operation) -> Compute:
    axis = op.get_attr("axis")

    def one_hot(index: Array, depth: Array, on: Array, off: Array) -> Array:
        chosen: Array = np.where(index[..., None] == np.arange(int(depth)), on, off)
        return np.moveaxis(chosen, -1, axis)

    return one_hot


PLAIN: dict[str, Compute] = {
    "Identity": lambda x: x,
    "IdentityN": lambda *arrays: arrays if len(arrays) > 1 else arrays[0],
    "StopGradient": lambda x: x,
    "Abs": np.abs,
    "Log": np.log,
    "Log1p": np.log1p,
    "Neg": np.negative,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Sign": np.sign,
    "Tanh": np.tanh,
    "Elu": _elu,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softmax": _softmax,
    "AddV2": np.add,
    "BiasAdd": np.add,
    "Less": np.less,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "Pow": np.power,
    "RealDiv": np.divide,
    "SquaredDifference": lambda x, y: np.square(x - y),
    "Sub": np.subtract,
    "ConcatV2": lambda *arrays: np.concatenate(arrays[:-1], int(arrays[-1])),
    "ExpandDims": lambda x, axis: np.expand_dims(x, int(axis)),
    "Reshape": lambda x, shape: x.reshape(shape),
    "SelectV2": np.where,
    "SplitV": _split,
    "Tile": np.tile,
    "Transpose": np.transpose,
}
OPERATIONS: dict[str, Callable[[tf.Operation], Compute]] = {
    **{name: _plain(function) for name, function in PLAIN.items()},
    "ArgMax": _arg_max,
    "BatchMatMulV2": _product("adj_x", "adj_y"),
    "Cast": _cast,
    "Conv2D": _convolution,
    "LeakyRelu": _leaky_relu,
    "MatMul": _product("transpose_a", "transpose_b"),
    "Mean": _reduction(np.mean),
    "OneHot": _one_hot,
    "Pack": _pack,
    "StridedSlice": _strided_slice,
    "Sum": _reduction(np.sum),
    "Unpack": _unpack,
}
