"""The settings of the analysis; nothing here imports pandas or matplotlib."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from common.settings import Group


def _no_best(value: object) -> object:
    if value == "best":
        raise ValueError(
            "the best of several evaluations is biased upwards, and more so with more evaluations; use the last"
        )
    return value


class AnalysisSettings(Group):
    """How scores, statistics and figures are made from returns."""

    metric: str = Field("eval/return", min_length=1, description="Metric to analyse, by its name in the runs' logs")
    final: Annotated[Literal["window", "last"], BeforeValidator(_no_best)] = Field(
        "window",
        description="Final score of a run: mean of the evaluations in its final window (window) or its last evaluation "
        "(last); the best evaluation is biased and not offered",
    )
    final_window: float = Field(
        0.1, gt=0, le=1, description="Final window: the last share of a run's environment steps"
    )
    until: Literal["common"] | Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Cut all runs at this environment step; common: at the step that every variant reaches on a task, "
        "with its longest run; default: no cut",
    )
    untrained: Literal["leave_out", "keep"] = Field(
        "leave_out", description="Runs that never got past their first evaluation, while others did: leave_out or keep"
    )
    repetitions: int = Field(50_000, ge=1, le=1_000_000, description="Bootstrap repetitions per interval")
    confidence: float = Field(0.95, gt=0, lt=1, description="Confidence level of the intervals")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the bootstrap")
    normalization: Literal["dmc", "random", "atari", "none"] | Annotated[str, Field(pattern=r"\.csv$")] = Field(
        "dmc",
        description="Normalisation of returns: divide by the task's best return (dmc; 1000 for dm_control), map random "
        "actions to 0 and the best return to 1 (random), map random play to 0 and a human to 1 (atari), none, or a "
        ".csv file with the columns task, low, high: the returns that map to 0 and 1",
    )
    reference: str = Field("", description="Variant that the others are compared with; default: the first")
    x: Literal["steps", "hours"] = Field("steps", description="x axis of curves: environment steps or training hours")
    bin: float | None = Field(
        None,
        ge=1,
        le=1e12,
        description="Bin width of curves in environment steps; evaluations are averaged within a bin",
    )
    band: Literal["interval", "std", "range", "none"] = Field(
        "interval",
        description="Band of a curve: bootstrap interval of the mean, standard deviation or range over seeds, or none",
    )
    columns: int | None = Field(None, ge=1, le=8, description="Panels per row in figures with one panel per task")

    @property
    def score(self) -> str:
        """What statistics over tasks are computed from, in figures."""
        return "score" if self.normalization == "none" else "normalised score"

    @property
    def quantity(self) -> str:
        """The name of the metric in figures: `return`, or else its name in the logs."""
        return "return" if self.metric.rpartition("/")[2] == "return" else self.metric
