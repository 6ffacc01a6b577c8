"""The error for what a user can mend: a mistake, or data that cannot be used."""


class UserError(Exception):
    """What a user can mend; the command line prints the message without a traceback and exits with 2."""
