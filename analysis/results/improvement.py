"""Probability that a run of a variant scores higher than a run of the reference (Agarwal et al. 2021)."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap
from analysis.figures import panels
from analysis.figures.marks import NAMES, marks, rows
from analysis.figures.style import LARGE, ONE, Look, styled, wrapped
from analysis.inputs import Inputs, shared
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.settings import AnalysisSettings
from analysis.statistics import score_matrix
from analysis.tables import Grid, Table
from common.errors import UserError
from common.text import nearest

Array = NDArray[np.float64]

COLUMNS = ["variant", "reference", "value", "low", "high", "runs", "reference_runs", "tasks"]
ABOVE = "Above 0.5, runs of the variant score higher more often than runs of the reference; at 0.5, neither do."
TITLE = "Probability of improvement"


def result(inputs: Inputs) -> Result | None:
    """The probabilities as numbers, figure and table; None for a single variant."""
    found = numbers(inputs)
    if found.empty:
        return None
    reference = found["reference"].iloc[0]
    bars = f"bars: {captions.interval(inputs)}"
    shows = (
        f"Marks: probability that a run of the variant scores higher than a run of {reference} on the same task, "
        f"averaged over tasks; ties count half (Mann-Whitney U); {bars}. Dotted line: 0.5, where neither is better."
    )
    shown = Plot(
        "improvement", TITLE, shows,
        captions.brief(inputs, f"{TITLE} over {reference}", f"Marks: probability; {bars}"),
        partial(draw, found, inputs.looks),
        captions.notes(inputs),
    )  # fmt: skip
    return Result("overview", {"improvement": found}, [shown], [table(found, inputs.scoring)])


@shared
def numbers(inputs: Inputs) -> pd.DataFrame:
    """The probabilities of all variants over the reference; by default, the first variant with a score."""
    scored = set(inputs.normalized["variant"])
    reference = inputs.settings.reference or next(name for name in inputs.variants if name in scored)
    return improvement(inputs.normalized, inputs.settings.model_copy(update={"reference": reference}))


def improvement(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The probability of improvement of each variant over the reference, with its interval.

    It is averaged over the tasks that both have; a variant without common tasks is left out. If tasks differ in their
    number of seeds, each gives its lowest seeds, as many as the task with the fewest has.

    Args:
        finals: One row per run: task, variant, seed, score; normalised, finite.
        settings: `reference` (default: the first variant); `repetitions`, `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, reference, value, low, high, runs and reference_runs (per task), tasks. The bounds are NaN if
        either has a single run per task.

    Raises:
        UserError: No run of the reference has a score.
    """
    runs_of = {str(variant): runs for variant, runs in finals.groupby("variant", sort=False)}
    reference = settings.reference or next(iter(runs_of))
    if reference not in runs_of:
        raise UserError(_unknown(reference, list(runs_of)))
    rows = []
    for variant, runs in runs_of.items():
        tasks = sorted(set(runs["task"]) & set(runs_of[reference]["task"]))
        if variant == reference or not tasks:
            continue
        pair = [score_matrix(scores, tasks) for scores in (runs, runs_of[reference])]
        [value], [[low], [high]] = bootstrap.interval(pair, probability, settings)
        rows.append((variant, reference, value, low, high, *map(len, pair), len(tasks)))
    return pd.DataFrame(rows, columns=COLUMNS)


def probability(scores_NT: Array, others_MT: Array) -> Array:
    """The mean over tasks of the Mann-Whitney statistic U / (N M): the share of pairs won; ties count half.

    Equal to `rliable.metrics.probability_of_improvement`, but a hundred times faster.

    Args:
        scores_NT: Runs x tasks.
        others_MT: Runs x the same tasks.
    """
    scores_N1T = scores_NT[:, None]
    won, not_lost = scores_N1T > others_MT, scores_N1T >= others_MT
    return np.array([(np.count_nonzero(won) + np.count_nonzero(not_lost)) / (2 * won.size)])


def table(improvement: pd.DataFrame, *notes: str) -> Table:
    """One row per variant: the probability that one of its runs scores higher than a run of the reference.

    Args:
        improvement: Rows variant, reference, value, low, high, runs, reference_runs, tasks.
        notes: Sentences under the table.
    """
    title = "P(better than reference)"
    grid = Grid(improvement.assign(title=title), "value", ["variant", "reference"], "title", [title], ".3f")
    sizes = improvement[["runs", "reference_runs", "tasks"]].to_numpy()
    rows = [[*row, *map(str, size)] for row, size in zip(grid.rows, sizes, strict=True)]
    columns = ["variant", "reference", title, "runs per task", "reference runs", "tasks"]
    return Table(TITLE, [*notes, ABOVE], columns, rows, names=2)


@styled
def draw(improvement: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """The probability of improvement of each variant over the reference, with a line at one half.

    Args:
        improvement: Rows variant, reference, value, low, high; one reference.
        looks: Variant -> look, from top to bottom.
    """
    [reference] = set(improvement["reference"])
    figure, names = rows(improvement, looks, ONE)
    axis = figure.subplots()
    axis.axvline(0.5, color="0.3", linestyle=":", linewidth=0.9)
    marks(axis, improvement, looks, names)
    axis.set_xlim(-0.02, 1.02)
    panels.ticks(axis, "x")
    return panels.finish(figure, [], wrapped(f"P(variant > {reference})", ONE - NAMES - 0.2, LARGE))


def _unknown(reference: str, variants: list[str]) -> str:
    return (
        f"`reference: {reference}` is not a variant with a score; "
        f"did you mean {nearest(reference, variants, cutoff=0)}? There are {', '.join(variants)}"
    )
