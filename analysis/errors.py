"""What goes wrong with the data, told to the user without a traceback."""


class AnalysisError(Exception):
    """Data that cannot be analysed; the message says what, where and what was expected."""
