"""Paths for files that are shared: without the folders of the machine that wrote them."""

import shlex
from collections.abc import Sequence
from pathlib import Path


def shown(path: str | Path, parts: int = 1) -> str:
    """A path relative to the working directory; for an absolute path elsewhere, `...` and its last parts."""
    path, here = Path(path), Path.cwd()
    if not path.is_absolute():
        return str(path)
    return str(path.relative_to(here) if path.is_relative_to(here) else Path("...", *path.parts[1:][-parts:]))


def shown_command(words: Sequence[str]) -> str:
    """A command line with its paths shown by `shown`."""
    return shlex.join(map(_word, words))


def _word(word: str) -> str:
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{shown(value)}" if value.startswith("/") else word
