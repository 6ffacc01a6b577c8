"""Tables for people: cells of text, and which of them are in bold; the CSV files hold the same numbers in full."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.figures import MEASURE_TITLES, STATISTIC_TITLES, task_title
from analysis.protocol import span
from analysis.published import Published

ABSENT = "-"
AVERAGE, COMMON = "average", "average of common tasks"  # rows of `appendix` that are no task
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
RULE = "values in its interval and values whose interval holds it, wherever there are two or more to compare."
ABOVE = "Above 0.5 the variant is more often the better one; 0.5 is a draw."
AVERAGES = (
    "Averages are over the tasks that a column has, as many as stand in brackets; only those of common tasks can be "
    "compared. They have no intervals here, so none is in bold."
)
CLOCK = (
    "Means over seeds of whole runs: the time of a run is its wall-clock, with evaluations and checkpoints in it. "
    "Steps are environment steps; FLOP are those of one update."
)
COSTS = {  # column of `compute.compute` -> its heading, and the unit in its cells
    "steps_per_second": ("steps/s", ""),
    "hours_per_million": ("hours/1M steps", ""),
    "parameters": ("parameters", ""),
    "flops": ("per update", "FLOP"),
    "updates": ("updates", ""),
}
# What Markdown would read as a sign of its own; an underscore within a word is none.
MARKDOWN = re.compile(r"[\\`*<>~&$|]|(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True)
class Table:
    """Text in rows and columns, under a heading and over notes.

    Attributes:
        heading: What the table shows.
        notes: Sentences to stand under it.
        columns: The columns' headings.
        rows: Their cells. A number may have a detail behind it: `812.3 [790.1, 830.2], n=5`.
        names: How many of the first columns hold names; the rest hold numbers.
        bold: (row, column) of the cells in bold.
        averages: How many of the last rows are averages of those above.
    """

    heading: str
    notes: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1
    bold: frozenset[tuple[int, int]] = frozenset()
    averages: int = 0

    @property
    def note(self) -> str:
        """All notes in one line."""
        return " ".join(self.notes)


def aggregate_table(aggregates: pd.DataFrame, *notes: str) -> Table:
    """A row a variant, a column a statistic, each value with its interval.

    Args:
        aggregates: Rows variant, statistic, value, low, high, runs, tasks.
        notes: Sentences to stand under the table, as in every function here.
    """
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    grid = _Grid(aggregates, "value", ["variant"], "statistic", statistics, ".3f")
    sizes = aggregates.groupby("variant", sort=False)[["runs", "tasks"]].first()
    rows = [
        [*row, str(runs), str(tasks)] for row, runs, tasks in zip(grid.rows, sizes["runs"], sizes["tasks"], strict=True)
    ]
    columns = ["variant", *(STATISTIC_TITLES[name] for name in statistics), "runs per task", "tasks"]
    bold = grid.bold(["statistic"], aggregates["statistic"] == "optimality_gap")
    noted = _noted(notes, bold, "in each column the highest value (of optimality gaps the lowest)")
    return Table("Aggregate scores (normalised)", noted, columns, rows, bold=bold)


def task_table(tasks: pd.DataFrame, *notes: str) -> Table:
    """A row a task, a column a variant: the mean return, its interval and the number of seeds.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds.
        notes: Sentences to stand under the table.
    """
    variants = list(dict.fromkeys(tasks["variant"]))
    grid = _Grid(tasks, "mean", ["task"], "variant", variants, ".1f", [f", n={seeds}" for seeds in tasks["seeds"]])
    bold = grid.bold(["task"])
    noted = _noted(notes, bold, "in each row the highest value")
    return Table("Final scores by task (raw, not normalised)", noted, ["task", *variants], grid.rows, bold=bold)


def appendix(tasks: pd.DataFrame, published: Sequence[Published]) -> pd.DataFrame:
    """Own and published final returns by task, with averages over tasks: the numbers of `appendix_table`.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds.
        published: Methods with published scores; those without one on any of the tasks have no rows.

    Returns:
        Rows task, method, mean, low, high, seeds, tasks (that the mean is over). After the tasks come a row a method
        named `average`, and if a method lacks a task, one named `average of common tasks`, if there are any. What
        papers printed and averages have no bounds, and no seeds.
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


def appendix_table(tasks: pd.DataFrame, published: Sequence[Published], *notes: str) -> Table:
    """Final returns beside those that papers printed, as in the appendix of Dreamer's paper, with averages below.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds.
        published: Methods with published scores.
        notes: Sentences to stand under the table.
    """
    scores = appendix(tasks, published)
    methods = list(dict.fromkeys(scores["method"]))
    average = scores["task"].isin([AVERAGE, COMMON])
    counts = [f" ({tasks})" if of_many else "" for tasks, of_many in zip(scores["tasks"], average, strict=True)]
    grid = _Grid(scores, "mean", ["task"], "method", methods, ".1f", counts)
    bold = grid.bold(["task"], among=~average)
    noted = [*_noted(notes, bold, "in each row of a task the highest value"), AVERAGES]
    return Table(
        "Final scores beside published ones (raw)", noted, ["task", *methods], grid.rows, bold=bold,
        averages=scores.loc[average, "task"].nunique(),
    )  # fmt: skip


def improvement_table(improvement: pd.DataFrame, *notes: str) -> Table:
    """A row a variant: how probable it is that one of its runs is better than one of the reference.

    Args:
        improvement: Rows variant, reference, value, low, high, runs, reference_runs, tasks.
        notes: Sentences to stand under the table.
    """
    title = "P(better than reference)"
    grid = _Grid(improvement.assign(title=title), "value", ["variant", "reference"], "title", [title], ".3f")
    sizes = improvement[["runs", "reference_runs", "tasks"]].to_numpy()
    rows = [[*row, *map(str, size)] for row, size in zip(grid.rows, sizes, strict=True)]
    columns = ["variant", "reference", title, "runs per task", "reference runs", "tasks"]
    return Table("Probability of improvement", [*notes, ABOVE], columns, rows, names=2)


def model_error_table(finals: pd.DataFrame, measure: str, *notes: str) -> Table:
    """A row a variant of each task, a column a horizon: the mean final error of one measure and its interval.

    Args:
        finals: Rows task, variant, measure, horizon, mean, low, high, seeds.
        measure: The one to show: `image`, `reward` or `kl`. KL is not comparable between models, so it has no best.
        notes: Sentences to stand under the table.
    """
    errors = finals[finals["measure"] == measure]
    horizons = sorted(set(errors["horizon"]))
    grid = _Grid(errors, "mean", ["task", "variant"], "horizon", horizons, "#.3g")
    seeds = [span(group) for _, group in errors.groupby(["task", "variant"], sort=False)["seeds"]]
    rows = [[*row, behind] for row, behind in zip(grid.rows, seeds, strict=True)]
    columns = ["task", "variant", *(f"h={horizon}" for horizon in horizons), "seeds"]
    bold = grid.bold(["task", "horizon"], pd.Series(True, errors.index)) if measure != "kl" else frozenset()
    noted = _noted(notes, bold, "of each task and horizon the lowest value")
    return Table(f"{MEASURE_TITLES[measure]}, h agent steps ahead", noted, columns, rows, names=2, bold=bold)


def compute_table(compute: pd.DataFrame, *notes: str) -> Table:
    """A row a variant of each task: what a run took, and the size of its agent.

    Args:
        compute: Rows task, variant, seeds, steps_per_second, hours_per_million, parameters, flops, updates, as
            `compute.compute` gives them.
        notes: Sentences to stand under the table, such as the devices.
    """
    titles = _titles(compute["task"])
    amounts = [[_amount(value, unit) for value in compute[name]] for name, (_, unit) in COSTS.items()]
    rows = list(zip(compute["task"].map(titles), compute["variant"], compute["seeds"].map(str), *amounts, strict=True))
    columns = ["task", "variant", "seeds", *(heading for heading, _ in COSTS.values())]
    return Table("Compute", [*notes, CLOCK], columns, rows, names=2)


def leaders(
    values_N: NDArray[np.float64], low_N: NDArray[np.float64], high_N: NDArray[np.float64], lowest: bool = False
) -> NDArray[np.bool_]:
    """Which values are best, or not told apart from a best one by its interval or by their own.

    Args:
        values_N: What is compared, NaN where there is none.
        low_N: The lower bounds of their intervals, NaN where there is none.
        high_N: The upper bounds.
        lowest: Whether the lowest is best.

    Returns:
        A flag a value; none is set if there are fewer than two values.
    """
    if np.isfinite(values_N).sum() < 2:
        return np.zeros(len(values_N), bool)
    best = np.nanmin(values_N) if lowest else np.nanmax(values_N)
    best_N = values_N == best
    within_BN = (low_N[best_N, None] <= values_N) & (values_N <= high_N[best_N, None])
    return np.asarray(best_N | within_BN.any(axis=0) | ((low_N <= best) & (best <= high_N)))


def to_markdown(table: Table) -> str:
    """A heading, the table in GitHub's form with its columns aligned, and the note."""
    rows = [[MARKDOWN.sub(r"\\\g<0>", cell) for cell in row] for row in (table.columns, *table.rows)]
    for i, j in table.bold:
        rows[i + 1][j] = f"**{rows[i + 1][j]}**"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    names = [j < table.names for j in range(len(widths))]
    lines = []
    for row in rows:
        cells = zip(row, widths, names, strict=True)
        padded = [cell.ljust(width) if name else cell.rjust(width) for cell, width, name in cells]
        lines.append(f"| {' | '.join(padded)} |")
    rule = ["-" * (width + 1) + ("-" if name else ":") for width, name in zip(widths, names, strict=True)]
    lines.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join([f"## {table.heading}", "", *lines, "", table.note, ""])


class _Grid:
    """The rows of a long frame as cells: rows and columns by its values, in the order in which they come first."""

    def __init__(
        self,
        frame: pd.DataFrame,
        value: str,
        names: list[str],
        column: str,
        columns: Sequence[Hashable],
        form: str,
        details: Iterable[str] | None = None,
    ) -> None:
        self._frame, self._value, self._names = frame, value, len(names)
        self._row_N = frame.groupby(names, sort=False).ngroup().to_numpy()
        self._column_N = frame[column].map({name: j for j, name in enumerate(columns)}).to_numpy()
        titles = _titles(frame["task"]) if "task" in names else {}
        firsts = frame[names].drop_duplicates()
        self.rows = [
            [*(titles.get(name, str(name)) for name in row), *[ABSENT] * len(columns)]
            for row in firsts.itertuples(index=False)
        ]
        bounds = zip(frame[value], frame["low"], frame["high"], details or [""] * len(frame), strict=True)
        for i, j, (number, low, high, detail) in zip(self._row_N, self._column_N, bounds, strict=True):
            if not pd.isna(number):
                self.rows[i][self._names + j] = _cell(number, low, high, form) + detail

    def bold(
        self, by: list[str], lowest: pd.Series | None = None, among: pd.Series | None = None
    ) -> frozenset[tuple[int, int]]:
        """The places of the leaders among the values that agree in the columns `by`.

        Args:
            by: The columns that name what is compared with each other.
            lowest: Whether the lowest is best, for each row of the frame; by default the highest is.
            among: Which rows of the frame are compared, by default all.
        """
        low = pd.Series(False, self._frame.index) if lowest is None else lowest
        numbers = self._frame.assign(_row=self._row_N, _column=self._column_N + self._names, _lowest=low)
        places: set[tuple[int, int]] = set()
        for _, group in (numbers if among is None else numbers[among]).groupby(by, sort=False):
            values_N, low_N, high_N = group[[self._value, "low", "high"]].to_numpy(float).T
            best = group[leaders(values_N, low_N, high_N, bool(group["_lowest"].iloc[0]))]
            places |= set(zip(best["_row"].tolist(), best["_column"].tolist(), strict=True))
        return frozenset(places)


def _averages(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """A row a method: the mean over its tasks."""
    means = scores.groupby("method", sort=False)["mean"].agg(["mean", "size"]).reset_index()
    return means.rename(columns={"size": "tasks"}).assign(task=name)


def _titles(tasks: Iterable[str]) -> dict[str, str]:
    """The tasks' names in print, as they are where two would be printed alike; averages too."""
    names = list(dict.fromkeys(tasks))
    printed = {name: name.capitalize() if name in (AVERAGE, COMMON) else task_title(name) for name in names}
    titles = list(printed.values())
    return {name: title if titles.count(title) == 1 else name for name, title in printed.items()}


def _noted(notes: Sequence[str], bold: frozenset[tuple[int, int]], best: str) -> list[str]:
    """The notes, and what bold means if anything is in bold."""
    return [*notes, f"Bold: {best}, {RULE}"] if bold else list(notes)


def _cell(value: float, low: float, high: float, form: str) -> str:
    text, least, most = (f"{number:{form}}".removesuffix(".") for number in (value, low, high))
    return text if pd.isna(low) else f"{text} [{least}, {most}]"


def _amount(value: float, unit: str) -> str:
    """Three digits of a count as people write it, such as `1.2 M`, or `31.5 GFLOP` with a unit."""
    if pd.isna(value):
        return ABSENT
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return f"0 {unit}".rstrip()
    power = min(max(int(np.log10(rounded) // 3), 0), len(PREFIXES) - 1)
    number = f"{rounded / 1000**power:#.3g}".removesuffix(".")
    return f"{number} {PREFIXES[power]}{unit}".rstrip()
