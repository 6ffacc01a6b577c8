"""Terminal output: problems of the data, the tables, and where the files are."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from analysis.checks import Finding
from analysis.tables import Table
from common.text import shortened

COLUMN = 11  # characters of the narrowest readable column
SHOWN, WIDTH = 5, 200  # items of a finding, and characters of a line; checks.md has all


def show(findings: Iterable[Finding], tables: Iterable[Table], paths: Sequence[Path], console: Console) -> None:
    """Prints findings, tables and the paths of the files; prints a note that several tables share once."""
    for finding in findings:
        if finding.warning:
            _show_finding(finding, console)
    printed: set[str] = set()
    for table in tables:
        if len(table.columns) * COLUMN > console.width:
            _print(console, f"{escape(table.heading)}: too wide for this terminal, see tables.md")
            continue
        console.print(_rich(table))
        if notes := [note for note in table.notes if note not in printed]:
            _print(console, escape(" ".join(notes)))
        printed.update(notes)
    _print(console, f"Figures, tables, checks and the report are in [bold]{escape(str(paths[0].parent))}[/]:")
    _print(console, "  " + escape("  ".join(path.name for path in paths)))


def _show_finding(finding: Finding, console: Console) -> None:
    _print(console, f"[bold yellow]Warning:[/] {escape(shortened(f'{finding.title}; {finding.rule}', WIDTH))}")
    for item in finding.items[:SHOWN]:
        _print(console, f"  {escape(shortened(item, WIDTH))}")
    if len(finding.items) > SHOWN:
        _print(console, f"  and {len(finding.items) - SHOWN} more, see checks.md")


def _rich(table: Table) -> RichTable:
    rich = RichTable(title=escape(table.heading), title_justify="left")
    for i, column in enumerate(table.columns):
        rich.add_column(escape(column), justify="left" if i < table.names else "right", overflow="fold")
    for i, row in enumerate(table.rows):
        cells = [f"[bold]{escape(cell)}[/]" if (i, j) in table.bold else escape(cell) for j, cell in enumerate(row)]
        rich.add_row(*cells)
    return rich


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
