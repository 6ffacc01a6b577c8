"""How often a run may come back in its job: budgets of time-outs and preemptions, and no attempts without progress."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.text import counted
from runs.settings import SlurmSettings

Attempt = Mapping[str, Any]  # as provenance.json keeps it
Position = tuple[int, int]  # environment steps and gradient steps of the newest checkpoint
FRUITLESS = 2  # attempts in a row without progress that are enough
LOST = 10  # returns for other reasons, lost nodes mostly, that are granted besides


def verdict(attempts: Sequence[Attempt], position: Position, restarts: int, settings: SlurmSettings) -> str | None:
    """Why a run that did not end may not come back, or None if it may.

    Args:
        attempts: What the same job has tried, oldest first; none of them goes on any more.
        position: How far the run has come.
        restarts: Times that the job has come back, as Slurm counts them.
        settings: The budgets.
    """
    reasons = [attempt.get("reason") for attempt in attempts]
    for reason, budget, name in (
        ("timed out", settings.timeouts, "timeouts"),
        ("preempted", settings.preemptions, "preemptions"),
    ):
        if reasons.count(reason) > budget:
            return f"it {_was(reason)} {counted(reasons.count(reason), 'time')}, and slurm.{name} is {budget}"
    # Also where no attempt lived long enough to be noted.
    if restarts > settings.timeouts + settings.preemptions + LOST:
        return f"its job came back {restarts} times, more than slurm.timeouts, slurm.preemptions and {LOST} lost nodes"
    begun = [(attempt.get("step"), attempt.get("updates")) for attempt in attempts[-FRUITLESS:]]
    if begun == [position] * FRUITLESS:
        return (
            f"it makes no progress: {FRUITLESS} attempts in a row ({', '.join(map(str, reasons[-FRUITLESS:]))}) got no "
            f"further than step {position[0]:,}; its jobs may be too short (slurm.hours) or its checkpoints too rare "
            "(checkpoint.every)"
        )
    return None


def _was(reason: str) -> str:
    return reason if reason == "timed out" else f"was {reason}"
