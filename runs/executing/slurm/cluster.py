"""Submission to a Slurm cluster by submitit."""

import shlex
import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runs.executing.slurm.job import REQUEUE, SlurmJob
from runs.settings import SlurmSettings
from runs.watching.slurm import ClusterError, Slurm, clean_environment, last_line

if TYPE_CHECKING:
    import submitit


class Cluster(Slurm):
    """The cluster of this machine, with submission by submitit."""

    def submit(self, jobs: Sequence[SlurmJob], folder: Path, snapshot: Path, settings: SlurmSettings) -> str:
        """Submits an array of jobs, or a single job, by one call of sbatch.

        Args:
            jobs: The functions of the jobs.
            folder: The batch's folder; its name becomes that of the jobs.
            snapshot: The code to run.
            settings: What to request.

        Returns:
            The id of the array, or of the job.

        Raises:
            ClusterError: the submission was refused, with sbatch's message.
        """
        try:
            executor = executor_of(folder, snapshot, settings)
            with clean_environment(), executor.batch():
                submitted = [executor.submit(job) for job in jobs]
        except (RuntimeError, OSError) as error:  # includes submitit's own errors
            raise ClusterError(f"the cluster refused a submission: {_message(error)}") from error
        return submitted[0].job_id.partition("_")[0]


def executor_of(folder: Path, snapshot: Path, settings: SlurmSettings) -> "submitit.AutoExecutor":
    """The executor of submitit for a batch."""
    import submitit

    # submitit's budget of time-outs counts every signal if the limit is short; ours is in `budget`.
    executor = submitit.AutoExecutor(
        folder, cluster="slurm", slurm_max_num_timeout=1_000_000, slurm_python=_python(settings)
    )
    executor.update_parameters(**parameters(folder.name, snapshot, settings))
    # Clusters that enforce wckeys refuse submitit's default; to the outer executor, None means not given.
    executor._executor.update_parameters(wckey=None)
    return executor


def parameters(name: str, snapshot: Path, settings: SlurmSettings) -> dict[str, Any]:
    """The parameters of submitit for the jobs of a batch."""
    options: dict[str, Any] = {"requeue": True}  # after the loss of a node
    for option in settings.options:
        key, equals, value = option.strip().lstrip("-").partition("=")
        options[key] = value if equals else True
    given: dict[str, Any] = {
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
        "slurm_srun_args": [f"--cpus-per-task={settings.cpus}"],  # since Slurm 22.05, srun does not inherit it
        # Modules must come from the snapshot: -m would put the current directory first.
        "slurm_setup": [
            *settings.setup,
            "export PYTHONSAFEPATH=1",
            f"export PYTHONPATH={shlex.quote(str(snapshot))}${{PYTHONPATH:+:$PYTHONPATH}}",
            "set +e",  # the teardown must run also if the program fails
        ],
        "slurm_teardown": [
            "code=$?",
            # Not SLURM_JOB_ID: for one member of an array, it equals the id of the whole array.
            "job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}",
            # If many jobs are preempted at once, Slurm may be too busy for the first call.
            f"if [ $code -eq {REQUEUE} ]; then",
            "  for wait in 0 5 15 30; do sleep $wait; scontrol requeue ${job:-$SLURM_JOB_ID} && break; done",
            "fi",
            "exit $code",
        ],
    }
    return {key: value for key, value in given.items() if value is not None}


def _python(settings: SlurmSettings) -> str:
    """The command that starts Python.

    A signal before submitit installs its handlers must not end the job, since it would not be requeued.
    """
    return f'sh -c \'trap "" USR2 TERM; exec "$@"\' sh {settings.python or shlex.quote(sys.executable)}'


def flags(settings: SlurmSettings) -> list[str]:
    """The parameters as options of sbatch, for display; without paths and what depends on the batch."""
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


def _message(error: Exception) -> str:
    return last_line(str(error.__cause__ or "") if not str(error).strip() else str(error))
