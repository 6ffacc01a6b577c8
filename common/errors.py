"""The error raised for a user's mistake."""


class UserError(Exception):
    """A mistake of the user; the command line prints it without a traceback and exits with 2."""
