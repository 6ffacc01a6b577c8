"""The error for what a user can correct: a mistake, or data that cannot be used."""


class UserError(Exception):
    """What a user can correct; the command line prints the message without a traceback and exits with 2."""
