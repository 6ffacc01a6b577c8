"""How often a job may be requeued for a run: budgets of time-outs and preemptions, and a check of progress."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.text import counted
from runs.settings import SlurmSettings

Attempt = Mapping[str, Any]  # as in provenance.json
Position = tuple[int, int]  # environment steps and gradient steps of the newest checkpoint
FRUITLESS = 2  # consecutive attempts without progress after which a run fails
LOST = 10  # additional requeues for other reasons, mostly lost nodes


def verdict(attempts: Sequence[Attempt], position: Position, restarts: int, settings: SlurmSettings) -> str | None:
    """Why a run that was interrupted may not continue, or None if it may.

    Args:
        attempts: Its attempts in the same job, oldest first; all have ended.
        position: The progress of the run.
        restarts: How often the job was requeued, as counted by Slurm.
        settings: The budgets.
    """
    reasons = [attempt.get("reason") for attempt in attempts]
    for reason, budget, name in (
        ("timed out", settings.timeouts, "timeouts"),
        ("preempted", settings.preemptions, "preemptions"),
    ):
        if reasons.count(reason) > budget:
            return f"it {_was(reason)} {counted(reasons.count(reason), 'time')}, and slurm.{name} is {budget}"
    # Counts also attempts that ended before they were recorded.
    if restarts > settings.timeouts + settings.preemptions + LOST:
        return (
            f"its job was requeued {restarts} times, more than slurm.timeouts, slurm.preemptions and {LOST} lost nodes"
        )
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
