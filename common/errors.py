"""The error for what a user can correct: a mistake, data that cannot be used, or a locale."""

import re


class UserError(Exception):
    """What a user can correct; the command line prints the message without a traceback and exits with 2."""


def unwritable(error: UnicodeEncodeError) -> str:
    """The message for a name that the locale cannot write, such as an umlaut in LC_ALL=C; escaped, so that it can."""
    words = re.finditer(r"[^\s/]+", error.object)
    name = next((word[0] for word in words if word.end() > error.start), error.object[error.start : error.end])
    return f"the locale cannot write the name {name!a}; set PYTHONUTF8=1"
