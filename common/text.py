"""Words for messages: the nearest right name, numbers of things, lists, ranges of integers."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


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


def spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Returns the first and last of each run of neighbours among sorted integers: 0, 1, 2, 7 are (0, 2), (7, 7)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def ranges(numbers: Sequence[int], separator: str = ", ") -> str:
    """Returns sorted integers in words, runs of neighbours shortened: `0-4, 7`."""
    return separator.join(str(first) if first == last else f"{first}-{last}" for first, last in spans(numbers))
