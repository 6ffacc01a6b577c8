"""Atomic writes: files appear complete or not at all, even if the process is killed. Reads that end."""

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO

from common.errors import UserError

TEMPORARY = ".tmp-"  # prefix of names that a killed process may leave behind
LARGEST = 100_000_000  # bytes of a file that is read as a whole


def no_room(error: BaseException | None) -> int | None:
    """The error number if a file system without room is behind an error: ENOSPC, or EDQUOT for a quota; else None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def sync_folder(folder: Path) -> None:
    """Makes the entries of a folder durable (fsync)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes) -> None:
    """Writes a file durably but not atomically: for use in folders that are renamed as a whole."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def temporary(path: Path) -> Path:
    """The temporary path of this process for a file or folder that will be renamed to a path."""
    return path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")


def remove_folder(path: Path) -> None:
    """Deletes a folder; it is renamed first, so that a kill leaves no partial folder under its name."""
    doomed = temporary(path)
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces a file atomically.

    Raises:
        UserError: it is a folder.
    """
    fresh = temporary(path)
    try:
        write_file(fresh, data)
        fresh.replace(path)
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, where a file is written; move it away") from None
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replaces a text file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Replaces a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def clear_temporary(folder: Path, names: Iterable[str]) -> None:
    """Deletes what killed writes of some names left in a folder; only for the process that holds the folder's lock."""
    for name in names:
        for path in folder.glob(f"{TEMPORARY}*-{escape(name)}"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def open_plain(path: Path) -> BinaryIO:
    """Opens a plain file for reading.

    Raises:
        OSError: it cannot be read, or is a folder, FIFO or device, which might never end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")  # noqa: PTH123
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "no plain file, but a FIFO or device", str(path))


def read_bytes(path: Path, limit: int = LARGEST) -> bytes:
    """The content of a plain file of at most `limit` bytes.

    Raises:
        OSError: it is larger, or cannot be opened by `open_plain`.
    """
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
        return file.read()


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None if the file is missing, truncated or holds anything else."""
    try:
        content = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
