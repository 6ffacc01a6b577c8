"""The settings of the statistics; nothing here imports pandas or matplotlib."""

from typing import Literal

from pydantic import BaseModel, Field


class AnalysisSettings(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    """How returns become scores, and scores statistics."""

    final_window: float = Field(0.1, gt=0, le=1, description="Share of the last steps whose evaluations are averaged")
    repetitions: int = Field(50_000, ge=1, le=1_000_000, description="Bootstrap repetitions of an interval")
    confidence: float = Field(0.95, gt=0, lt=1, description="Probability that an interval covers")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the bootstrap")
    normalization: Literal["dmc", "atari", "none"] = Field(
        "dmc",
        description="Divide returns by the most that a task allows (dmc; dm_control: 1000), "
        "put random play at 0 and a human at 1 (atari), or take them as they are (none)",
    )
