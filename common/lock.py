"""At most one process per folder: a lock that the kernel releases when its holder dies.

The lock belongs to a file, and files can be removed: a cleaner of dot files would let a second process in. So a holder
asks again and again whether the file in the folder is still the one that it has locked.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError

NAME = ".lock"
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
# Without O_NONBLOCK, opening a FIFO for reading would wait for a writer.
OPEN = os.O_NONBLOCK | os.O_CLOEXEC


class BusyError(Exception):
    """Another process holds the lock of the folder, or has taken it over."""


class Lock:
    """The lock of a folder, while it is held."""

    def __init__(self, folder: Path, descriptor: int):
        """Takes the folder, and the open file that is locked in it."""
        self._folder = folder
        self._descriptor = descriptor

    def check(self) -> None:
        """Verifies that the lock is still the folder's; call it before each write.

        If the file is gone, it is made anew. That fails if another process was faster: then that one has the folder.

        Raises:
            BusyError: the lock is lost, and nothing more may be written.
        """
        try:
            if _is_the_folders(self._descriptor, self._folder):
                return
            fresh = _take(self._folder, os.O_EXCL)
        except FileExistsError:
            fresh = None
        except FileNotFoundError:
            raise BusyError(f"{self._folder} is gone") from None
        if fresh is None:
            raise BusyError(f"{self._folder}: its lock was removed, and another process has taken the folder over")
        os.close(self._descriptor)
        self._descriptor = fresh

    def close(self) -> None:
        """Releases the lock."""
        os.close(self._descriptor)


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder's lock now. Never creates the lock file."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | OPEN)
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
def held(folder: Path, patience: float = 2.0) -> Iterator[Lock]:
    """Holds the folder's lock; retries for `patience` seconds, since `is_held` takes it for an instant.

    Raises:
        BusyError: another process holds the lock.
        UserError: the file system does not support locks, or the lock file is no plain file.
    """
    deadline = time.monotonic() + patience
    while (descriptor := _take(folder)) is None:
        if time.monotonic() >= deadline:
            raise BusyError(f"{folder}: another process is running it")
        time.sleep(0.05)
    lock = Lock(folder, descriptor)
    try:
        yield lock
    finally:
        lock.close()


def _take(folder: Path, flags: int = 0) -> int | None:
    """Opens and locks the folder's lock file; None if another process has it."""
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | OPEN | flags, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError(f"{folder / NAME} is no plain file; remove it")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_the_folders(descriptor, folder):  # it may have been removed before it was locked
            taken, descriptor = descriptor, -1
            return taken
    except BlockingIOError:
        pass
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise UserError(f"{folder}: its file system does not support locks (flock); use one that does") from None
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return None


def _is_the_folders(descriptor: int, folder: Path) -> bool:
    """Whether an open file is the one that the folder has as its lock now."""
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / NAME).stat())
    except FileNotFoundError:
        return False
