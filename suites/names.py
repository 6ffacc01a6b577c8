"""Names that become folders under results/: whether they are safe and distinct, and how patterns select them."""

import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase

from common.errors import UserError
from common.yaml_reader import Key, Place

MAX_BYTES = 200  # file systems allow 255, and writers add suffixes
PATTERN = r"^[^\s.\-/\\][^/\\]*$"  # the part of the rule that a regular expression can check, for editors


def check_name(name: str, what: str, place: Place) -> str:
    """Returns the name if it is safe as a folder name.

    Raises:
        UserError: At the place, for any other name.
    """
    wrong = None
    if not name.strip():
        wrong = "is empty"
    elif any(part in name for part in ("/", "\\", "..")):
        wrong = "would leave the results folder"
    elif name[0] in ".-":
        wrong = f"begins with {name[0]!r}"
    elif name != name.strip() or not name.isprintable():
        wrong = "has invisible characters"
    elif len(name.encode()) > MAX_BYTES:
        wrong = f"is longer than {MAX_BYTES} bytes"
    if wrong:
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        raise place.error(
            f"the {what} {shown!r} {wrong}; allowed: letters, digits and signs, "
            "but no slash, no '..', no leading '.' or '-', and no blank at either end"
        )
    return name


def check_apart(names: dict[str, Key], name: Key, what: str) -> None:
    """Adds a name to those seen, by its folder on a case-insensitive file system.

    Raises:
        UserError: For two names of the same folder; the message has both places.
    """
    folder = unicodedata.normalize("NFC", name).casefold()
    if folder in names:
        first = names[folder]
        raise UserError(f"{name.place}: the {what} {name!s} collides with {first!s} at {first.place}; rename one")
    names[folder] = name


def matching(pattern: str, names: Sequence[str]) -> list[str]:
    """Returns the names that match a shell-style pattern; a pattern that equals a name matches only that name."""
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
