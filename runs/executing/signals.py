"""Signals that ask a launcher to stop: collected, or put off."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the keyboard, a person, a lost terminal


@contextmanager
def collected() -> Iterator[list[int]]:
    """Yields the list that such signals are added to, instead of ending this process; for the main thread."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    # SIGHUP is ignored under nohup, and stays so.
    wanted = [number for number in ASKING if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, note) for number in wanted]
    try:
        yield received
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Lets what it holds come to its end before such a signal counts, for this process and those that it starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
