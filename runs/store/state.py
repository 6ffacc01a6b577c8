"""state.json: what a run is doing, for everyone who watches it from outside."""

import dataclasses
import math
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from common import files
from runs.store import lock

NAME = "state.json"
Phase = Literal["pending", "running", "done", "failed"]


@dataclass(frozen=True)
class State:
    """Where a run stands; `step` and `steps` count environment steps, `heartbeat` is in seconds of the epoch."""

    state: Phase = "pending"
    step: int = 0
    steps: int = 0
    return_: float | None = None
    fps: float | None = None
    heartbeat: float | None = None
    pid: int | None = None
    host: str | None = None
    job: str | None = None  # of Slurm, in which the run went last
    error: str | None = None
    traceback: str | None = None
    signal: str | None = None  # of a run that was killed by one: it did not fail by itself


def write(folder: Path, state: State) -> None:
    """Writes a run's state, stamped with this process and now."""
    stamped = dataclasses.replace(
        state, heartbeat=time.time(), pid=os.getpid(), host=socket.gethostname(), job=slurm_job()
    )
    content = {name.rstrip("_"): value for name, value in dataclasses.asdict(stamped).items()}
    files.write_json(folder / NAME, content)


def slurm_job() -> str | None:
    """The Slurm job that this process belongs to, as squeue names it: `12`, or `12_3` in an array."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else os.environ.get("SLURM_JOB_ID")


def read(folder: Path) -> State:
    """A run's state.

    A run that calls itself running while nobody holds its lock was killed, and is pending: it can be taken up again.
    """
    state = recorded(folder)
    if state.state == "running" and not lock.is_held(folder):
        return dataclasses.replace(state, state="pending", fps=None)
    return state


def recorded(folder: Path) -> State:
    """What a run last said of itself; a missing, torn or foreign file is a pending run's."""
    content = files.read_json(folder / NAME) or {}
    known: dict[str, object] = {}
    for name, kinds in FIELDS.items():
        value = content.get(name.rstrip("_"))
        whole = not isinstance(value, float) or math.isfinite(value)
        if isinstance(value, kinds) and not isinstance(value, bool) and whole:
            known[name] = value
    if known.get("state") not in get_args(Phase):
        known.pop("state", None)
    return State(**known)  # type: ignore[arg-type]  # checked against FIELDS


FIELDS: dict[str, type | tuple[type, ...]] = {
    "state": str,
    "step": int,
    "steps": int,
    "return_": (int, float),
    "fps": (int, float),
    "heartbeat": (int, float),
    "pid": int,
    "host": str,
    "job": str,
    "error": str,
    "traceback": str,
    "signal": str,
}
