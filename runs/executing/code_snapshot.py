"""A copy of this checkout's code for jobs to run from, so that later edits change nothing of what was submitted.

    results/.snapshots/<digest>/
      agents/ envs/ runs/ suites/ launch.py ...   what git tracks of the rooms, and what is new and not ignored
      snapshot.json                               commit, uncommitted changes: what provenance says of the code

The digest is the content's: equal code is kept once. A snapshot is complete or absent.
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
ROOMS = ("agents", "analysis", "common", "discovery", "envs", "runs", "suites", "launch.py", "analyze.py")


def take(results: Path) -> Path:
    """Keeps this code as it is now; returns the snapshot's folder."""
    said = source()
    digest = hashlib.sha256(json.dumps([said["commit"], said["diff"]]).encode())
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
    files.write_json(temporary / SNAPSHOT, said)
    temporary.rename(target)
    files.sync_folder(target.parent)
    return target


def prune(results: Path, needed: Iterable[str]) -> None:
    """Deletes the snapshots that are not among the needed ones, by name, and what kills left behind."""
    keep = set(needed)
    for path in (results / FOLDER).glob("*"):
        if path.name.startswith(files.TEMPORARY):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir() and path.name not in keep:
            with suppress(OSError):  # the next launch tries again
                files.remove_folder(path)


def _names() -> list[str]:
    """The files of the rooms, relative to the code's root; git says which, where it knows them."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    try:
        answer = subprocess.run([*command, "--", *ROOMS], capture_output=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        answer = b""
    names = [os.fsdecode(name) for name in answer.split(b"\0") if name]
    if str(Path(__file__).relative_to(ROOT)) not in names:
        found = [path for room in ROOMS for path in [ROOT / room, *(ROOT / room).rglob("*")]]
        names = [str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts]
    return sorted(name for name in names if (ROOT / name).is_file())
