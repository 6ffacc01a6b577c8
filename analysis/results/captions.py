"""Captions of figures: in full for text, and in two or three lines for a picture that travels alone."""

import textwrap

from analysis.inputs import Inputs
from analysis.scoring import seeds

SOURCE = 60  # characters of the source in a brief caption


def full(inputs: Inputs, shows: str, scoring: str = "") -> str:
    """What is to be seen, the data, how scores and intervals are made, and the command.

    Args:
        inputs: What the figure is made from.
        shows: Sentences on what is to be seen.
        scoring: How its numbers are made, if they are no returns.
    """
    command = f"Command: {inputs.command}" if inputs.command else ""
    data = f"Data: {inputs.scores.source}; {counted_tasks(_tasks(inputs))}, {_steps(inputs)}."
    return " ".join(filter(None, [shows, data, scoring or inputs.scoring, command]))


def brief(inputs: Inputs, title: str, shows: str) -> str:
    """What is drawn, and from which data, tasks, seeds and steps.

    Args:
        inputs: What the figure is made from.
        title: Its title.
        shows: What marks and bars or bands are, in a few words.
    """
    source = textwrap.shorten(inputs.scores.source, SOURCE, placeholder=" ...")
    count = seeds(inputs.finals)
    return (
        f"{title}. {shows}. Data: {source}; {counted_tasks(_tasks(inputs))}, "
        f"{count} seed{'' if count == '1' else 's'}, {_steps(inputs)}."
    )


def interval(inputs: Inputs) -> str:
    """What an interval is, in a few words."""
    return f"{100 * inputs.settings.confidence:g} % bootstrap intervals"


def counted_tasks(count: int) -> str:
    """`1 task`, or `20 tasks`."""
    return f"{count} task{'s' if count > 1 else ''}"


def _tasks(inputs: Inputs) -> int:
    return inputs.finals["task"].nunique()


def _steps(inputs: Inputs) -> str:
    steps = inputs.evaluations.groupby("task")["step"].max()
    return f"{' to '.join(f'{step:,.0f}' for step in sorted({steps.min(), steps.max()}))} environment steps"
