"""Names that become folders under results/: which are safe, which two would be one, and how they are picked."""

import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase

from common.errors import UserError
from suites.yaml_reader import Key, Place

MAX_BYTES = 200  # a file system takes 255, and writers add suffixes
PATTERN = r"^[^\s.\-/\\][^/\\]*$"  # the part of the rule that a regular expression can express, for editors


def check_name(name: str, what: str, place: Place) -> str:
    """Returns a name that is safe as a folder's.

    Raises:
        UserError: At the place, for any other.
    """
    wrong = None
    if not name.strip():
        wrong = "is empty"
    elif any(part in name for part in ("/", "\\", "..")):
        wrong = "would leave the results folder"
    elif name[0] in ".-":
        wrong = f"begins with {name[0]!r}"
    elif name != name.strip() or not name.isprintable():
        wrong = "has characters that do not show"
    elif len(name.encode()) > MAX_BYTES:
        wrong = f"is longer than {MAX_BYTES} bytes"
    if wrong:
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        raise place.error(
            f"the {what} {shown!r} {wrong}; allowed: letters, digits and signs, "
            "but no slash, '..', leading '.' or '-', or blank at either end"
        )
    return name


def check_apart(names: dict[str, Key], name: Key, what: str) -> None:
    """Adds a name to those seen, by the folder it gets where case does not count.

    Raises:
        UserError: With both places, for two names of one folder.
    """
    folder = unicodedata.normalize("NFC", name).casefold()
    if folder in names:
        first = names[folder]
        raise UserError(f"{name.place}: the {what} {name!s} collides with {first!s} at {first.place}; rename one")
    names[folder] = name


def matching(pattern: str, names: Sequence[str]) -> list[str]:
    """Returns the names that a shell-style pattern matches; one that is itself a name means that name."""
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
