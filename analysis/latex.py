"""Tables in LaTeX: floats to copy into a paper, and a complete document of them."""

import math
import re
from collections.abc import Sequence

from analysis.tables import ABSENT, Table

LATIN = {chr(code) for code in range(0x180) if chr(code).isascii() or chr(code).isalpha()}
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
DETAIL = re.compile(r"(?: (?=[\[(])|, (?=n=))")  # between a number and its detail
MINUS = re.compile(r"(?<!\w)-(?=\d)")
PIECE = re.compile(r"[^ +,/_]+[ +,/_]*|[ +,/_]+")  # of a heading that is not broken
GAP = 2  # characters between columns
WIDE = 90  # characters of a row that fit on a page of a paper
HIGH = 48  # lines of a table that fit on a page
HEADING = 14  # characters of a heading that stay in one line over narrow cells


def to_latex(table: Table) -> str:
    """A floating table, or several with a part of the rows each if the rows do not fit on a page.

    The detail of a number is in smaller type: next to it, or under it if the table would be too wide. A table that is
    still larger than the page is scaled to it. A paper that includes the tables needs booktabs and graphicx.
    """
    below = [[row[j] for row in table.rows] for j in range(len(table.columns))]
    widths = [max(map(len, cells), default=0) for cells in below]
    stacked = sum(widths) + GAP * len(widths) > WIDE
    if stacked:
        widths = [max((len(part) for cell in cells for part in DETAIL.split(cell)), default=0) for cells in below]
    beside = [not stacked and j >= table.names and any(map(DETAIL.search, cells)) for j, cells in enumerate(below)]
    headings = zip(table.columns, widths, beside, strict=True)
    head = [_heading(*heading, name=j < table.names) for j, heading in enumerate(headings)]
    spec = "".join(
        "l" if j < table.names else r"r@{\hspace{.4em}}l" if double else "r" for j, double in enumerate(beside)
    )
    rows = [_row(table, index, beside, stacked) for index in range(len(table.rows))]
    if table.averages:
        rows[-table.averages] = f"\\midrule\n{rows[-table.averages]}"
    parts = max(math.ceil(len(rows) / (HIGH // 2 if stacked else HIGH)), 1)
    size = math.ceil(len(rows) / parts)
    floats = []
    for part in range(parts):
        about = f" (part {part + 1} of {parts})." if part else f". {table.note}"
        lines = [r"\toprule", _line(head), r"\midrule", *rows[part * size : (part + 1) * size], r"\bottomrule"]
        floats.append(_float(escape_latex(table.heading + about.rstrip()), spec, lines))
    return "\n".join(floats)


def latex_document(tables: Sequence[Table]) -> str:
    """All tables as a complete document.

    pdflatex prints letters that its fonts lack as code points, such as U+03BB; lualatex has them if its font does.
    """
    body = "\n\\clearpage\n".join(map(to_latex, tables))
    unknown = sorted({character for character in body if character not in LATIN and character != "\n"})
    declared = [f"\\DeclareUnicodeCharacter{{{ord(each):04X}}}{{U+{ord(each):04X}}}" for each in unknown]
    letters = [r"\usepackage{iftex}", r"\ifPDFTeX", *declared, r"\else", r"\usepackage{fontspec}", r"\fi"]
    head = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}",
        r"\usepackage{booktabs,graphicx}",
        r"\usepackage[landscape,margin=1cm]{geometry}",
        *(letters if unknown else []),
        r"\begin{document}",
    ]
    return "\n".join([*head, body, r"\end{document}", ""])


def escape_latex(text: str) -> str:
    """Text that LaTeX prints literally; letters that its common fonts lack stay as they are."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _float(caption: str, spec: str, lines: Sequence[str]) -> str:
    """A table under its caption, scaled to the page if it is larger."""
    return "\n".join([
        r"\begin{table}[htbp]", r"\centering\small", rf"\caption{{{caption}}}", r"\smallskip",
        r"\resizebox*{!}{\ifdim\totalheight>.8\textheight .8\textheight\else\totalheight\fi}{%",
        r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{spec}}}", *lines, r"\end{tabular}}}", r"\end{table}", "",
    ])  # fmt: skip


def _heading(text: str, width: int, beside: bool, name: bool) -> str:
    """A column's heading, in several lines where it is longer than the column's cells."""
    pieces = [""]
    for piece in PIECE.findall(text) if not name else [text]:
        if pieces[-1] and len(pieces[-1] + piece.rstrip()) > max(width, HEADING):
            pieces.append("")
        pieces[-1] += piece
    lines = r" \\ ".join(_guarded(escape_latex(piece.strip())) for piece in pieces)
    cell = rf"\shortstack[{'c' if beside else 'r'}]{{{lines}}}" if len(pieces) > 1 else lines
    return rf"\multicolumn{{2}}{{c}}{{{cell}}}" if beside else cell


def _row(table: Table, index: int, beside: Sequence[bool], stacked: bool) -> str:
    """A row of the table; if stacked, two lines, the second with the details of the numbers."""
    upper = [escape_latex(cell) for cell in table.rows[index][: table.names]]
    lower = [""] * table.names
    for j, cell in enumerate(table.rows[index][table.names :], start=table.names):
        number, detail = ([_number(part) for part in DETAIL.split(cell, maxsplit=1)] + [""])[:2]
        number = rf"\textbf{{{number}}}" if (index, j) in table.bold else number
        detail = rf"{{\scriptsize {detail}}}" if detail else ""
        upper += [number, detail] if beside[j] else [number]
        lower.append(detail)
    if not stacked or not any(lower):
        return _line(upper)
    return f"{_line(upper)}\n{_line(lower)}[.3em]"


def _line(cells: Sequence[str]) -> str:
    return _guarded(" & ".join(cells)) + r" \\"


def _number(text: str) -> str:
    """A number or its detail, with minus signs for hyphens and a dash for an absent value."""
    return "--" if text == ABSENT else MINUS.sub("$-$", escape_latex(text))


def _guarded(line: str) -> str:
    """A line that LaTeX does not take for an option of the line break before it."""
    return "{}" + line if line.startswith(("[", "*")) else line
