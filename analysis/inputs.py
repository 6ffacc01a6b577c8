"""Inputs of all results: scores, settings, and values derived from them that several results share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, TypeVar

import pandas as pd

from analysis import scoring
from analysis.figures.style import Look, looks, shaded
from analysis.published import Published
from analysis.relations import Relations
from analysis.result import Plot
from analysis.scores import Scores, usable
from analysis.settings import AnalysisSettings
from common.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs of an analysis.

    Attributes:
        scores: The scores as read.
        settings: How scores, statistics and figures are made.
        relations: How the variants relate.
        published: Methods whose published scores are shown with the measured ones.
        discoveries: Figures of SD2's discoveries.
        command: The command line of this analysis.
    """

    scores: Scores
    settings: AnalysisSettings
    relations: Relations = field(default_factory=Relations)
    published: Sequence[Published] = ()
    discoveries: Sequence[Plot] = ()
    command: str = ""
    _computed: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def variants(self) -> Sequence[str]:
        """All variants, including those without a score, in the order of the suites or files."""
        return list(dict.fromkeys(self.scores.runs["variant"]))

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """The usable evaluations of trained runs, by task and then in the order of the variants.

        Raises:
            UserError: No evaluation is usable.
        """
        found = usable(self.scores, self.settings.metric)
        table = self.ordered(scoring.trained(found, self.scores.runs, self.settings))
        if table.empty:
            raise UserError(
                f"{self.scores.source}: no evaluation with a finite {self.settings.metric} in any of "
                f"{len(self.scores.runs)} runs"
            )
        return table

    @cached_property
    def finals(self) -> pd.DataFrame:
        """The final score of each run, not normalised."""
        return scoring.final_scores(self.evaluations, self.settings)

    @cached_property
    def normalized(self) -> pd.DataFrame:
        """The normalised final score of each run."""
        return scoring.normalize(self.finals, self.settings)

    @cached_property
    def scoring(self) -> str:
        """How scores and intervals are computed, as text."""
        return scoring.describe(self.settings, self.evaluations, self.finals)

    @cached_property
    def colors(self) -> Mapping[str, Look]:
        """The look of each family of variants."""
        return looks(self.relations.families.get(name, name) for name in self.variants)

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """The look of each variant, the same in every figure."""
        return shaded(self.variants, self.relations.families, self.colors)

    def ordered(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows by task, and then in the order of the variants."""
        table = table.sort_values("variant", key=lambda names: names.map(self.variants.index), kind="stable")
        return table.sort_values("task", kind="stable", ignore_index=True)


def shared(compute: Callable[[Inputs], T]) -> Callable[[Inputs], T]:
    """Caches a statistic, so that it is computed once for each inputs."""

    @wraps(compute)
    def once(inputs: Inputs) -> T:
        if compute not in inputs._computed:
            inputs._computed[compute] = compute(inputs)
        found: T = inputs._computed[compute]
        return found

    return once
