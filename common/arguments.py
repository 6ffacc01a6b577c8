"""Command lines: a parser with helpful errors, and types of arguments, which refuse a wrong text by what is allowed."""

import argparse
import re
from collections.abc import Set
from pathlib import Path
from typing import NoReturn

from common.text import hint, printable

LARGEST = 2**32 - 1  # of a seed


class Parser(argparse.ArgumentParser):
    """An argument parser that suggests the nearest name for a misspelled one, and prints no control characters.

    Attributes:
        names: The names to suggest; by default, the options of this parser.
    """

    names: Set[str] = frozenset()

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the error, and exits with 2."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        option = re.search(r"unrecognized arguments: .*?(--?[\w-]+)", message)
        meant = hint(choice.group(1), re.findall(r"[\w-]+", choice.group(2))) if choice else ""
        known = self.names or self._option_string_actions.keys()
        meant = hint(option.group(1), sorted(known)) if option else meant
        super().error(printable(message + meant))


def add_results(parser: argparse.ArgumentParser, use: str) -> None:
    """Adds the option for the root of all results; `use` says what it is for."""
    parser.add_argument(
        "--results", type=filled_path, default=Path("results"), metavar="DIR", help=f"{use} (%(default)s)"
    )


def filled_path(text: str) -> Path:
    """A path; an empty text, mostly of an unset variable, would be the current folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path; write . for the current folder")
    return Path(text)


def natural(text: str) -> int:
    """An integer from 0 on."""
    return _integer(text, 0)


def positive(text: str) -> int:
    """An integer from 1 on."""
    return _integer(text, 1)


def _integer(text: str, least: int) -> int:
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST)) or not least <= int(text) <= LARGEST:
        raise argparse.ArgumentTypeError(f"{shown!r} is not an integer from {least} to {LARGEST:,}")
    return int(text)
