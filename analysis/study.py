"""One analysis: every number that its tables, figures and report show, computed from scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import pandas as pd

from analysis import checks, compute, design, efficiency, improvement, model_errors, profiles, protocol, statistics
from analysis import tables as made
from analysis.design import Design
from analysis.errors import AnalysisError
from analysis.figures import Look, looks, shaded
from analysis.model_errors import ModelErrors
from analysis.published import Published
from analysis.scores import Scores, usable, usable_model_errors
from analysis.settings import AnalysisSettings
from analysis.tables import Table

if TYPE_CHECKING:
    from analysis.exhibits import Exhibit


@dataclass(frozen=True)
class Context:
    """What an analysis has to know besides the scores.

    Attributes:
        settings: How scores, statistics and figures are made.
        design: How variants belong together.
        published: Methods whose printed scores stand beside the measured ones.
        further: Figures from elsewhere to show besides, say of SD2's discoveries.
        command: The command line that asks for this analysis.
    """

    settings: AnalysisSettings
    design: Design = field(default_factory=Design)
    published: Sequence[Published] = ()
    further: "Sequence[Exhibit]" = ()
    command: str = ""


@dataclass(frozen=True)
class Study:
    """The numbers behind the files.

    Attributes:
        scores: What was read.
        context: What else it is made from.
        variants: All variants in the order of the suites or files, those without a score too.
        evaluations: The usable evaluations.
        findings: What was looked for in the data, and found.
        protocol: What a score and an interval are, in words.
        finals: The final score of each run; raw.
        aggregates: Statistics of each variant; normalised.
        profiles: Share of runs above each score; normalised.
        improvement: Probability that a variant's run beats one of the reference's; empty for a single variant.
        efficiency: Interquartile mean against environment steps; normalised.
        tasks: Means by task and variant; raw.
        sweeps: The same by swept setting; raw.
        curves: Means against what the settings say; raw.
        hours: Means against hours of training; empty where no run knows them.
        compute: What training costs; empty where no run knows it.
        model_errors: How well world models predict; None if no run measured it.
    """

    scores: Scores
    context: Context
    variants: Sequence[str]
    evaluations: pd.DataFrame
    findings: Sequence[checks.Finding]
    protocol: str
    finals: pd.DataFrame
    aggregates: pd.DataFrame
    profiles: pd.DataFrame
    improvement: pd.DataFrame
    efficiency: pd.DataFrame
    tasks: pd.DataFrame
    sweeps: pd.DataFrame
    curves: pd.DataFrame
    hours: pd.DataFrame
    compute: pd.DataFrame
    model_errors: ModelErrors | None

    @classmethod
    def of(cls, scores: Scores, context: Context) -> Self:
        """Computes every number; the modules of the statistics say what the columns are.

        Raises:
            AnalysisError: If no run has an evaluation.
        """
        settings = context.settings
        variants = list(dict.fromkeys(scores.runs["variant"]))
        table = _ordered(usable(scores, settings.metric), variants)
        if table.empty:
            raise AnalysisError(
                f"{scores.source}: no evaluation with a finite {settings.metric} in any of {len(scores.runs)} runs"
            )
        curves = statistics.curves(table, settings)
        if curves.empty:
            raise AnalysisError(
                f"{scores.source}: no run knows its hours of training: draw against steps, by --x steps"
            )
        finals = protocol.final_scores(table, settings)
        normalized = protocol.normalize(finals, settings)
        tasks = statistics.task_means(finals, settings)
        return cls(
            scores,
            context,
            variants,
            table,
            checks.check(scores, settings, context.design.sweeps),
            protocol.describe(settings, table, finals),
            finals,
            statistics.aggregates(normalized, settings),
            profiles.profiles(normalized, settings),
            improvement.improvement(normalized, _referred(settings, variants, normalized)),
            efficiency.efficiency(protocol.normalize(table, settings), settings),
            tasks,
            design.swept(tasks, context.design),
            curves,
            statistics.curves(table, settings.model_copy(update={"x": "hours", "bin": None})),
            compute.compute(scores),
            model_errors.summarize(_ordered(usable_model_errors(scores), variants), settings),
        )

    @property
    def settings(self) -> AnalysisSettings:
        """How scores, statistics and figures are made."""
        return self.context.settings

    def _devices(self) -> str:
        devices = sorted(set(self.scores.runs["device"]) - {""})
        return f"Devices: {', '.join(devices) or 'unknown'}."

    @cached_property
    def colors(self) -> Mapping[str, Look]:
        """The look of each family of variants."""
        families = self.context.design.families
        return looks(families.get(name, name) for name in self.variants)

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """The look of each variant, the same in every figure."""
        return shaded(self.variants, self.context.design.families, self.colors)

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The tables for people, by name."""
        tables = {"aggregates": made.aggregate_table(self.aggregates, self.protocol)}
        if not self.improvement.empty:
            tables["improvement"] = made.improvement_table(self.improvement, self.protocol)
        tables["tasks"] = made.task_table(self.tasks, self.protocol)
        tables["appendix"] = made.appendix_table(self.tasks, self.context.published, self.protocol)
        if not self.compute.empty:
            tables["compute"] = made.compute_table(self.compute, self._devices())
        if errors := self.model_errors:
            for measure in errors.measures:
                notes = (*model_errors.notes(measure), errors.protocol)
                tables[f"model_error_{measure}"] = made.model_error_table(errors.finals, measure, *notes)
        return tables


def _referred(settings: AnalysisSettings, variants: Sequence[str], finals: pd.DataFrame) -> AnalysisSettings:
    """The settings with the first variant that has a score as the reference, if they name none."""
    scored = set(finals["variant"])
    first = next(variant for variant in variants if variant in scored)
    return settings if settings.reference else settings.model_copy(update={"reference": first})


def _ordered(table: pd.DataFrame, variants: Sequence[str]) -> pd.DataFrame:
    """The rows by task, and then in the order of the variants."""
    table = table.sort_values("variant", key=lambda names: names.map(variants.index), kind="stable")
    return table.sort_values("task", kind="stable", ignore_index=True)
