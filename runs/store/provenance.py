"""provenance.json: code, packages, machine and attempts of a run."""

import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import files
from common.origin import PROVENANCE, now, origin


def begin(folder: Path, step: int, updates: int, heartbeat: float | None) -> None:
    """Records a new attempt. An earlier one without an end was killed; it is given the last heartbeat as its end.

    Args:
        folder: The run's folder.
        step: Environment steps of the newest checkpoint.
        updates: Its gradient steps.
        heartbeat: The run's last heartbeat in seconds since the epoch, or None.
    """
    content = files.read_json(folder / PROVENANCE) or {}
    attempts = _attempts(content)
    if attempts and attempts[-1].get("end") is None:
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


def describe(
    folder: Path,
    position: tuple[int, int],
    packages: Sequence[str],
    device: str,
    renderer: str | None,
    settled: dict[str, Any],
) -> None:
    """Records where the newest attempt has resumed, and its environment.

    Args:
        folder: The run's folder.
        position: Environment and gradient steps that it resumed from: fewer than at its beginning where the newest
            checkpoint was damaged.
        packages: Distributions that its task depends on.
        device: The device that the agent computes on.
        renderer: The renderer of the pixels; None if the task draws its own, or the agent observes state vectors.
        settled: What was decided at the start in addition to the settings: action groups and widths.
    """
    attempts = attempts_of(folder)
    if attempts:
        attempts[-1] |= dict(zip(("step", "updates"), position, strict=True))
    content = {**origin(packages), "device": device, "renderer": renderer, "settled": settled, "attempts": attempts}
    files.write_json(folder / PROVENANCE, content)


def attempts_of(folder: Path) -> list[dict[str, Any]]:
    """The attempts of a run, oldest first."""
    return _attempts(files.read_json(folder / PROVENANCE) or {})


def end(folder: Path, step: int, reason: str) -> None:
    """Records the end of the newest attempt, its step and reason."""
    content = files.read_json(folder / PROVENANCE) or {}
    attempts = _attempts(content)
    if not attempts or attempts[-1].get("end") is not None:
        return
    attempts[-1] |= {"end": now(), "end_step": step, "reason": reason}
    files.write_json(folder / PROVENANCE, content | {"attempts": attempts})


def _attempts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The attempts in a provenance.json; without what no attempt can be, if another program wrote it."""
    listed = content.get("attempts")
    return [attempt for attempt in listed if isinstance(attempt, dict)] if isinstance(listed, list) else []


SLURM = (
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_RESTART_COUNT",
    "SLURM_JOB_PARTITION",
    "SLURMD_NODENAME",
)


def _iso(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # in no year from 1 to 9999
        return now()
