"""Tables in Markdown, in GitHub's form."""

import re

from analysis.tables import Table

# Characters with a meaning in Markdown; an underscore within a word has none, a bracket only before a link's target, a
# colon or dot only where GitHub makes a link of a bare address.
SPECIAL = re.compile(r"(?<=\])\(|[\\`*<>~&$|]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?i:(?<=\bwww)\.)")


def literal(text: str) -> str:
    """A text without line breaks that Markdown shows as it is, also where it looks like a link or markup."""
    return SPECIAL.sub(r"\\\g<0>", text)


def to_markdown(table: Table) -> str:
    """A heading, the table in GitHub's form with its columns aligned, and the note."""
    rows = [[literal(cell) for cell in row] for row in (table.columns, *table.rows)]
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
