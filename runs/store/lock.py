"""One process a run: a lock that the kernel releases when its holder dies."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError

NAME = ".lock"
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class BusyError(Exception):
    """Another process holds the run."""


def is_held(folder: Path) -> bool:
    """Whether some process runs the folder now. Never creates the lock file."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def held(folder: Path, patience: float = 2.0) -> Iterator[None]:
    """Holds the folder's lock; retries for `patience` seconds, as a look by `is_held` holds it for an instant.

    Raises:
        BusyError: another process holds the lock.
        UserError: the file system knows no locks.
    """
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno in NO_LOCKS:
                    raise UserError(f"{folder}: its file system has no locks (flock); use one that has") from None
                if not isinstance(error, BlockingIOError):
                    raise
                if time.monotonic() >= deadline:
                    raise BusyError(f"{folder}: another process runs it") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
