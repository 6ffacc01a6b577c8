"""The result of SD2 for a task: correlations, the merge path that follows from them, and the groups."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.settings import DiscoverySettings
from discovery import sd2
from envs.registry import IMAGE_SHAPE

PIXEL = re.compile(r"pixel\[(\d+),(\d+),(\d+)\]")


@dataclass(frozen=True)
class Discovery:
    """The result of SD2 for a task.

    Attributes:
        task: The task.
        settings: The settings of the discovery.
        folder: Its folder.
        action_names: The name of each action dimension; A names.
        state_names: The state dimensions that changed at least once; V names.
        correlations: |correlation| of each action with the change of each state dimension, (A, V).
        merges: The whole merge path, A - 1 merges.
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
        """The groups of action indices for this eta."""
        return sd2.groups(self.merges, len(self.action_names), self.settings.eta)

    @property
    def names(self) -> list[list[str]]:
        """The groups by the names of the actions."""
        return [[self.action_names[index] for index in group] for group in self.groups]

    @property
    def title(self) -> str:
        """Task, input, steps and seed as text."""
        settings = self.settings
        return f"{self.task}, {settings.input}, {settings.steps:,} random steps, seed {settings.seed}"

    @property
    def pictures(self) -> NDArray[np.float64]:
        """The correlations with pixels as images, (A, 64, 64, 3); NaN where a pixel never changed.

        Raises:
            ValueError: the state dimensions are not pixels.
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
    """How often each pair of actions is in one group, over discoveries that differ in their seeds; shares (A, A)."""
    return sd2.stability([each.groups for each in found], len(found[0].action_names))


def pixel_names(shape: Sequence[int]) -> list[str]:
    """The name of each number of an image: `pixel[row,column,channel]`."""
    return [f"pixel[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]


def _pixel(name: str) -> tuple[int, ...]:
    """Row, column and channel from a name by `pixel_names`."""
    match = PIXEL.fullmatch(name)
    if match is None:
        raise ValueError(f"the state dimension {name} is not a pixel")
    return tuple(map(int, match.groups()))
