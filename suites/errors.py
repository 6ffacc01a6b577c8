"""A user's mistake, and the words to explain it with: the nearest right name, numbers, lists."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """A mistake of the user; a command line prints it without a traceback and exits with 2."""


def hint(name: str, known: Iterable[str]) -> str:
    """Returns `; did you mean X?` for the known name nearest to the one given, or nothing.

    A dotted name also counts as near when only its last part is: `horizon` finds `behavior.horizon`.
    """
    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:
        last_parts: dict[str, str] = {}
        for candidate in known:
            last_parts.setdefault(candidate.rpartition(".")[2].lower(), candidate)
        last = get_close_matches(name.rpartition(".")[2].lower(), list(last_parts), n=1, cutoff=0.7)
        close = [last_parts[match] for match in last]
    return f"; did you mean {close[0]}?" if close else ""


def counted(number: int, noun: str) -> str:
    """Returns a number of things in words: `1 run`, `1,200 runs`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def listed(names: Sequence[str]) -> str:
    """Returns names for a message, the first ten where there are more."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
