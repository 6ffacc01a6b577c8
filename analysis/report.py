"""The whole analysis: from scores to files, and what a person is told on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from analysis import checks, figures, files, protocol, statistics, tables
from analysis.errors import AnalysisError
from analysis.published import Published
from analysis.scores import Scores, usable
from analysis.settings import AnalysisSettings

COLUMN = 11  # characters of the narrowest column that is still worth reading on the console
SHOWN = 5  # items of a finding on the console; checks.md has all


@dataclass(frozen=True)
class Analysis:
    """The numbers behind the files.

    Attributes:
        variants: All variants in the order of the suite or the files, those without a score too.
        findings: What is wrong with the data.
        aggregates: Statistics of each variant; normalised.
        tasks: Means by task and variant; raw.
        curves: Means against environment steps; raw.
        protocol: What a score and an interval are, in words.
    """

    variants: Sequence[str]
    findings: Sequence[checks.Finding]
    aggregates: pd.DataFrame
    tasks: pd.DataFrame
    curves: pd.DataFrame
    protocol: str

    @property
    def tables(self) -> list[tables.Table]:
        """The tables for people."""
        return [tables.aggregate_table(self.aggregates, self.protocol), tables.task_table(self.tasks, self.protocol)]


def analyze(scores: Scores, settings: AnalysisSettings) -> Analysis:
    """Computes every number; see `statistics` for the columns.

    Raises:
        AnalysisError: If no run has an evaluation.
    """
    table = usable(scores)
    if table.empty:
        raise AnalysisError(f"{scores.source}: no evaluation with a finite return in any of {len(scores.runs)} runs")
    variants = list(dict.fromkeys(scores.runs["variant"]))
    table = table.sort_values("variant", key=lambda names: names.map(variants.index), kind="stable")
    table = table.sort_values("task", kind="stable", ignore_index=True)
    finals = protocol.final_scores(table, settings)
    return Analysis(
        variants,
        checks.check(scores, settings),
        statistics.aggregates(protocol.normalize(finals, settings), settings),
        statistics.task_means(finals, settings),
        statistics.curves(table, settings),
        protocol.describe(settings, scores, finals),
    )


def write(analysis: Analysis, source: str, folder: Path, published: Sequence[Published] = ()) -> list[Path]:
    """Writes every table and figure, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    looks = figures.looks(analysis.variants)
    caption = f"Data: {source}. {analysis.protocol}"
    bands = (
        "Lines: mean return over seeds, dotted where fewer than n seeds reach; "
        f"bands: its interval, {statistics.BAND_REPETITIONS:,} repetitions at most."
    )
    drawn = {
        "curves": figures.learning_curves(analysis.curves, looks, f"{bands} {caption}", published),
        "aggregates": figures.aggregate_intervals(analysis.aggregates, looks, caption),
    }
    contents: dict[str, str | bytes] = {
        "aggregates.csv": analysis.aggregates.to_csv(index=False, na_rep="nan"),
        "tasks.csv": analysis.tasks.to_csv(index=False, na_rep="nan"),
        "tables.md": "\n".join([f"# {source}\n", *map(tables.to_markdown, analysis.tables), *_sources(published)]),
        "tables.tex": tables.latex_document(analysis.tables),
        "checks.md": checks.to_markdown(analysis.findings, analysis.protocol),
    }
    for name, figure in drawn.items():
        contents |= {f"{name}.{kind}": figures.render(figure, kind) for kind in ("png", "pdf")}
    for name, content in contents.items():
        files.write(folder / name, content)
    return [folder / name for name in contents]


def _sources(published: Sequence[Published]) -> list[str]:
    """Where the drawn baselines come from, and what to know of them, as a section of Markdown."""
    lines = [f"- {method.label}: {method.unit}, from {method.source}. {method.note}" for method in published]
    return ["## Published scores\n", *lines, ""] if lines else []


def show(analysis: Analysis, paths: Sequence[Path], console: Console) -> None:
    """Prints the findings, the tables and where the files are."""
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
        for column in table.columns:
            rich.add_column(escape(column), justify="left" if column == table.columns[0] else "right", overflow="fold")
        for row in table.rows:
            rich.add_row(*map(escape, row))
        console.print(rich)
        console.print(escape(table.note), highlight=False, soft_wrap=True)
    console.print(
        f"Figures, tables and checks are in [bold]{escape(str(paths[0].parent))}[/]:", highlight=False, soft_wrap=True
    )
    console.print("  " + escape("  ".join(path.name for path in paths)), highlight=False, soft_wrap=True)
