"""What SD2 found in a task: correlations, the merge path that follows from them, and the groups."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.settings import DiscoverySettings
from discovery import sd2

IMAGE_SHAPE = (64, 64, 3)  # of what is looked at where the input is pixels
PIXEL = re.compile(r"pixel\[(\d+),(\d+),(\d+)\]")


@dataclass(frozen=True)
class Discovery:
    """What SD2 found in a task.

    Attributes:
        task: The task.
        settings: What was asked for.
        folder: Where it is written.
        action_names: What each action dimension drives; A names.
        state_names: The state dimensions that ever changed; V names.
        correlations: |correlation| of each action with the change of each of them, (A, V).
        merges: The merge path to its end, A - 1 merges.
    """

    task: str
    settings: DiscoverySettings
    folder: Path
    action_names: list[str]
    state_names: list[str]
    correlations: NDArray[np.float64]
    merges: list[sd2.Merge]

    @property
    def groups(self) -> sd2.Groups:
        """The groups of action indices that eta leads to."""
        return sd2.groups(self.merges, len(self.action_names), self.settings.eta)

    @property
    def names(self) -> list[list[str]]:
        """The groups by the names of the actions."""
        return [[self.action_names[index] for index in group] for group in self.groups]

    @property
    def title(self) -> str:
        """Task, input, steps and seed, in words."""
        asked = self.settings
        return f"{self.task}, {asked.input}, {asked.steps:,} random steps, seed {asked.seed}"

    @property
    def pictures(self) -> NDArray[np.float64]:
        """The correlations with pixels at their places, (A, 64, 64, 3); NaN where a pixel never changed.

        Raises:
            ValueError: the state dimensions are no pixels.
        """
        pictures = np.full((len(self.action_names), *IMAGE_SHAPE), np.nan)
        rows, columns, channels = np.array([_pixel(name) for name in self.state_names], int).T
        pictures[:, rows, columns, channels] = self.correlations
        return pictures

    @property
    def margins(self) -> sd2.Margins:
        """How close the decision to stop merging was."""
        return sd2.margins(self.merges, self.settings.eta)


def stability(found: Sequence[Discovery]) -> NDArray[np.float64]:
    """How often each pair of actions falls into one group, in discoveries that differ in their seeds; shares (A, A)."""
    return sd2.stability([each.groups for each in found], len(found[0].action_names))


def pixel_names(shape: Sequence[int]) -> list[str]:
    """The name of each number of an image: `pixel[row,column,channel]`."""
    return [f"pixel[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]


def _pixel(name: str) -> tuple[int, ...]:
    """Row, column and channel that `pixel_names` put into a name."""
    match = PIXEL.fullmatch(name)
    if match is None:
        raise ValueError(f"the state dimension {name} is no pixel")
    return tuple(map(int, match.groups()))
