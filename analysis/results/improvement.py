"""Probability that a run of a variant scores higher than a run of the reference (Agarwal et al. 2021)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby

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
from analysis.statistics import by_task, per_task
from analysis.tables import Grid, Table
from common.errors import UserError
from common.text import hint, listed, shortened

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

    It is averaged over the tasks that both have; a variant without common tasks is left out. Every task weighs the
    same, however many runs it has.

    Args:
        finals: One row per run: task, variant, seed, score; normalised, finite.
        settings: `reference` (default: the first variant); `repetitions`, `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, reference, value, low, high, runs and reference_runs (per task, such as 5 or `3 to 5`), tasks.
        The bounds are NaN if either has a single run of every task.

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
        pair = [by_task(scores, tasks) for scores in (runs, runs_of[reference])]
        function = probability(*([len(scores) for scores in sample] for sample in pair))
        [value], [[low], [high]] = bootstrap.interval(pair, function, settings)
        rows.append((variant, reference, value, low, high, *map(per_task, pair), len(tasks)))
    return pd.DataFrame(rows, columns=COLUMNS)


def probability(sizes_T: Sequence[int], other_sizes_T: Sequence[int]) -> Callable[[Array, Array], Array]:
    """The mean over tasks of the Mann-Whitney statistic U / (N M): the share of pairs won; ties count half.

    Equal to `rliable.metrics.probability_of_improvement`, but much faster.

    Args:
        sizes_T: The number of runs of each task.
        other_sizes_T: Those of the runs that they are compared with.

    Returns:
        Maps two arrays, each with the scores of the first task's runs, then of the second's, ..., to the statistic (1).
    """
    starts_T = np.cumsum(sizes_T) - sizes_T, np.cumsum(other_sizes_T) - other_sizes_T
    pairs = list(zip(*starts_T, sizes_T, other_sizes_T, strict=True))
    runs_P = np.concatenate([np.repeat(np.arange(n) + start, m) for start, _, n, m in pairs])
    others_P = np.concatenate([np.tile(np.arange(m) + start, n) for _, start, n, m in pairs])
    spans, end = [], 0
    for size, tasks in groupby(n * m for *_, n, m in pairs):  # tasks with equally many pairs are counted together
        start, end = end, end + sum(tasks)
        spans.append((slice(start, end), size))

    def function(scores_N: Array, others_M: Array) -> Array:
        ours_P, theirs_P = scores_N.take(runs_P), others_M.take(others_P)
        won_P, not_lost_P = ours_P > theirs_P, ours_P >= theirs_P
        counts = [(np.count_nonzero(won_P[span]) + np.count_nonzero(not_lost_P[span])) / size for span, size in spans]
        return np.array([sum(counts) / (2 * len(pairs))])

    return function


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
        f"`reference: {shortened(reference)}` is not a variant with a score; there are {listed(variants)}"
        f"{hint(reference, variants)}"
    )
