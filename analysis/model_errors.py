"""How well world models predict held-out episodes: final errors and curves, by the same protocol as returns."""

from dataclasses import dataclass

import pandas as pd

from analysis import protocol, statistics
from analysis.scores import ERROR
from analysis.settings import AnalysisSettings

SERIES = ["task", "variant", "measure", "horizon"]  # what has one mean and one curve
MEASURES = {
    "image": "Image error: mean squared error of the predicted picture, over pixels in [-0.5, 0.5] and channels.",
    "reward": "Reward error: mean absolute error of the predicted reward.",
    "kl": "KL: divergence of the posterior, which has seen all pictures, from the open-loop prior. It lives in a "
    "model's own latent space: between models its size is not comparable, only its course.",
}
CURVE_HORIZON = 15  # agent steps ahead: as far as Dreamer imagines when it learns to act
METHOD = (
    "Open-loop prediction a number of agent steps ahead, after a context of 5 records, on evaluation episodes, "
    "which are never trained on."
)
CAUTION = (
    "Every agent is measured on its own evaluation episodes, and so on the states that its own behaviour leads to; "
    "`launch.py eval RUN --model-error --policy random` measures agents on the same episodes."
)


@dataclass(frozen=True)
class ModelErrors:
    """The numbers behind the tables and figures.

    Attributes:
        finals: Rows task, variant, measure, horizon, mean, low, high, seeds, sequences (behind the mean, over all of
            its seeds and evaluations, as far as known).
        curves: Rows task, variant, measure, horizon, step, mean, low, high, seeds; all of one horizon.
        protocol: What a final error and an interval are, in words.
        intervals: What an interval is.
    """

    finals: pd.DataFrame
    curves: pd.DataFrame
    protocol: str
    intervals: str

    @property
    def measures(self) -> list[str]:
        """Those that were measured, in the order of the tables."""
        return [measure for measure in MEASURES if measure in set(self.finals["measure"])]


def summarize(table: pd.DataFrame, settings: AnalysisSettings) -> ModelErrors | None:
    """Means over seeds of final errors and, at one horizon, of errors against environment steps.

    Args:
        table: Model errors: task, variant, seed, step, measure, horizon, value, sequences; finite, sorted by step.
        settings: The settings of the statistics.

    Returns:
        None if the table is empty: no run has a world model that was measured.
    """
    if table.empty:
        return None
    scores = table.rename(columns={"value": "score"})  # as the statistics call what they average
    runs = protocol.final_scores(scores, settings, ERROR)
    runs = runs.merge(_sequences(protocol.final_evaluations(scores, settings, ERROR), ERROR), on=ERROR)
    finals = statistics.task_means(runs, settings, SERIES).merge(_sequences(runs, SERIES), on=SERIES)
    plain = settings.model_copy(update={"x": "steps", "bin": None, "band": "interval"})  # those are for returns
    curves = statistics.curves(scores[scores["horizon"] == curve_horizon(table)], plain, SERIES)
    finals = finals.assign(sequences=finals["sequences"].round().astype("Int64"))
    described = protocol.describe_model_errors(settings, runs)
    return ModelErrors(finals, curves, described, protocol.intervals(settings, runs))


def curve_horizon(table: pd.DataFrame) -> int:
    """The horizon whose errors are drawn against environment steps: the largest up to 15 that every task has."""
    horizons = set.intersection(*(set(errors["horizon"]) for _, errors in table.groupby("task")))
    shared = sorted(horizons or set(table["horizon"]))
    return int(max((horizon for horizon in shared if horizon <= CURVE_HORIZON), default=shared[0]))


def notes(*measures: str) -> list[str]:
    """What a reader has to know of some measures before comparing agents by them."""
    return [METHOD, *(MEASURES[measure] for measure in measures), CAUTION]


def _sequences(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return table.groupby(by, sort=False)["sequences"].sum(min_count=1).reset_index()
