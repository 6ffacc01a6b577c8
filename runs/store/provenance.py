"""provenance.json: which code, packages, machine and attempts a run came from."""

import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import files
from common.origin import PROVENANCE, now, origin


def begin(folder: Path, step: int, updates: int, heartbeat: float | None) -> None:
    """Notes a new attempt. An earlier one without an end was killed: its end is the last heartbeat.

    Args:
        folder: The run's folder.
        step: Environment steps that the attempt goes on from.
        updates: Gradient steps that it goes on from.
        heartbeat: When the run last told its state, in seconds of the epoch, or None.
    """
    content = files.read_json(folder / PROVENANCE) or {}
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
    files.write_json(folder / PROVENANCE, content | {"attempts": attempts})


def describe(folder: Path, packages: Sequence[str], device: str, renderer: str | None, settled: dict[str, Any]) -> None:
    """Notes what the newest attempt runs with.

    Args:
        folder: The run's folder.
        packages: What its environment depends on.
        device: What the agent computes on.
        renderer: What draws the pixels, None where the task draws its own.
        settled: What the run has settled on beyond its settings: action groups and widths.
    """
    attempts = attempts_of(folder)
    content = {**origin(packages), "device": device, "renderer": renderer, "settled": settled, "attempts": attempts}
    files.write_json(folder / PROVENANCE, content)


def attempts_of(folder: Path) -> list[dict[str, Any]]:
    """The attempts of a run, oldest first."""
    return list((files.read_json(folder / PROVENANCE) or {}).get("attempts", []))


def end(folder: Path, step: int, reason: str) -> None:
    """Notes the end of the newest attempt, at which step and why."""
    content = files.read_json(folder / PROVENANCE)
    if content is None or not content.get("attempts") or content["attempts"][-1]["end"] is not None:
        return
    content["attempts"][-1] |= {"end": now(), "end_step": step, "reason": reason}
    files.write_json(folder / PROVENANCE, content)


SLURM = (
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_RESTART_COUNT",
    "SLURM_JOB_PARTITION",
    "SLURMD_NODENAME",
)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
