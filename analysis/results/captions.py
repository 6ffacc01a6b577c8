"""Captions of figures: notes for full ones, and brief ones of at most three lines for a PNG."""

import textwrap

from analysis.inputs import Inputs
from analysis.scoring import seeds
from analysis.settings import AnalysisSettings
from common.text import counted

SOURCE = 60  # characters of the source in a brief caption


def notes(inputs: Inputs, scoring: str = "") -> list[str]:
    """The data, how scores and intervals are computed, and the command.

    Args:
        inputs: The inputs of the figure.
        scoring: How its numbers are computed; default: as `Inputs.scoring` describes.
    """
    command = [f"Command: {inputs.command}"] if inputs.command else []
    return [data(inputs), scoring or inputs.scoring, *command]


def data(inputs: Inputs) -> str:
    """The source, tasks and steps."""
    return f"Data: {inputs.scores.source}; {counted(_tasks(inputs), 'task')}, {_steps(inputs)}."


def brief(inputs: Inputs, title: str, shows: str) -> str:
    """What the figure shows, and the data, tasks, seeds and steps.

    Args:
        inputs: The inputs of the figure.
        title: Its title.
        shows: What marks, lines, bars and bands are, in a few words.
    """
    source = textwrap.shorten(inputs.scores.source, SOURCE, placeholder=" ...")
    count = seeds(inputs.finals)
    return (
        f"{title}. {shows}. Data: {source}; {counted(_tasks(inputs), 'task')}, "
        f"{count} seed{'' if count == '1' else 's'}, {_steps(inputs)}."
    )


def published(inputs: Inputs) -> str:
    """What published scores are, and how their scale differs from that of the runs."""
    known = any(method.steps is not None or method.observations for method in inputs.published)
    scale = f", after the environment steps and from the observations in their names; these runs: {_steps(inputs)}"
    return f"published scores{scale if known else ''}."


def interval(inputs: Inputs) -> str:
    """The kind of interval, for bars and bands."""
    if inputs.finals.groupby(["task", "variant"], observed=True)["seed"].nunique().max() == 1:
        return "none, since one seed has no interval"
    return kind(inputs.settings)


def kind(settings: AnalysisSettings) -> str:
    """The kind of interval, if there are several seeds."""
    return f"{100 * settings.confidence:g} % stratified bootstrap interval over seeds"


def _tasks(inputs: Inputs) -> int:
    return inputs.finals["task"].nunique()


def _steps(inputs: Inputs) -> str:
    steps = inputs.evaluations.groupby("task")["step"].max()
    return f"{' to '.join(f'{step:,.0f}' for step in sorted({steps.min(), steps.max()}))} {inputs.scores.unit}"
