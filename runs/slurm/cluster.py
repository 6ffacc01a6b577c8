"""The cluster: what Slurm's own commands and submitit are asked to do, and how they refuse."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from runs.queue import QueuedJob
from runs.settings import SlurmSettings
from runs.slurm.batch import Entry, chunks
from runs.slurm.job import COMES_BACK, SlurmJob
from suites.errors import UserError

PATIENCE = 120  # seconds for an answer of Slurm's
SHOWN = "%i|%T|%r|%N|%j"  # job, state, reason, nodes, name
IDS = 500  # jobs that one scancel is given
WHERE = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")  # how Slurm's commands find the cluster


class ClusterError(UserError):
    """Slurm has refused something, or does not answer."""


class Cluster:
    """The Slurm cluster that this machine belongs to."""

    def queue(self) -> list[Entry]:
        """All jobs of this user, each member of an array on its own, by one call of squeue.

        Raises:
            ClusterError: Slurm does not answer.
        """
        entries = []
        for line in _ask("squeue", "--me", "--all", "--noheader", "--array", f"--format={SHOWN}").splitlines():
            if line.count("|") >= SHOWN.count("|"):  # others are remarks
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
            raise ClusterError("`scontrol show config` does not say the cluster's MaxArraySize")
        return max(1, int(found.group(1)))

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        """Submits an array of jobs, or a single one, by one call of sbatch.

        Args:
            jobs: What the jobs do.
            folder: The batch's folder, whose name becomes the jobs'.
            snapshot: The code to run.
            settings: What to ask for.

        Returns:
            The id of the array, or of the job.

        Raises:
            ClusterError: the submission was refused, in sbatch's words.
        """
        import submitit

        try:
            # submitit's own budget of time-outs counts each signal where the limit is short: ours stands in `budget`.
            executor = submitit.AutoExecutor(
                folder, cluster="slurm", slurm_max_num_timeout=1_000_000, slurm_python=_python(settings)
            )
            executor.update_parameters(**parameters(folder.name, snapshot, settings))
            with _clean_environment(), executor.batch():
                submitted = [executor.submit(job) for job in jobs]
        except (RuntimeError, OSError) as error:  # of which submitit's own errors are
            raise ClusterError(f"the cluster refused a submission: {_words(error)}") from error
        return submitted[0].job_id.partition("_")[0]

    def withdraw(self, name: str) -> None:
        """Cancels what Slurm may have accepted of a batch though it did not say so.

        Raises:
            ClusterError: Slurm does not answer.
        """
        _ask("scancel", "--quiet", "--me", f"--name={name}")

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancels jobs; those that are over already do not matter.

        Raises:
            ClusterError: Slurm does not answer.
        """
        for some in chunks(ids, IDS):
            _ask("scancel", "--quiet", *some)


def parameters(name: str, snapshot: Path, settings: SlurmSettings) -> dict[str, Any]:
    """What submitit is given for the jobs of a batch."""
    options: dict[str, Any] = {"requeue": True}  # after the loss of a node
    for option in settings.options:
        key, equals, value = option.strip().lstrip("-").partition("=")
        options[key] = value if equals else True
    wanted: dict[str, Any] = {
        "name": name,
        "timeout_min": ceil(settings.hours * 60),
        "mem_gb": settings.memory,
        "cpus_per_task": settings.cpus,
        "gpus_per_node": settings.gpus or None,
        "stderr_to_stdout": True,
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_qos": settings.qos,
        "slurm_constraint": settings.constraint,
        "slurm_array_parallelism": settings.array_parallelism,
        "slurm_signal_delay_s": settings.notice,
        "slurm_additional_parameters": options,
        "slurm_srun_args": [f"--cpus-per-task={settings.cpus}"],  # srun does not take it from sbatch since Slurm 22.05
        # The snapshot's modules, and no others of that name: -m would put the current directory first.
        "slurm_setup": [
            *settings.setup,
            "export PYTHONSAFEPATH=1",
            f"export PYTHONPATH={shlex.quote(str(snapshot))}${{PYTHONPATH:+:$PYTHONPATH}}",
            "set +e",  # whatever came before, the end of this script is to be reached
        ],
        "slurm_teardown": [
            "code=$?",
            # Not by SLURM_JOB_ID, which one member of an array shares with the array.
            "job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}",
            # Where many jobs are preempted at once, Slurm may be too busy for the first call.
            f"if [ $code -eq {COMES_BACK} ]; then",
            "  for wait in 0 5 15 30; do sleep $wait; scontrol requeue ${job:-$SLURM_JOB_ID} && break; done",
            "fi",
            "exit $code",
        ],
    }
    return {key: value for key, value in wanted.items() if value is not None}


def _python(settings: SlurmSettings) -> str:
    """The command that starts Python.

    A signal that comes before submitit listens must not end the job, which would not come back then.
    """
    return f'sh -c \'trap "" USR2 TERM; exec "$@"\' sh {settings.python or shlex.quote(sys.executable)}'


def flags(settings: SlurmSettings) -> list[str]:
    """The same as sbatch's options, for people; what depends on the batch is left out, and so are paths."""
    given = parameters("", Path(), settings)
    hours, minutes = divmod(given["timeout_min"], 60)
    named = {
        "--time": f"{hours}:{minutes:02d}:00",
        "--mem": f"{settings.memory:.0f}GB" if settings.memory.is_integer() else f"{int(settings.memory * 1024)}MB",
        "--nodes": 1,
        "--cpus-per-task": settings.cpus,
        "--gpus-per-node": settings.gpus or None,
        "--partition": settings.partition,
        "--account": settings.account,
        "--qos": settings.qos,
        "--constraint": settings.constraint,
        "--array": f"0-N%{settings.array_parallelism}",
        "--signal": f"USR2@{settings.notice}",
        **{f"--{key}": value for key, value in given["slurm_additional_parameters"].items()},
    }
    lines = [key if value is True else f"{key}={value}" for key, value in named.items() if value is not None]
    return [*lines, *(f"setup: {line}" for line in settings.setup)]


@contextmanager
def _clean_environment() -> Iterator[None]:
    """Hides variables that change what Slurm's commands do: filters, defaults, the job that we may be in."""
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_")) and name not in WHERE
    }
    try:
        yield
    finally:
        os.environ.update(hidden)


def _ask(*command: str) -> str:
    try:
        with _clean_environment():
            answer = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, stdin=subprocess.DEVNULL
            )
    except FileNotFoundError:
        raise ClusterError(f"there is no {command[0]} here: this is no machine of a Slurm cluster") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]} has not answered within {PATIENCE} s") from None
    if answer.returncode != 0:
        raise ClusterError(f"{command[0]} failed: {_last_line(answer.stderr)}")
    return answer.stdout


def _words(error: Exception) -> str:
    return _last_line(str(error.__cause__ or "") if not str(error).strip() else str(error))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why"
