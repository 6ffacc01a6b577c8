"""The files of an analysis, written together."""

from collections.abc import Mapping
from pathlib import Path

from common.files import write_bytes

LISTING = "files.txt"


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
    write_bytes(listing, "".join(f"{name}\n" for name in sorted(contents)).encode())
    for name, content in contents.items():
        write_bytes(folder / name, content.encode() if isinstance(content, str) else content)
    return [folder / name for name in contents]
