"""Atomic writes of files."""

import os
from collections.abc import Mapping
from pathlib import Path

LISTING = "files.txt"


def write(path: Path, content: str | bytes) -> None:
    """Replaces a file in one step, so that neither a reader nor a crash leaves half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_all(folder: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Writes the files of one analysis and a list of their names; returns their paths.

    Removes the files of an earlier analysis that this one does not make, by the earlier list: a folder holds one
    analysis.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / LISTING
    earlier = listing.read_text(errors="replace").splitlines() if listing.is_file() else []
    for name in earlier:
        if name not in contents and Path(name).name == name and (folder / name).is_file():
            (folder / name).unlink()
    write(listing, "".join(f"{name}\n" for name in sorted(contents)))
    for name, content in contents.items():
        write(folder / name, content)
    return [folder / name for name in contents]
