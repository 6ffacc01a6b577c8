"""At most one process per run: a lock that the kernel releases when its holder dies."""

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
    """Another process holds the lock of the run."""


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder's lock now. Never creates the lock file."""
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
    """Holds the folder's lock; retries for `patience` seconds, since `is_held` takes it for an instant.

    Raises:
        BusyError: another process holds the lock.
        UserError: the file system does not support locks.
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
                    raise UserError(
                        f"{folder}: its file system does not support locks (flock); use one that does"
                    ) from None
                if not isinstance(error, BlockingIOError):
                    raise
                if time.monotonic() >= deadline:
                    raise BusyError(f"{folder}: another process is running it") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
