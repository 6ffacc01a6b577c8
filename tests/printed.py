"""Tables of a terminal, read back."""

import re


def read_table(text: str) -> list[dict[str, str]]:
    """The rows of a table without lines between its columns, as header -> cell.

    A column reaches over all that stands between two places at which every line is blank. Cells may hold blanks, and be
    empty; headers hold none.
    """
    lines = text.splitlines()
    width = max(map(len, lines))
    blank = "".join(" " if all(line.ljust(width)[at] == " " for line in lines) else "x" for at in range(width))
    spans: list[tuple[int, int]] = []
    for found in re.finditer("x+", blank):
        if lines[0][found.start() : found.end()].strip():
            spans.append(found.span())
        else:  # a blank of every cell, as where there is one row
            spans[-1] = spans[-1][0], found.end()
    header, *rows = ([line[first:last].strip() for first, last in spans] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]
