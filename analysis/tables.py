"""Tables for people, in Markdown and LaTeX; the CSV files hold the same numbers in full."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.figures import MEASURE_TITLES, STATISTIC_TITLES
from analysis.protocol import span

LATIN = {chr(code) for code in range(0x180) if chr(code).isascii() or chr(code).isalpha()}
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row it would be read as an option of the line break before it
    "]": "{]}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


@dataclass(frozen=True)
class Table:
    """Text in rows and columns, under a heading and over notes; the first columns are names, the rest numbers."""

    heading: str
    notes: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1

    @property
    def note(self) -> str:
        """All notes in one line."""
        return " ".join(self.notes)


def aggregate_table(aggregates: pd.DataFrame, *notes: str) -> Table:
    """A row a variant, a column a statistic, each value with its interval."""
    statistics = list(dict.fromkeys(aggregates["statistic"]))
    rows = []
    for variant, group in aggregates.groupby("variant", sort=False):
        cells = {row["statistic"]: _cell(row, "value", ".3f") for row in group.to_dict("records")}
        first = group.iloc[0]
        rows.append([str(variant), *(cells[name] for name in statistics), str(first["runs"]), str(first["tasks"])])
    columns = ["variant", *(STATISTIC_TITLES[name] for name in statistics), "runs per task", "tasks"]
    return Table("Aggregate scores (normalised)", notes, columns, rows)


def task_table(tasks: pd.DataFrame, *notes: str) -> Table:
    """A row a task, a column a variant: the mean return, its interval and the number of seeds."""
    variants = list(dict.fromkeys(tasks["variant"]))
    rows = []
    for task, group in tasks.groupby("task", sort=False):
        cells = {row["variant"]: f"{_cell(row, 'mean', '.1f')}, n={row['seeds']}" for row in group.to_dict("records")}
        rows.append([str(task), *(cells.get(name, "-") for name in variants)])
    return Table("Final returns by task (raw, not normalised)", notes, ["task", *variants], rows)


def model_error_table(finals: pd.DataFrame, measure: str, *notes: str) -> Table:
    """A row a variant of each task, a column a horizon: the mean final error of one measure and its interval."""
    errors = finals[finals["measure"] == measure]
    horizons = sorted(set(errors["horizon"]))
    rows = []
    for (task, variant), group in errors.groupby(["task", "variant"], sort=False):
        cells = {row["horizon"]: _cell(row, "mean", "#.3g") for row in group.to_dict("records")}
        rows.append([str(task), str(variant), *(cells.get(horizon, "-") for horizon in horizons), span(group["seeds"])])
    columns = ["task", "variant", *(f"h={horizon}" for horizon in horizons), "seeds"]
    return Table(f"{MEASURE_TITLES[measure]}, h agent steps ahead", notes, columns, rows, names=2)


def to_markdown(table: Table) -> str:
    """A heading, the table in GitHub's form with its columns aligned, and the note."""
    rows = [[cell.replace("|", r"\|") for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([f"## {table.heading}", "", *lines, "", table.note, ""])


def to_latex(table: Table) -> str:
    """A floating table, shrunk to the page if need be; a paper that it is copied into needs booktabs and graphicx."""
    body = [r" & ".join(map(escape_latex, row)) + r" \\" for row in table.rows]
    return "\n".join([
        r"\begin{table}[htbp]", r"\centering\small",
        rf"\caption{{{escape_latex(table.heading)}. {escape_latex(table.note)}}}",
        r"\resizebox*{!}{\ifdim\totalheight>.8\textheight .8\textheight\else\totalheight\fi}{%",
        r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{'l' * table.names}{'r' * (len(table.columns) - table.names)}}}", r"\toprule",
        " & ".join(map(escape_latex, table.columns)) + r" \\", r"\midrule", *body,
        r"\bottomrule", r"\end{tabular}}}", r"\end{table}", "",
    ])  # fmt: skip


def latex_document(tables: Sequence[Table]) -> str:
    """All tables as a document that compiles as it is."""
    head = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{booktabs,graphicx}",
        r"\usepackage[landscape,margin=1cm]{geometry}",
        r"\begin{document}",
    ]
    return "\n".join([*head, *map(to_latex, tables), r"\end{document}", ""])


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it stands; a letter that its common fonts lack by its number, as U+03BB."""
    return "".join(
        LATEX.get(character, character) if character in LATIN else f"U+{ord(character):04X}" for character in text
    )


def _cell(row: Mapping[Hashable, Any], name: str, form: str) -> str:
    value, low, high = (f"{row[key]:{form}}".removesuffix(".") for key in (name, "low", "high"))
    return value if pd.isna(row["low"]) else f"{value} [{low}, {high}]"
