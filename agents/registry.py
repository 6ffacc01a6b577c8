"""Agents by the name that settings call them by."""

from agents.agent import ActionSpec, Agent
from agents.random_agent import Uniform
from agents.settings import AgentSettings


def make_agent(settings: AgentSettings, image_shape: tuple[int, int, int], action: ActionSpec, seed: int) -> Agent:
    """The agent that the settings name, with fresh weights.

    Args:
        settings: what the agent is like.
        image_shape: height, width and channels of its observations.
        action: what an action is.
        seed: of the run; weights and all random numbers follow from it.

    Raises:
        ValueError: the agent does not handle such images or actions.
    """
    if settings.agent == "random":
        return Uniform(action, seed)
    from agents.dreamer import Dreamer  # TensorFlow takes seconds to import

    return Dreamer(settings, image_shape, action, seed)
