"""Discoveries of action groups (SD2), whose figures come from elsewhere."""

from analysis.inputs import Inputs
from analysis.result import Result


def result(inputs: Inputs) -> Result | None:
    """The figures of all discoveries; None without one."""
    return Result("discovery", plots=inputs.discoveries) if inputs.discoveries else None
