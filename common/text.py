"""Text of messages: the nearest valid name, counts, lists, ranges of integers."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from difflib import get_close_matches

MILLENNIUM = 1000 * 365.25 * 86400  # seconds
MESSAGE = 300  # characters of another library's message


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Returns the known name most similar to the given one; None if none reaches the cutoff, 0 to 1."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def hint(name: str, known: Iterable[str]) -> str:
    """Returns `; did you mean X?` for the known name nearest to the given one, or an empty text.

    The last part of a dotted name is compared too: `horizon` finds `behavior.horizon`.
    """
    known = [each for each in known if each]
    close = nearest(name, known)
    if close is None:
        last_parts: dict[str, str] = {}
        for candidate in known:
            last_parts.setdefault(candidate.rpartition(".")[2].lower(), candidate)
        last = nearest(name.rpartition(".")[2].lower(), last_parts, cutoff=0.7)
        close = last_parts[last] if last else None
    return f"; did you mean {close}?" if close else ""


def counted(number: int, noun: str) -> str:
    """Returns a count with its noun: `1 run`, `1,200 runs`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def listed(names: Sequence[str]) -> str:
    """Returns names for a message, at most the first ten."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def printable(text: str) -> str:
    """Returns text whose control characters, but for line breaks and tabs, are escaped: safe on a terminal."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text
    )


def shortened(text: str, length: int = 80) -> str:
    """Returns the beginning of a text's first line, for a message that quotes it."""
    line = printable(text.partition("\n")[0])
    return line if line == text and len(line) <= length else f"{line[: length - 3]}..."


def quoted(value: object) -> str:
    """Returns a value of a file as a message quotes it: as Python writes it, at most a line."""
    return shortened(repr(value))


def duration(seconds: float) -> str:
    """Returns a time for a message, to the second: `1 day, 2:03:04`; of a thousand years or more, only that."""
    return str(timedelta(seconds=round(seconds))) if seconds < MILLENNIUM else "over 1,000 years"


def spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Returns the first and last of each sequence of consecutive sorted integers: 0, 1, 2, 7 give (0, 2), (7, 7)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def ranges(numbers: Sequence[int], separator: str = ", ") -> str:
    """Returns sorted integers as text, with consecutive ones as ranges: `0-4, 7`."""
    return separator.join(str(first) if first == last else f"{first}-{last}" for first, last in spans(numbers))
