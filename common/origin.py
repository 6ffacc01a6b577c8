"""The origin of a result: code, packages, machine and command."""

import os
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from common import files

PROVENANCE = "provenance.json"  # the file with the origin in a result's folder
SNAPSHOT = "snapshot.json"  # in a copy of a checkout, `source()` of the original
ROOT = Path(__file__).parent.parent
# Distributions that every result depends on.
PACKAGES = ("tensorflow", "tensorflow-probability", "tf-keras", "keras", "numpy", "gymnasium", "pydantic", "pillow")
DIFF_LIMIT = 1_000_000  # characters


def origin(packages: Sequence[str]) -> dict[str, Any]:
    """The code, packages, machine and command of this process.

    Args:
        packages: Distributions that the result depends on in addition to `PACKAGES`.
    """
    return {
        **source(),
        "versions": versions(packages),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "command": _command(),
    }


def source() -> dict[str, Any]:
    """The commit of this code, and how the working tree differs from it; None for what git cannot tell.

    In a snapshot, those of the checkout that it was taken from.
    """
    if (carried := files.read_json(ROOT / SNAPSHOT)) is not None:
        return carried
    commit, diff = _git("rev-parse", "HEAD"), _git("diff", "HEAD")
    if diff is not None and len(diff) > DIFF_LIMIT:
        diff = diff[:DIFF_LIMIT] + "\n[cut off]\n"
    untracked = _git("ls-files", "--others", "--exclude-standard")
    return {
        "commit": commit.strip() if commit else None,
        "dirty": None if diff is None else bool(diff or untracked),
        "diff": diff,
        "untracked": untracked.splitlines()[:1000] if untracked else [],
    }


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Versions of `PACKAGES` and of these packages; None for one that is not installed."""
    found: dict[str, str | None] = {}
    for package in (*PACKAGES, *packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _command() -> str:
    """The command of this process, with paths relative to the checkout, so that it runs on other machines too."""
    return shlex.join(word.removeprefix(f"{ROOT}/") for word in sys.orig_argv)


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout
