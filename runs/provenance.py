"""provenance.json: which code, packages, machine and attempts a run came from."""

import os
import platform
import shlex
import socket
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from runs import atomic

NAME = "provenance.json"
SNAPSHOT = "snapshot.json"  # in a copy of a checkout, what `source` said of the original
ROOT = Path(__file__).parent.parent
PACKAGES = (
    "tensorflow",
    "tensorflow-probability",
    "tf-keras",
    "keras",
    "numpy",
    "dm_control",
    "mujoco",
    "gymnasium",
    "numba",
    "pydantic",
    "pillow",
)
DIFF_LIMIT = 1_000_000  # characters


def begin(folder: Path, step: int, updates: int, heartbeat: float | None) -> None:
    """Notes a new attempt. An earlier one without an end was killed: its end is the last heartbeat.

    Args:
        folder: The run's folder.
        step: Environment steps that the attempt goes on from.
        updates: Gradient steps that it goes on from.
        heartbeat: When the run last told its state, in seconds of the epoch, or None.
    """
    content = atomic.read_json(folder / NAME) or {}
    attempts = list(content.get("attempts", []))
    if attempts and attempts[-1]["end"] is None:
        attempts[-1] |= {"end": now() if heartbeat is None else _iso(heartbeat), "reason": "killed"}
    attempts.append(
        {
            "start": now(),
            "end": None,
            "reason": None,
            "step": step,
            "updates": updates,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "slurm": {name: value for name, value in sorted(os.environ.items()) if name in SLURM},
        }
    )
    atomic.write_json(folder / NAME, content | {"attempts": attempts})


def describe(folder: Path, device: str, renderer: str | None, settled: dict[str, Any]) -> None:
    """Notes what the newest attempt runs with.

    Args:
        folder: The run's folder.
        device: What the agent computes on.
        renderer: What draws the pixels, None where the task draws its own.
        settled: What the run has settled on beyond its settings: action groups and widths.
    """
    attempts = attempts_of(folder)
    content = {**origin(), "device": device, "renderer": renderer, "settled": settled, "attempts": attempts}
    atomic.write_json(folder / NAME, content)


def attempts_of(folder: Path) -> list[dict[str, Any]]:
    """The attempts of a run, oldest first."""
    return list((atomic.read_json(folder / NAME) or {}).get("attempts", []))


def end(folder: Path, step: int, reason: str) -> None:
    """Notes the end of the newest attempt, at which step and why."""
    content = atomic.read_json(folder / NAME)
    if content is None or not content.get("attempts") or content["attempts"][-1]["end"] is not None:
        return
    content["attempts"][-1] |= {"end": now(), "end_step": step, "reason": reason}
    atomic.write_json(folder / NAME, content)


def origin() -> dict[str, Any]:
    """Which code, packages, machine and command this process is."""
    return {
        **source(),
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "command": _command(),
    }


def source() -> dict[str, Any]:
    """The commit of this code, and how the working tree differs from it; None where git cannot tell.

    A snapshot carries what was said of the checkout that it was taken from.
    """
    if (carried := atomic.read_json(ROOT / SNAPSHOT)) is not None:
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


def versions() -> dict[str, str | None]:
    """Versions of the packages that a result may depend on."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
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


SLURM = (
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_RESTART_COUNT",
    "SLURM_JOB_PARTITION",
    "SLURMD_NODENAME",
)


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _command() -> str:
    """What this process was started by, with paths from the checkout on, so that others can run it too."""
    return shlex.join(word.removeprefix(f"{ROOT}/") for word in sys.orig_argv)


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
