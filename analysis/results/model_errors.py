"""Prediction errors of world models on evaluation episodes: final errors and curves, computed like those of returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import families, scoring, statistics
from analysis.figures import panels
from analysis.figures.lines import lines
from analysis.figures.panels import WIDE
from analysis.figures.points import label_ticks, side_by_side
from analysis.figures.style import LARGE, TWO, Look, handle, styled, wrapped
from analysis.inputs import Inputs
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.results.curves import curves
from analysis.scores import ENVIRONMENT_STEPS, ERROR, usable_model_errors
from analysis.scoring import span
from analysis.settings import AnalysisSettings
from analysis.tables import Grid, Table, with_rule

SERIES = ["task", "variant", "measure", "horizon"]  # the columns that name one mean or curve
MEASURES = {
    "image": "Image error: mean squared error of the predicted image, over pixels in [-0.5, 0.5] and channels.",
    "state": "State error: mean squared error of the predicted state vector, standardised by the run's first, random "
    "episodes and compressed by symlog (Hafner et al. 2023).",
    "reward": "Reward error: mean absolute error of the predicted reward.",
    "kl": "KL: divergence of the posterior, which has seen all observations, from the open-loop prior, in the model's "
    "latent space; between models, only its trend is comparable, not its size.",
}
TITLES = {
    "image": "Image error (MSE)",
    "state": "State error (MSE)",
    "reward": "Reward error (MAE)",
    "kl": "KL from prior (nats)",
}
MANY = 6  # with more tasks, rows are in two columns
CURVE_HORIZON = 15  # agent steps ahead: Dreamer's imagination horizon
METHOD = (
    "Errors of open-loop prediction after a context of 5 records, by the number of agent steps ahead, on evaluation "
    "episodes, which are never trained on."
)
CAUTION = (
    "Each agent is measured on its own evaluation episodes, so on the states that its behaviour visits; "
    "`launch.py eval RUN --model-error --policy random` measures all agents on the same episodes."
)


@dataclass(frozen=True)
class ModelErrors:
    """The numbers behind the tables and figures.

    Attributes:
        finals: Rows task, variant, measure, horizon, mean, low, high, seeds, sequences (behind the mean, over all
            seeds and evaluations, if known).
        curves: Rows task, variant, measure, horizon, step, mean, low, high, seeds; all of one horizon.
        scoring: How final errors and intervals are computed, as text.
        intervals: How intervals are computed, as text.
    """

    finals: pd.DataFrame
    curves: pd.DataFrame
    scoring: str
    intervals: str

    @property
    def measures(self) -> list[str]:
        """The measures with data, in the order of the tables."""
        return [measure for measure in MEASURES if measure in set(self.finals["measure"])]


def result(inputs: Inputs) -> Result | None:
    """The errors as numbers, figures and one table per measure; None if no run measured any."""
    errors = summarize(inputs.ordered(usable_model_errors(inputs.scores)), inputs.settings)
    if errors is None:
        return None
    about = " ".join(notes(*errors.measures))
    horizon = int(errors.curves["horizon"].iloc[0])
    ahead, training = (
        "Model error against the prediction horizon",
        f"Model error {horizon} agent steps ahead against environment steps",
    )
    interval = captions.interval(inputs)
    points = f"Points: mean over seeds; hollow: fewer seeds than other points of the panel; bars: {interval}."
    lines = f"Lines: mean over n seeds; dotted: fewer than n seeds; bands: {interval}."
    plots = [
        Plot(
            "model_error", ahead, f"{points} {about}",
            captions.brief(inputs, ahead, f"Points: mean over seeds; bars: {interval}"),
            partial(draw, errors.finals, inputs.looks, "horizon"),
            captions.notes(inputs, errors.scoring),
        ),
        Plot(
            "model_error_curves", training, f"{lines} {about}",
            captions.brief(inputs, training, f"Lines: mean over seeds; bands: {interval}"),
            partial(draw, errors.curves, inputs.looks, "step"),
            captions.notes(inputs, errors.intervals),
        ),
    ]  # fmt: skip
    tables = [table(errors.finals, measure, *notes(measure), errors.scoring) for measure in errors.measures]
    return Result("predictions", {"model_errors": errors.finals}, plots, tables, intro=f"{METHOD} {CAUTION}")


def summarize(table: pd.DataFrame, settings: AnalysisSettings) -> ModelErrors | None:
    """Means over seeds of final errors and, at one horizon, of errors against environment steps.

    Args:
        table: Model errors: task, variant, seed, step, measure, horizon, value, sequences; finite, sorted by step.
        settings: The settings of the statistics.

    Returns:
        None if the table is empty, because no run measured a world model.
    """
    if table.empty:
        return None
    scores = table.rename(columns={"value": "score"})  # the column that the statistics average
    runs = scoring.final_scores(scores, settings, ERROR)
    runs = runs.merge(_sequences(scoring.final_evaluations(scores, settings, ERROR), ERROR), on=ERROR)
    finals = statistics.task_means(runs, settings, SERIES).merge(_sequences(runs, SERIES), on=SERIES)
    plain = settings.model_copy(
        update={"x": "steps", "bin": None, "band": "interval"}
    )  # these settings are for returns
    over_time = curves(scores[scores["horizon"] == curve_horizon(table)], plain, SERIES)
    finals = finals.assign(sequences=finals["sequences"].round().astype("Int64"))
    described = scoring.describe_model_errors(settings, runs)
    return ModelErrors(finals, over_time, described, scoring.intervals(settings, runs))


def curve_horizon(table: pd.DataFrame) -> int:
    """The horizon of the errors against environment steps: the largest up to 15 that every task has."""
    horizons = set.intersection(*(set(errors["horizon"]) for _, errors in table.groupby("task")))
    shared = sorted(horizons or set(table["horizon"]))
    return int(max((horizon for horizon in shared if horizon <= CURVE_HORIZON), default=shared[0]))


def notes(*measures: str) -> list[str]:
    """The method, some measures, and the caution for comparisons between agents."""
    return [METHOD, *(MEASURES[measure] for measure in measures), CAUTION]


def _sequences(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return table.groupby(by, sort=False)["sequences"].sum(min_count=1).reset_index()


def table(finals: pd.DataFrame, measure: str, *notes: str) -> Table:
    """One row per task and variant, one column per horizon: the mean final error of a measure with its interval.

    Args:
        finals: Rows task, variant, measure, horizon, mean, low, high, seeds.
        measure: One of MEASURES. KL is not comparable between models, so none is bold.
        notes: Sentences under the table.
    """
    errors = finals[finals["measure"] == measure]
    horizons = sorted(set(errors["horizon"]))
    grid = Grid(errors, "mean", ["task", "variant"], "horizon", horizons, "#.3g")
    seeds = [span(group) for _, group in errors.groupby(["task", "variant"], sort=False)["seeds"]]
    rows = [[*row, behind] for row, behind in zip(grid.rows, seeds, strict=True)]
    columns = ["task", "variant", *(f"h={horizon}" for horizon in horizons), "seeds"]
    bold = grid.bold(["task", "horizon"], pd.Series(True, errors.index)) if measure != "kl" else frozenset()
    noted = with_rule(notes, bold, "the lowest value of each task and horizon")
    return Table(f"{TITLES[measure]}, h agent steps ahead", noted, columns, rows, names=2, bold=bold)


@styled
def draw(errors: pd.DataFrame, looks: Mapping[str, Look], x: Literal["horizon", "step"]) -> Figure:
    """Model error against the prediction horizon or environment steps: one row per task, one column per measure.

    A panel with positive values that span a factor of ten or more has a logarithmic axis. More than 6 tasks are in two
    columns of rows.

    Args:
        errors: Rows task, variant, measure, mean, low, high, seeds, and the column `x`: the `finals` or the `curves` of
            `model_errors.summarize`.
        looks: Variant -> look, in the order of the legend.
        x: The column of the x axis.
    """
    tasks = sorted(set(errors["task"]))
    measures = [measure for measure in TITLES if measure in set(errors["measure"])]
    drawn = {name: look for name, look in looks.items() if name in set(errors["variant"])}
    blocks = 2 if len(tasks) > MANY else 1
    rows = -(-len(tasks) // blocks)
    columns = blocks * len(measures)
    panel = 1.5 if rows < 3 else 1.2 if blocks == 1 else 0.95  # height in inches
    figure = Figure(figsize=(TWO, panel * rows + 0.35))
    axes = figure.subplots(rows, columns, squeeze=False)
    horizons = sorted(set(errors["horizon"]))
    panel_of = dict(list(errors.groupby(["task", "measure"])))
    for i in range(rows * blocks):
        row, block = i % rows, i // rows
        for j, measure in enumerate(measures):
            axis = axes[row, block * len(measures) + j]
            if i >= len(tasks):
                axis.remove()
                continue
            if row == 0:
                axis.set_title(wrapped(TITLES[measure], TWO / columns - 0.42, LARGE))
            if j == 0:
                axis.set_ylabel(wrapped(families.title(tasks[i]), panel - 0.2, LARGE))
            if (tasks[i], measure) not in panel_of:
                axis.set_axis_off()
                continue
            data = panel_of[tasks[i], measure]
            if x == "step":
                lines(axis, data, drawn, x)
                panels.seeds(axis, data.groupby("variant")["seeds"].max(), "right")
            else:
                side_by_side(axis, data, drawn, "horizon", horizons, logarithmic=True)
                panels.ticks(axis, "y")
            values = data[["mean", "low", "high"]].to_numpy(float)
            if 0 < WIDE * np.nanmin(values) <= np.nanmax(values):
                panels.logarithmic(axis, "y")
            panels.headroom(axis)
    panels.share_x(figure.axes)
    label = ENVIRONMENT_STEPS.capitalize() if x == "step" else "Agent steps ahead"
    panels.finish(figure, [handle(name, look) for name, look in drawn.items()], label)
    if x == "horizon":
        label_ticks(figure.axes, horizons)
    return figure
