"""Observations between environments and agents."""

import gymnasium

from agents.agent import ArraySpec, Observations, ObservationSpec
from envs.task import Observation


def observation_spec(space: gymnasium.Space) -> ObservationSpec:
    """The specification of an environment's observations for an agent.

    Raises:
        ValueError: observations are not arrays by name.
    """
    if not isinstance(space, gymnasium.spaces.Dict):
        raise ValueError(f"observations must be arrays by name, not {space}")
    spec = {}
    for name, part in space.items():
        if part.shape is None or part.dtype is None:
            raise ValueError(f"the observation {name} must be an array, not {part}")
        spec[name] = ArraySpec(part.shape, part.dtype)
    return spec


def row(observations: Observations, index: int) -> Observation:
    """The observation of one of N environments."""
    return {name: array[index] for name, array in observations.items()}
