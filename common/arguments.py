"""Types of command-line arguments, for argparse: each refuses a wrong text by what is allowed."""

import argparse
from pathlib import Path

LARGEST = 2**32 - 1  # of a seed


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
