"""The rows that all checks use, each with the number of its run, so that counting millions of rows is fast."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.scores import HOURS, MODEL_ERROR, Scores
from analysis.scoring import untrained
from analysis.series import replaced
from analysis.settings import AnalysisSettings

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Data:
    """The data of the checks.

    Attributes:
        scores: The scores as read.
        settings: The settings of the analysis.
        swept: The last parts of the settings that variants are meant to differ in.
        raw: The analysed metric as read: run (position in `runs`), step, value, episodes.
        finite: Whether each row of `raw` has a finite value.
        gone: Whether each row of `raw` is finite but was logged before a restart from an earlier step.
        unordered: Whether each row of `raw` is of a run whose steps are in another order than that of logging.
        again: Whether each row of `raw` is finite and not gone but replaced by a later one of the same run and step.
        runs: `scores.runs` with the columns evaluations (usable ones), first and end (steps of the first and last of
            them, NaN if none) and untrained (whether statistics leave the run out because it was not trained).
    """

    scores: Scores
    settings: AnalysisSettings
    swept: frozenset[str]
    raw: pd.DataFrame
    finite: Mask
    gone: Mask
    unordered: Mask
    again: Mask
    runs: pd.DataFrame

    @classmethod
    def of(cls, scores: Scores, settings: AnalysisSettings, swept: Collection[str]) -> Self:
        """Numbers the runs and marks the rows that are not used."""
        raw = _rows(scores, [settings.metric])
        finite = np.isfinite(raw["value"].to_numpy())
        gone, unordered = np.zeros((2, len(raw)), bool)
        gone[finite], unordered[finite] = replaced(raw["run"].to_numpy()[finite], raw["step"].to_numpy()[finite])
        again = np.zeros(len(raw), bool)
        left = finite & ~gone
        again[left] = raw.loc[left, ["run", "step"]].duplicated(keep="last")
        counted = raw[left & ~again]
        runs = scores.runs.reset_index(drop=True)
        steps = counted.groupby("run")["step"]
        runs = runs.assign(
            evaluations=np.bincount(counted["run"], minlength=len(runs)), first=steps.min(), end=steps.max()
        )
        runs = runs.assign(untrained=untrained(runs, settings))
        return cls(
            scores,
            settings,
            frozenset(key.rpartition(".")[2] for key in swept),
            raw,
            finite,
            gone,
            unordered,
            again,
            runs,
        )

    @cached_property
    def usable(self) -> pd.DataFrame:
        """The rows of `raw` that statistics use."""
        return self.raw[self.finite & ~self.gone & ~self.again & ~self.runs["untrained"].to_numpy()[self.raw["run"]]]

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The runs that statistics use: trained ones with an evaluation."""
        return self.runs[(self.runs["evaluations"] > 0) & ~self.runs["untrained"]]

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks of compared runs, sorted."""
        return sorted(set(self.compared["task"]))

    @cached_property
    def model_errors(self) -> pd.DataFrame:
        """Model errors as read: run, step, metric (categorical), value."""
        names = self.scores.table["metric"].cat.categories
        return _rows(self.scores, [name for name in names if MODEL_ERROR.fullmatch(name)])

    @cached_property
    def hours(self) -> pd.DataFrame:
        """Known hours of runs: run, step, value."""
        rows = _rows(self.scores, [HOURS])
        return rows[np.isfinite(rows["value"])]

    def count(self, rows: pd.DataFrame) -> pd.Series:
        """Position of a run -> its number of rows, for runs that have any."""
        counts = np.bincount(rows["run"], minlength=len(self.runs))
        return pd.Series(counts)[counts > 0]


def _rows(scores: Scores, metrics: Collection[str]) -> pd.DataFrame:
    """The rows of some metrics: run (position of its row in `scores.runs`), step, metric, value, episodes."""
    table = scores.table
    names = table["metric"].cat
    at = np.flatnonzero(np.isin(names.codes, names.categories.get_indexer(pd.Index(list(metrics), dtype=object))))
    tasks, variants = table["task"].cat.categories, table["variant"].cat.categories
    seeds = np.unique(scores.runs["seed"])

    def key(task: NDArray[Any], variant: NDArray[Any], seed: NDArray[Any]) -> NDArray[np.int64]:
        return (task.astype(np.int64) * len(variants) + variant) * len(seeds) + np.searchsorted(seeds, seed)

    runs = key(
        tasks.get_indexer(pd.Index(scores.runs["task"])),
        variants.get_indexer(pd.Index(scores.runs["variant"])),
        scores.runs["seed"].to_numpy(),
    )
    order = np.argsort(runs)
    task_at, variant_at = (table[name].cat.codes.to_numpy()[at] for name in ("task", "variant"))
    keys = key(task_at, variant_at, table["seed"].to_numpy()[at])
    columns = {name: table[name].array[at] for name in ("step", "metric", "value", "episodes")}
    found = order[np.searchsorted(runs, keys, sorter=order)] if len(at) else np.empty(0, int)
    return pd.DataFrame({"run": found, **columns}, copy=False)
