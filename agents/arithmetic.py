"""What the layers of a network cost: weights, and multiplications for one state."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Layer:
    """A kernel of so many weights with so many biases, applied at a number of positions for each state."""

    kernel: int
    biases: int
    positions: int = 1

    @property
    def products(self) -> int:
        """Multiplications for one state."""
        return self.positions * self.kernel

    @property
    def outputs(self) -> int:
        """Numbers that it gives for one state, where each has one bias."""
        return self.positions * self.biases


def dense(*sizes: int) -> list[Layer]:
    """Dense layers between so many numbers."""
    return [Layer(inputs * outputs, outputs) for inputs, outputs in pairwise(sizes)]


def convolution(side: int, kernel: int, inputs: int, outputs: int) -> Layer:
    """A square kernel at side x side positions, between so many channels."""
    return Layer(kernel**2 * inputs * outputs, outputs, side**2)


def products(layers: Iterable[Layer]) -> int:
    """Multiplications of several layers for one state."""
    return sum(layer.products for layer in layers)
