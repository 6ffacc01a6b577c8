"""The cost of a network's layers: weights, and multiplications for one state."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Layer:
    """A layer by its number of kernel weights, of biases, and of positions where it is applied for each state."""

    kernel: int
    biases: int
    positions: int = 1

    @property
    def products(self) -> int:
        """Multiplications for one state."""
        return self.positions * self.kernel

    @property
    def outputs(self) -> int:
        """Outputs for one state, of a layer with one bias for each output."""
        return self.positions * self.biases


def dense(*sizes: int) -> list[Layer]:
    """Dense layers between successive sizes."""
    return [Layer(inputs * outputs, outputs) for inputs, outputs in pairwise(sizes)]


def convolution(side: int, kernel: int, inputs: int, outputs: int) -> Layer:
    """A square kernel at side x side positions, from `inputs` to `outputs` channels."""
    return Layer(kernel**2 * inputs * outputs, outputs, side**2)


def products(layers: Iterable[Layer]) -> int:
    """Multiplications of several layers for one state."""
    return sum(layer.products for layer in layers)
