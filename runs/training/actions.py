"""Actions between agents and environments: specification, conversion, random actions."""

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.agent import ActionSpec

Actions = NDArray[np.float32]  # (N, A)


def action_spec(space: gymnasium.Space) -> ActionSpec:
    """The specification of an environment's actions for an agent."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return ActionSpec(int(space.n), discrete=True)
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return ActionSpec(space.shape[0])
    raise ValueError(f"actions must be a vector or discrete, not {space}")


def native(spec: ActionSpec, actions: Actions) -> NDArray:
    """An agent's actions in the form of the environment: indices instead of one-hot vectors if discrete."""
    return np.argmax(actions, -1) if spec.discrete else actions


def random_action(spec: ActionSpec, rng: np.random.Generator) -> NDArray[np.float32]:
    """A uniformly random action."""
    if spec.discrete:
        return np.eye(spec.size, dtype=np.float32)[rng.integers(spec.size)]
    return rng.uniform(-1.0, 1.0, spec.size).astype(np.float32)
