"""state.json: the state of a run, for readers outside its process."""

import dataclasses
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from common import files, lock

NAME = "state.json"
LARGEST = 2**53  # no number of a run is larger, and each is exact as a float
Phase = Literal["pending", "running", "done", "failed"]


@dataclass(frozen=True)
class State:
    """The state of a run; `step` and `steps` count environment steps, `heartbeat` is in seconds since the epoch."""

    state: Phase = "pending"
    step: int = 0
    steps: int = 0
    return_: float | None = None
    fps: float | None = None
    heartbeat: float | None = None
    pid: int | None = None
    host: str | None = None
    job: str | None = None  # Slurm job that ran it last
    error: str | None = None
    traceback: str | None = None
    signal: str | None = None  # that killed the run: then it counts as interrupted, not as failed
    damage: list[str] | None = None  # what the run has lost of its files on the way


def write(folder: Path, state: State) -> None:
    """Writes a run's state with the id of this process and the current time."""
    stamped = dataclasses.replace(
        state, heartbeat=time.time(), pid=os.getpid(), host=socket.gethostname(), job=slurm_job()
    )
    content = {name.rstrip("_"): value for name, value in dataclasses.asdict(stamped).items()}
    files.write_json(folder / NAME, content)


def slurm_job() -> str | None:
    """The id of the Slurm job of this process, as in squeue: `12`, or `12_3` in an array."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else os.environ.get("SLURM_JOB_ID")


def read(folder: Path) -> State:
    """A run's state.

    A run that is recorded as running but not locked was killed: it is pending, and can be resumed.
    """
    state = recorded(folder)
    if state.state == "running" and not lock.is_held(folder):
        return dataclasses.replace(state, state="pending", fps=None)
    return state


def recorded(folder: Path) -> State:
    """The state that a run recorded last; that of a pending run if the file is missing, truncated or invalid."""
    content = files.read_json(folder / NAME) or {}
    known: dict[str, object] = {}
    for name, kinds in FIELDS.items():
        value = content.get(name.rstrip("_"))
        odd = isinstance(value, bool) or (isinstance(value, int | float) and not abs(value) <= LARGEST)
        if isinstance(value, kinds) and not odd:
            known[name] = value
    known["damage"] = [str(text) for text in cast(list[object], known.get("damage") or [])] or None
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
    "damage": list,
}
