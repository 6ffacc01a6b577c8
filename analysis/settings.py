"""The settings of the analysis; nothing here imports pandas or matplotlib."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from common.settings import Group


def _no_best(value: object) -> object:
    if value == "best":
        raise ValueError(
            "the best of many evaluations is biased upwards, the more so the more there are: take the last"
        )
    return value


class AnalysisSettings(Group):
    """How returns become scores, and scores statistics and figures."""

    metric: str = Field("eval/return", min_length=1, description="Name of what is analysed, as the runs' logs have it")
    final: Annotated[Literal["window", "last"], BeforeValidator(_no_best)] = Field(
        "window",
        description="Final score of a run: the mean of its evaluations in a last share of its steps (window), or its "
        "last evaluation (last); the best evaluation is not offered, being biased",
    )
    final_window: float = Field(0.1, gt=0, le=1, description="Share of the last steps whose evaluations are averaged")
    repetitions: int = Field(50_000, ge=1, le=1_000_000, description="Bootstrap repetitions of an interval")
    confidence: float = Field(0.95, gt=0, lt=1, description="Probability that an interval covers")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the bootstrap")
    normalization: Literal["dmc", "atari", "none"] | Annotated[str, Field(pattern=r"\.csv$")] = Field(
        "dmc",
        description="Divide returns by the most that a task allows (dmc; dm_control: 1000), "
        "put random play at 0 and a human at 1 (atari), take them as they are (none), or name a .csv file with the "
        "columns task, low, high: the returns that count as 0 and as 1",
    )
    reference: str = Field("", description="Variant that the others are compared with; by default the first")
    x: Literal["steps", "hours"] = Field("steps", description="What curves are drawn against: steps or hours of time")
    bin: float | None = Field(
        None, gt=0, description="Environment steps of a bin: a curve has the mean of a run's evaluations in each"
    )
    band: Literal["interval", "std", "range", "none"] = Field(
        "interval",
        description="What a curve's band shows: the bootstrap interval of the mean, one standard deviation over seeds, "
        "or lowest and highest seed",
    )
    columns: int | None = Field(None, ge=1, le=8, description="Panels beside each other in figures with one a task")

    @property
    def quantity(self) -> str:
        """What is analysed, in a word if it is a return, else by its name in the logs."""
        return "return" if self.metric.rpartition("/")[2] == "return" else self.metric
