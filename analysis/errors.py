"""Errors that are reported to the user without a traceback."""


class AnalysisError(Exception):
    """Data that cannot be analysed; the message names the problem, its place and what was expected."""
