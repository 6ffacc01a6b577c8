"""Signals that ask a launcher to stop, collected instead of died of."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def collected() -> Iterator[list[int]]:
    """Yields the list that signals of the keyboard, of a person or of a lost terminal are added to."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup sets it
        wanted.append(signal.SIGHUP)
    before = [signal.signal(number, note) for number in wanted]
    try:
        yield received
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Lets what it holds come to its end, and only then interrupts; handlers are the main thread's alone.

    Raises:
        KeyboardInterrupt: a signal has come meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with collected() as received:
        yield
    if received:
        raise KeyboardInterrupt
