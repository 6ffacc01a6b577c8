"""Waiting for other processes and threads."""

import time
from collections.abc import Callable

LIMIT = 900.0  # seconds: only a test that fails waits so long


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Returns as soon as a condition holds.

    Args:
        condition: Is asked again and again.
        what: The condition in words.

    Raises:
        AssertionError: it does not hold even after minutes.
    """
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {LIMIT:.0f} s: {what}")
        time.sleep(0.02)
