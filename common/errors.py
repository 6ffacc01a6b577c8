"""The error that a user's mistake ends in."""


class UserError(Exception):
    """A mistake of the user; a command line prints it without a traceback and exits with 2."""
