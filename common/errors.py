"""The error for what a user can correct: a mistake, data that cannot be used, or a locale."""

import re


class UserError(Exception):
    """What a user can correct; the command line prints the message without a traceback and exits with 2."""


def unwritable(error: UnicodeEncodeError) -> str:
    """The message for a name that cannot be written, escaped, so that it can.

    The locale may lack it, such as an umlaut in LC_ALL=C, or a file's name is no text.
    """
    words = re.finditer(r"[^\s/]+", error.object)
    name = next((word[0] for word in words if word.end() > error.start), error.object[error.start : error.end])
    if error.encoding.lower().replace("-", "") == "utf8":
        return f"the name {name!a} is no text; rename the file or folder"
    return f"the locale cannot write the name {name!a}; set PYTHONUTF8=1"
