"""The agents by their name in the settings, and what the rest of the program needs to know of each.

To add an agent, write its module, its settings in `agents.settings`, and a line here. The setting `agent`, the JSON
schema, identities and commands then include it. Nothing here imports numpy or TensorFlow until an agent is made.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agents.agent import ActionSpec, Agent, ObservationSpec
    from agents.settings import AgentSettings


Material = Literal["nothing", "sequences", "transitions", "unrolls"]


@dataclass(frozen=True)
class AgentEntry:
    """What the rest of the program needs to know of an agent.

    Attributes:
        make: Its class as `module:Class`, called with settings, observations, action and seed.
        reads: From the settings of all agents, the dotted keys of those that affect what it does.
        learns_from: The batches that training takes: sequences of the replay with a length that the run sets
            (`sequences`) or the agent (`transitions`), or the newest steps of all environments (`unrolls`). An agent
            that learns from `nothing` is not changed by training, and can be evaluated without.
        has_world_model: Whether it has a model whose predictions can be compared with what happens.
        discrete: Whether it can choose among discrete actions.
    """

    make: str
    reads: "Callable[[AgentSettings], Collection[str]]"
    learns_from: "Material"
    has_world_model: bool = False
    discrete: bool = True

    @property
    def learns(self) -> bool:
        """Whether training changes it."""
        return self.learns_from != "nothing"


AGENTS = {
    "dreamer": AgentEntry("agents.dreamer:Dreamer", lambda s: s.read_by_dreamer, "sequences", has_world_model=True),
    "d4pg": AgentEntry("agents.d4pg:D4PG", lambda s: s.read_by_d4pg, "transitions", discrete=False),
    "a3c": AgentEntry("agents.a3c:A3C", lambda s: s.read_by_a3c, "unrolls"),
    "random": AgentEntry("agents.random_agent:RandomAgent", lambda s: (), "nothing"),
}


def make_agent(settings: "AgentSettings", observations: "ObservationSpec", action: "ActionSpec", seed: int) -> "Agent":
    """The agent that the settings name, with initial weights.

    Args:
        settings: the settings of all agents.
        observations: the arrays of an observation.
        action: the form of an action.
        seed: the run's seed, which determines the initial weights and all random numbers.

    Raises:
        ValueError: the agent does not handle such observations or actions.
    """
    module, _, name = AGENTS[settings.agent].make.partition(":")
    agent: Agent = getattr(import_module(module), name)(settings, observations, action, seed)
    return agent
