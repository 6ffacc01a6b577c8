"""What the command line says about sources: columns of tables, and factors of steps."""

import math
from collections.abc import Sequence

from analysis.sources.columns import FACTOR, OPTIONAL, REQUIRED
from common.errors import UserError
from common.text import nearest


def columns(entries: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """The entries of `--columns`: task, variant, seed, step, value, ... -> column, and the panels per row, if given.

    Raises:
        UserError: An entry is of another form, names nothing of a table, or names something again.
    """
    named: dict[str, str] = {}
    panels: list[str] = []
    for entry in entries:
        name, equals, column = entry.partition("=")
        if not equals and name.isdecimal() and not panels:
            panels.append(name)
        elif not name or not column:
            raise UserError(f"--columns {entry}: expected name=column, or one number of panels per row")
        elif name not in (*REQUIRED, *OPTIONAL):
            near = nearest(name, (*REQUIRED, *OPTIONAL), cutoff=0)
            raise UserError(f"--columns {entry}: unknown {name}; the nearest is {near}")
        elif name in named:
            raise UserError(f"--columns {entry}: {name} is already {named[name]}")
        else:
            named[name] = column
    return named, panels[0] if panels else None


def factors(entries: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """The entries of `--scale-steps`: variant -> factor of its steps, and the column of factors, as one of a table.

    Raises:
        UserError: A factor is no positive number, a variant has two, or there are two columns.
    """
    factors: dict[str, float] = {}
    column: dict[str, str] = {}
    for entry in entries:
        name, equals, text = entry.rpartition("=")
        if not equals and text and not column:
            column[FACTOR] = text
            continue
        if not name or not 0 < (factor := _number(text)) < math.inf:
            raise UserError(
                f"--scale-steps {entry}: expected VARIANT=FACTOR with a positive number, such as dqn=4, or one column"
            )
        if name in factors:
            raise UserError(f"--scale-steps {entry}: the factor of {name} is already {factors[name]:g}")
        factors[name] = factor
    return factors, column


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
