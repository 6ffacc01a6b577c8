"""The agents by the name that settings call them by, and what the rest of the program knows of each.

Adding an agent takes its module, its settings in `agents.settings`, and a line here: the setting `agent`, its JSON
Schema, identities and commands follow. Nothing here imports numpy or TensorFlow before an agent is made.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.agent import ActionSpec, Agent, ObservationSpec
    from agents.settings import AgentSettings


@dataclass(frozen=True)
class AgentEntry:
    """An agent, seen from outside.

    Attributes:
        make: Its class as `module:Class`, called with settings, observations, action and seed.
        reads: Dotted keys of the agents' settings that affect what it does, given all of them.
        learns: Whether it changes with experience; one that does not can play without having been trained.
        has_world_model: Whether it has a model whose predictions can be compared with what happens.
    """

    make: str
    reads: "Callable[[AgentSettings], Collection[str]]"
    learns: bool
    has_world_model: bool


AGENTS = {
    "dreamer": AgentEntry("agents.dreamer:Dreamer", lambda s: s.read_by_dreamer, learns=True, has_world_model=True),
    "random": AgentEntry("agents.random_agent:RandomAgent", lambda s: (), learns=False, has_world_model=False),
}


def make_agent(settings: "AgentSettings", observations: "ObservationSpec", action: "ActionSpec", seed: int) -> "Agent":
    """The agent that the settings name, with fresh weights.

    Args:
        settings: what the agent is like.
        observations: what an observation holds.
        action: what an action is.
        seed: of the run; weights and all random numbers follow from it.

    Raises:
        ValueError: the agent does not handle such observations or actions.
    """
    module, _, name = AGENTS[settings.agent].make.partition(":")
    agent: Agent = getattr(import_module(module), name)(settings, observations, action, seed)
    return agent
