"""A copy of this checkout's code that jobs run from, so that later edits do not affect submitted jobs.

    results/.snapshots/<digest>/
      agents/ envs/ runs/ suites/ launch.py ...   tracked files of the packages, and new files that are not ignored
      snapshot.json                               commit and uncommitted changes, for provenance.json

The digest is that of the content: equal code is stored once. A snapshot is complete or absent.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from common import files
from common.origin import ROOT, SNAPSHOT, source

FOLDER = ".snapshots"
CODE = ("agents", "analysis", "common", "discovery", "envs", "runs", "suites", "launch.py", "analyze.py")


def take(results: Path) -> Path:
    """Copies the current code; returns the snapshot's folder."""
    origin = source()
    digest = hashlib.sha256(json.dumps([origin["commit"], origin["diff"]]).encode())
    contents = {name: (ROOT / name).read_bytes() for name in _names()}
    for name, content in contents.items():
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    target = results.absolute() / FOLDER / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    temporary = files.temporary(target)
    shutil.rmtree(temporary, ignore_errors=True)
    for name, content in contents.items():
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_file(path, content)
    files.write_json(temporary / SNAPSHOT, origin)
    temporary.rename(target)
    files.sync_folder(target.parent)
    return target


def prune(results: Path, needed: Iterable[str]) -> None:
    """Deletes the snapshots whose names are not among the needed ones, and temporary files of killed processes."""
    keep = set(needed)
    for path in (results / FOLDER).glob("*"):
        if path.name.startswith(files.TEMPORARY):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir() and path.name not in keep:
            with suppress(OSError):  # the next launch tries again
                files.remove_folder(path)


def _names() -> list[str]:
    """The files of the code, relative to its root: those that git lists, or all if git does not know them."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    try:
        answer = subprocess.run([*command, "--", *CODE], capture_output=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        answer = b""
    names = [os.fsdecode(name) for name in answer.split(b"\0") if name]
    if str(Path(__file__).relative_to(ROOT)) not in names:
        found = [path for part in CODE for path in [ROOT / part, *(ROOT / part).rglob("*")]]
        names = [str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts]
    return sorted(name for name in names if (ROOT / name).is_file())
