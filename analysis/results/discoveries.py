"""Discoveries of action groups (SD2); their figures are made in `discovery`."""

from analysis.inputs import Inputs
from analysis.result import Result


def result(inputs: Inputs) -> Result | None:
    """The figures of all discoveries; None without discoveries."""
    return Result("discovery", plots=inputs.discoveries) if inputs.discoveries else None
