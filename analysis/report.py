"""The whole analysis: from scores to files, and what a person is told on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from analysis import checks, design, figures, files, model_errors, protocol, statistics, tables
from analysis.design import Design
from analysis.errors import AnalysisError
from analysis.model_errors import ModelErrors
from analysis.published import Published
from analysis.scores import Scores, usable, usable_model_errors
from analysis.settings import AnalysisSettings

COLUMN = 11  # characters of the narrowest column that is still worth reading on the console
SHOWN = 5  # items of a finding on the console; checks.md has all


@dataclass(frozen=True)
class Analysis:
    """The numbers behind the files.

    Attributes:
        variants: All variants in the order of the suite or the files, those without a score too.
        design: How they belong together.
        findings: What is wrong with the data.
        aggregates: Statistics of each variant; normalised.
        tasks: Means by task and variant; raw.
        sweeps: The same by swept setting; raw.
        curves: Means against environment steps; raw.
        protocol: What a score and an interval are, in words.
        model_errors: How well world models predict; None if no run measured it.
    """

    variants: Sequence[str]
    design: Design
    findings: Sequence[checks.Finding]
    aggregates: pd.DataFrame
    tasks: pd.DataFrame
    sweeps: pd.DataFrame
    curves: pd.DataFrame
    protocol: str
    model_errors: ModelErrors | None

    @property
    def tables(self) -> list[tables.Table]:
        """The tables for people."""
        found = [tables.aggregate_table(self.aggregates, self.protocol), tables.task_table(self.tasks, self.protocol)]
        if errors := self.model_errors:
            found += [
                tables.model_error_table(errors.finals, measure, *model_errors.notes(measure), errors.protocol)
                for measure in errors.measures
            ]
        return found


def analyze(scores: Scores, settings: AnalysisSettings, suite: Design) -> Analysis:
    """Computes every number; see `statistics` for the columns, and `design` for those of sweeps.

    Raises:
        AnalysisError: If no run has an evaluation.
    """
    table = usable(scores)
    if table.empty:
        raise AnalysisError(f"{scores.source}: no evaluation with a finite return in any of {len(scores.runs)} runs")
    variants = list(dict.fromkeys(scores.runs["variant"]))
    table = _ordered(table, variants)
    finals = protocol.final_scores(table, settings)
    tasks = statistics.task_means(finals, settings)
    return Analysis(
        variants,
        suite,
        checks.check(scores, settings),
        statistics.aggregates(protocol.normalize(finals, settings), settings),
        tasks,
        design.swept(tasks, suite),
        statistics.curves(table, settings),
        protocol.describe(settings, scores, finals),
        model_errors.summarize(_ordered(usable_model_errors(scores), variants), settings),
    )


def write(analysis: Analysis, source: str, folder: Path, published: Sequence[Published] = ()) -> list[Path]:
    """Writes every table and figure in place of those of an earlier analysis, and returns their paths."""
    families = analysis.design.families
    colors = figures.looks(families.get(name, name) for name in analysis.variants)
    looks = figures.shaded(analysis.variants, families, colors)
    caption = f"Data: {source}. {analysis.protocol}"
    contents: dict[str, str | bytes] = {
        "aggregates.csv": _csv(analysis.aggregates),
        "tasks.csv": _csv(analysis.tasks),
        "tables.md": "\n".join([f"# {source}\n", *map(tables.to_markdown, analysis.tables), *_sources(published)]),
        "tables.tex": tables.latex_document(analysis.tables),
        "checks.md": checks.to_markdown(analysis.findings, analysis.protocol),
    }
    drawn = _return_figures(analysis, looks, caption, published)
    if not analysis.sweeps.empty:
        contents["sweeps.csv"] = _csv(analysis.sweeps)
        drawn |= _sweep_figures(analysis, colors, caption, published)
    if errors := analysis.model_errors:
        contents["model_errors.csv"] = _csv(errors.finals)
        drawn |= _model_error_figures(errors, looks, source)
    for name, figure in drawn.items():
        contents |= {f"{name}.{kind}": figures.render(figure, kind) for kind in figures.KINDS}
    return files.write_all(folder, contents)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, na_rep="nan")


def _ordered(table: pd.DataFrame, variants: Sequence[str]) -> pd.DataFrame:
    """The rows by task, and then in the order of the variants."""
    table = table.sort_values("variant", key=lambda names: names.map(variants.index), kind="stable")
    return table.sort_values("task", kind="stable", ignore_index=True)


def _return_figures(
    analysis: Analysis, looks: Mapping[str, figures.Look], caption: str, published: Sequence[Published]
) -> dict[str, Figure]:
    """Learning curves and aggregates of all variants, and of those of each comparison."""
    bands = (
        "Lines: mean return over seeds, dotted where fewer than n seeds reach; "
        f"bands: its interval, {statistics.BAND_REPETITIONS:,} repetitions at most."
    )
    drawn = {}
    for name, variants in {"": analysis.variants, **analysis.design.comparisons}.items():
        suffix = f"_{name}" if name else ""
        curves = analysis.curves[analysis.curves["variant"].isin(variants)]
        aggregates = analysis.aggregates[analysis.aggregates["variant"].isin(variants)]
        if not curves.empty:
            drawn[f"curves{suffix}"] = figures.learning_curves(curves, looks, f"{bands} {caption}", published)
        if not name or aggregates["variant"].nunique() > 1:
            over = (
                f"Tasks: {aggregates['tasks'].max()}, those with scores of all variants of the suite. " if name else ""
            )
            drawn[f"aggregates{suffix}"] = figures.aggregate_intervals(aggregates, looks, f"{over}{caption}")
    return drawn


def _sweep_figures(
    analysis: Analysis, colors: Mapping[str, figures.Look], caption: str, published: Sequence[Published]
) -> dict[str, Figure]:
    """The final return against each swept setting, in the colours of the variants that were swept."""
    marks = (
        "Points: mean final return over seeds, hollow where fewer than others rest on; bars: its interval; "
        "drawn side by side."
    )
    return {
        str(key): figures.sweep(
            points,
            figures.shaded(points["variant"], analysis.design.families, colors),
            str(key),
            f"{marks} {caption}",
            published,
        )
        for key, points in analysis.sweeps.groupby("key", sort=False)
    }


def _model_error_figures(errors: ModelErrors, looks: Mapping[str, figures.Look], source: str) -> dict[str, Figure]:
    """Errors against the horizon at the end of training, and against environment steps at one horizon."""
    axes = f"Scales differ between panels, logarithmic where values span a factor of {figures.WIDE}."
    caption = " ".join([axes, *model_errors.notes(*errors.measures), f"Data: {source}."])
    horizons = (
        "Model error at the end of training. Lines: mean over seeds; bars: its interval; drawn side by side. "
        f"{caption} {errors.protocol}"
    )
    curves = (
        f"Model error at a horizon of {errors.curves['horizon'].iloc[0]}. Lines: mean over seeds, dotted where fewer "
        f"than n seeds reach; bands: its interval, {statistics.BAND_REPETITIONS:,} repetitions at most. {caption} "
        f"{errors.intervals}"
    )
    return {
        "model_error": figures.model_errors(errors.finals, looks, "horizon", horizons),
        "model_error_curves": figures.model_errors(errors.curves, looks, "step", curves),
    }


def _sources(published: Sequence[Published]) -> list[str]:
    """Where the drawn baselines come from, and what to know of them, as a section of Markdown."""
    lines = [f"- {method.label}: {method.unit}, from {method.source}. {method.note}" for method in published]
    return ["## Published scores\n", *lines, ""] if lines else []


def show(analysis: Analysis, paths: Sequence[Path], console: Console) -> None:
    """Prints the findings, the tables and where the files are; a note that several tables share only once."""
    printed: set[str] = set()
    for finding in analysis.findings:
        console.print(
            f"[bold yellow]Warning:[/] {escape(finding.title)}; {escape(finding.rule)}", highlight=False, soft_wrap=True
        )
        for item in finding.items[:SHOWN]:
            console.print(f"  {escape(item)}", highlight=False, soft_wrap=True)
        if len(finding.items) > SHOWN:
            console.print(f"  and {len(finding.items) - SHOWN} more, see checks.md", highlight=False, soft_wrap=True)
    for table in analysis.tables:
        if len(table.columns) * COLUMN > console.width:
            console.print(
                f"{table.heading}: too wide for this terminal, see tables.md", highlight=False, soft_wrap=True
            )
            continue
        rich = RichTable(title=table.heading, title_justify="left")
        for i, column in enumerate(table.columns):
            rich.add_column(escape(column), justify="left" if i < table.names else "right", overflow="fold")
        for row in table.rows:
            rich.add_row(*map(escape, row))
        console.print(rich)
        if notes := [note for note in table.notes if note not in printed]:
            console.print(escape(" ".join(notes)), highlight=False, soft_wrap=True)
        printed.update(notes)
    console.print(
        f"Figures, tables and checks are in [bold]{escape(str(paths[0].parent))}[/]:", highlight=False, soft_wrap=True
    )
    console.print("  " + escape("  ".join(path.name for path in paths)), highlight=False, soft_wrap=True)
