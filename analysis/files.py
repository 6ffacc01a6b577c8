"""The files of an analysis, written together, and which files of a folder are an analysis's own."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from common import files, lock
from common.errors import UserError
from common.text import listed

MANIFEST = "analysis_manifest.json"
MADE_BY = {"made_by": "analyze.py"}  # the mark of a manifest
BEFORE_MANIFESTS = "files.txt"  # names alone, by the first versions
ALWAYS = {"captions.md", "report.html", "tables.md", "tables.tex"}  # that such a version always named
PATIENCE = 60.0  # seconds to wait for another analysis that writes to the folder


def write_all(folder: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Writes the files of one analysis and a manifest of them; returns their paths.

    Removes the files of an earlier analysis that this one does not make: a folder holds one analysis. A file is an
    analysis's own if the manifest has its name and the digest of its content. All other files stay as they are.

    Raises:
        UserError: the folder has a file of another kind under a name that is to be written, or another analysis writes
            to it; nothing was changed.
    """
    data = {name: text.encode() if isinstance(text, str) else text for name, text in contents.items()}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock.held(folder, PATIENCE):
            _replace(folder, data)
    except lock.BusyError:
        raise UserError(f"{folder}: another analysis has been writing to it for {PATIENCE:.0f} s; try again") from None
    return [folder / name for name in contents]


def _replace(folder: Path, data: Mapping[str, bytes]) -> None:
    known = _known(folder)
    _refuse_others(folder, data, known)
    files.clear_temporary(folder, {*known, *data, MANIFEST})
    fresh = {name: [_digest(content)] for name, content in data.items()}
    # A file of either content is an analysis's own, whenever this process is killed.
    both = {name: sorted({*known.get(name, ()), *fresh.get(name, ())}) for name in sorted({*known, *fresh})}
    _write_manifest(folder, both)
    for name, content in data.items():
        files.write_bytes(folder / name, content)
    for name in sorted(known.keys() - data.keys()):
        if _is_own(folder / name, known[name]):
            (folder / name).unlink()
    _write_manifest(folder, fresh)


def _known(folder: Path) -> dict[str, list[str]]:
    """Name -> digests of the contents that analyses wrote, by the manifest; empty without one."""
    content = files.read_json(folder / MANIFEST) or {}
    listed = content.get("files")
    if not MADE_BY.items() <= content.items() or not isinstance(listed, dict):
        return {}
    return {
        name: [digest for digest in digests if isinstance(digest, str)]
        for name, digests in listed.items()
        if Path(name).name == name and isinstance(digests, list)
    }


def _write_manifest(folder: Path, digests: Mapping[str, list[str]]) -> None:
    files.write_json(folder / MANIFEST, MADE_BY | {"files": dict(sorted(digests.items()))})


def _refuse_others(folder: Path, data: Mapping[str, bytes], known: Mapping[str, list[str]]) -> None:
    """Refuses to overwrite files that no analysis wrote, or that were changed since."""
    earlier = _listed_before_manifests(folder) if not known else set()
    there = [name for name in data if (folder / name).exists() or (folder / name).is_symlink()]
    others = [name for name in there if name not in earlier and not _is_own(folder / name, known.get(name, []))]
    if not known and (folder / MANIFEST).exists():
        others.append(MANIFEST)
    if others:
        raise UserError(
            f"{folder} holds files of the same names that no analysis wrote, or that were changed since: "
            f"{listed(others)}; move them away, or choose another folder with --out"
        )


def _listed_before_manifests(folder: Path) -> set[str]:
    """The files that a first version's analysis listed; without digests they are replaced, but not removed."""
    try:
        names = set(files.read_bytes(folder / BEFORE_MANIFESTS).decode().splitlines())
    except (OSError, ValueError):
        return set()
    return names if names >= ALWAYS else set()


def _is_own(path: Path, digests: list[str]) -> bool:
    """Whether a file's content is what an analysis wrote."""
    try:
        return not path.is_symlink() and _digest(files.read_bytes(path)) in digests
    except OSError:
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
