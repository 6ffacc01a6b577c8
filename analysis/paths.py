"""Paths for files that are shared: without the folders of the machine that wrote them."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from common.text import printable


def shown(path: str | Path, parts: int = 1) -> str:
    """A path relative to the working directory; for an absolute path elsewhere, `...` and its last parts.

    Control characters, and bytes that are no text, are escaped.
    """
    path, here = Path(path), Path.cwd()
    if path.is_absolute():
        path = path.relative_to(here) if path.is_relative_to(here) else Path("...", *path.parts[1:][-parts:])
    return printable(str(path))


def shown_command(words: Sequence[str]) -> str:
    """A command line with its paths shown by `shown`."""
    return shlex.join(map(_word, words))


def _word(word: str) -> str:
    option, equals, value = word.rpartition("=")
    return printable(option + equals) + shown(value) if value.startswith("/") else printable(word)
