"""Slurm's commands: read the queue and the limits of the cluster, cancel jobs."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from common.errors import UserError
from runs.watching.jobs import Entry, QueuedJob

T = TypeVar("T")
PATIENCE = 120  # seconds to wait for an answer
SHOWN = "%i|%T|%r|%N|%j"  # job, state, reason, nodes, name
IDS = 500  # jobs of one call of scancel
CLUSTER = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")  # how Slurm's commands find the cluster


class ClusterError(UserError):
    """Slurm refused a request, or does not answer."""


class Slurm:
    """The cluster of this machine."""

    def queue(self) -> list[Entry]:
        """All jobs of this user, with a line for each member of an array, by one call of squeue.

        Raises:
            ClusterError: Slurm does not answer.
        """
        entries = []
        for line in _ask("squeue", "--me", "--all", "--noheader", "--array", f"--format={SHOWN}").splitlines():
            if line.count("|") >= SHOWN.count("|"):  # other lines are remarks
                id_, state, reason, node, name = line.split("|", SHOWN.count("|"))
                entries.append(Entry(QueuedJob(id_, state, "" if reason == "None" else reason, node), name))
        return entries

    def max_array_size(self) -> int:
        """How many jobs an array may have.

        Raises:
            ClusterError: Slurm does not answer.
        """
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config"), re.MULTILINE)
        if found is None:
            raise ClusterError("`scontrol show config` does not report MaxArraySize")
        return max(1, int(found.group(1)))

    def withdraw(self, name: str) -> None:
        """Cancels the jobs of a batch that Slurm may have accepted without confirming it.

        Raises:
            ClusterError: Slurm does not answer.
        """
        _ask("scancel", "--quiet", "--me", f"--name={name}")

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancels jobs; ignores those that have ended.

        Raises:
            ClusterError: Slurm does not answer.
        """
        for some in chunks(ids, IDS):
            _ask("scancel", "--quiet", *some)


@contextmanager
def clean_environment() -> Iterator[None]:
    """Hides variables that change what Slurm's commands do: filters, defaults, the job that this process may run in."""
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_")) and name not in CLUSTER
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


def _ask(*command: str) -> str:
    try:
        with clean_environment():
            answer = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, stdin=subprocess.DEVNULL
            )
    except FileNotFoundError:
        raise ClusterError(f"there is no {command[0]} here: this machine is not part of a Slurm cluster") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]} did not answer within {PATIENCE} s") from None
    if answer.returncode != 0:
        raise ClusterError(f"{command[0]} failed: {last_line(answer.stderr)}")
    return answer.stdout


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Consecutive items, `size` at a time."""
    for first in range(0, len(items), size):
        yield list(items[first : first + size])


def last_line(text: str) -> str:
    """The last line of a command's output, usually the reason of a failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
