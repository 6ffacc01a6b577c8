"""Tables for people: cells of text, and which of them are in bold; the CSV files hold the same numbers in full."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import families

ABSENT = "-"
RULE = "values in its interval and values whose interval holds it, wherever there are two or more to compare."


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


class Grid:
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
        titles = printed(frame["task"]) if "task" in names else {}
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


def printed(tasks: Iterable[str]) -> dict[str, str]:
    """The tasks' names in print, as they are where two would be printed alike; averages too."""
    names = list(dict.fromkeys(tasks))
    printed = {name: families.title(name) for name in names}
    titles = list(printed.values())
    return {name: title if titles.count(title) == 1 else name for name, title in printed.items()}


def with_rule(notes: Sequence[str], bold: frozenset[tuple[int, int]], best: str) -> list[str]:
    """The notes, and what bold means if anything is in bold."""
    return [*notes, f"Bold: {best}, {RULE}"] if bold else list(notes)


def _cell(value: float, low: float, high: float, form: str) -> str:
    text, least, most = (f"{number:{form}}".removesuffix(".") for number in (value, low, high))
    return text if pd.isna(low) else f"{text} [{least}, {most}]"
