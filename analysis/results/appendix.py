"""Final and published returns by task, as in the appendix of Dreamer's paper."""

from collections.abc import Sequence

import pandas as pd

from analysis.inputs import Inputs
from analysis.published import Published
from analysis.result import Result
from analysis.results import captions, final
from analysis.tables import Grid, Table, with_rule

AVERAGE, COMMON = "average", "average of common tasks"  # rows that are not tasks
AVERAGES = (
    "Averages: mean over the tasks of a column, with their number in brackets; only averages of common tasks are "
    "comparable. Averages have no intervals and are not bold."
)


def result(inputs: Inputs) -> Result:
    """Measured and published means as numbers and table."""
    found = appendix(final.numbers(inputs), inputs.published)
    notes = [captions.published(inputs).capitalize()] if inputs.published else []
    return Result("tasks", {"appendix": found}, tables=[table(found, inputs.scoring, *notes)])


def appendix(tasks: pd.DataFrame, published: Sequence[Published]) -> pd.DataFrame:
    """Measured and published final returns by task, with averages over tasks: the numbers of `table`.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds.
        published: Methods with published scores; a method without a score on the tasks has no rows.

    Returns:
        Rows task, method, mean, low, high, seeds, tasks (number of averaged tasks). After the tasks follow one row per
        method named `average` and, if a method lacks a task, one named `average of common tasks`, if there are common
        tasks. Published scores and averages have no bounds and no seeds.
    """
    missing = float("nan")
    points = [
        (task, method.label, score, missing, missing, None)
        for method in published
        for task in dict.fromkeys(tasks["task"])
        if (score := method.score(task)) is not None
    ]
    own = tasks[["task", "variant", "mean", "low", "high", "seeds"]].itertuples(index=False, name=None)
    scores = pd.DataFrame([*own, *points], columns=["task", "method", "mean", "low", "high", "seeds"])
    scores = scores.astype({"seeds": "Int64"}).assign(tasks=1)
    having = scores.groupby("task")["method"].transform("size")
    common = scores[having == scores["method"].nunique()]
    averages = [_averages(scores, AVERAGE)]
    if 0 < len(common) < len(scores):
        averages.append(_averages(common, COMMON))
    return pd.concat([scores, *averages], ignore_index=True)


def table(scores: pd.DataFrame, *notes: str) -> Table:
    """One row per task, one column per measured variant and published method, with averages below.

    Args:
        scores: Rows task, method, mean, low, high, seeds, tasks, from `appendix`.
        notes: Sentences under the table.
    """
    methods = list(dict.fromkeys(scores["method"]))
    average = scores["task"].isin([AVERAGE, COMMON])
    counts = [f" ({tasks})" if of_many else "" for tasks, of_many in zip(scores["tasks"], average, strict=True)]
    grid = Grid(scores, "mean", ["task"], "method", methods, ".1f", counts)
    bold = grid.bold(["task"], among=~average)
    noted = [*with_rule(notes, bold, "the highest value of each task"), AVERAGES]
    others = "published" if scores["seeds"].isna().where(~average, False).any() else "average"
    return Table(
        f"Final and {others} scores (not normalised)", noted, ["task", *methods], grid.rows, bold=bold,
        averages=scores.loc[average, "task"].nunique(),
    )  # fmt: skip


def _averages(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """One row per method: the mean over its tasks."""
    means = scores.groupby("method", sort=False)["mean"].agg(["mean", "size"]).reset_index()
    return means.rename(columns={"size": "tasks"}).assign(task=name)
