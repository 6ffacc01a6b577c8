"""Tables for readers: cells of text, some in bold; the CSV files have the same numbers with all digits."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import families

ABSENT = "-"
RULE = "and each value that is inside its interval or whose interval contains it, if there are two or more values."


@dataclass(frozen=True)
class Table:
    """Rows and columns of text with a heading and notes.

    Attributes:
        heading: What the table shows.
        notes: Sentences under the table.
        columns: The headings of the columns.
        rows: The cells. A number may be followed by a detail: `812.3 [790.1, 830.2], n=5`.
        names: Number of leading columns with names; the others have numbers.
        bold: (row, column) of the cells in bold.
        averages: Number of last rows that are averages of the rows above.
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
        """All notes on one line."""
        return " ".join(self.notes)


class Grid:
    """A long frame as a grid of cells; rows and columns are in order of first appearance."""

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
        """The places of the best values within each group.

        Args:
            by: The columns that name a group of compared values.
            lowest: For each row of the frame, whether the lowest value is best; default: the highest.
            among: Which rows of the frame are compared; default: all.
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
    """Which values are best, or not separated from a best value by its interval or their own.

    Args:
        values_N: The compared values, NaN if absent.
        low_N: The lower bounds of their intervals, NaN if absent.
        high_N: The upper bounds.
        lowest: Whether the lowest value is best.

    Returns:
        One flag per value; all are False if there are fewer than two values.
    """
    if np.isfinite(values_N).sum() < 2:
        return np.zeros(len(values_N), bool)
    best = np.nanmin(values_N) if lowest else np.nanmax(values_N)
    best_N = values_N == best
    within_BN = (low_N[best_N, None] <= values_N) & (values_N <= high_N[best_N, None])
    return np.asarray(best_N | within_BN.any(axis=0) | ((low_N <= best) & (best <= high_N)))


def printed(tasks: Iterable[str]) -> dict[str, str]:
    """Task -> its display name, or the task itself if two display names are equal."""
    names = list(dict.fromkeys(tasks))
    printed = {name: families.title(name) for name in names}
    titles = list(printed.values())
    return {name: title if titles.count(title) == 1 else name for name, title in printed.items()}


def with_rule(notes: Sequence[str], bold: frozenset[tuple[int, int]], best: str) -> list[str]:
    """The notes, followed by the meaning of bold if any value is bold."""
    return [*notes, f"Bold: {best}, {RULE}"] if bold else list(notes)


def _cell(value: float, low: float, high: float, form: str) -> str:
    text, least, most = (f"{number:{form}}".removesuffix(".") for number in (value, low, high))
    return text if pd.isna(low) else f"{text} [{least}, {most}]"
