"""Atomic writes: files appear complete or not at all, even if the process is killed."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp-"  # prefix of names that a killed process may leave behind


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
    """Replaces a file atomically."""
    fresh = temporary(path)
    try:
        write_file(fresh, data)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replaces a text file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Replaces a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None if the file is missing, truncated or holds anything else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
