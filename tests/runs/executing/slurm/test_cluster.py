"""Calls of Slurm's commands, which scripts with realistic answers replace."""

import os
from pathlib import Path

import pytest

from runs.executing.slurm.cluster import Cluster, executor_of, flags, parameters
from runs.settings import SlurmSettings
from runs.watching.jobs import Entry, QueuedJob
from runs.watching.slurm import ClusterError


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def script(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho $* >> {folder}/{name}.calls\n{body}\n")
    (folder / name).chmod(0o755)


def test_queue_is_read(commands: Path) -> None:
    answer = "CLUSTER: here\n16_1|PENDING|JobArrayTaskLimit||a|b c\n17|RUNNING|None|vm|mine"
    script(commands, "squeue", f"echo '{answer}'")
    assert Cluster().queue() == [
        Entry(QueuedJob("16_1", "PENDING", "JobArrayTaskLimit", ""), "a|b c"),
        Entry(QueuedJob("17", "RUNNING", "", "vm"), "mine"),
    ]


def test_silence_and_refusal_are_reported(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(commands, "squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(ClusterError, match="squeue failed: slurm_load_jobs error: Unable to contact"):
        Cluster().queue()
    script(commands, "scontrol", "echo 'MaxJobCount = 10000'")
    with pytest.raises(ClusterError, match="MaxArraySize"):
        Cluster().max_array_size()
    script(commands, "scontrol", "echo 'MaxArraySize            = 1001'")
    assert Cluster().max_array_size() == 1001
    monkeypatch.setenv("PATH", str(commands / "nowhere"))
    with pytest.raises(ClusterError, match="no squeue here: this machine is not part of a Slurm cluster"):
        Cluster().queue()


def test_many_jobs_are_cancelled_by_few_calls(commands: Path) -> None:
    script(commands, "scancel", "exit 0")
    Cluster().cancel([f"7_{index}" for index in range(1200)])
    assert len((commands / "scancel.calls").read_text().splitlines()) == 3
    Cluster().cancel([])
    assert len((commands / "scancel.calls").read_text().splitlines()) == 3


@pytest.mark.parametrize(("options", "lines"), [([], []), (["wckey=mine"], ["#SBATCH --wckey=mine"])])
def test_a_script_has_only_the_wckey_that_is_asked_for(
    options: list[str], lines: list[str], commands: Path, tmp_path: Path
) -> None:
    script(commands, "srun", "exit 0")
    executor = executor_of(tmp_path, Path(), SlurmSettings(options=options))
    text = executor._executor._make_submission_file_text("true", "0")  # type: ignore[attr-defined]
    assert [line for line in text.splitlines() if "wckey" in line] == lines


def test_settings_become_options() -> None:
    settings = SlurmSettings(
        partition="gpu", account="lab", qos="high", constraint="a100", gpus=2, cpus=6, memory=20.5, hours=1.01,
        notice=45, array_parallelism=8, options=["nice=100", "--exclusive", " mail-type=FAIL "],
        setup=["module load x"],
    )  # fmt: skip
    assert set(flags(settings)) == {
        "--partition=gpu", "--account=lab", "--qos=high", "--constraint=a100", "--gpus-per-node=2", "--cpus-per-task=6",
        "--mem=20992MB", "--nodes=1", "--time=1:01:00", "--signal=USR2@45", "--array=0-N%8", "--nice=100",
        "--exclusive", "--mail-type=FAIL", "--requeue", "setup: module load x",
    }  # fmt: skip
    given = parameters("name", Path("/a snapshot"), settings)
    assert given["slurm_setup"][0] == "module load x"
    assert "export PYTHONPATH='/a snapshot'${PYTHONPATH:+:$PYTHONPATH}" in given["slurm_setup"]
    assert "gpus_per_node" not in parameters("name", Path(), SlurmSettings(gpus=0))


def test_environment_does_not_change_what_is_asked(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter would hide jobs, which would then be submitted again; and a launcher may run in a job."""
    script(commands, "squeue", f"env > {commands}/environment")
    for name in ("SQUEUE_STATES", "SBATCH_JOB_NAME", "SLURM_RESTART_COUNT", "SLURM_CONF", "SURMISE"):
        monkeypatch.setenv(name, "x")
    Cluster().queue()
    seen = {line.partition("=")[0] for line in (commands / "environment").read_text().splitlines()}
    assert {"SLURM_CONF", "SURMISE"} <= seen
    assert not {"SQUEUE_STATES", "SBATCH_JOB_NAME", "SLURM_RESTART_COUNT"} & seen
    assert os.environ["SLURM_RESTART_COUNT"] == "x"
    assert "--all" in (commands / "squeue.calls").read_text()


@pytest.mark.parametrize("option", ["array=0-3", "--time=5", "", "signal=USR1@5"])
def test_options_that_jobs_depend_on_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match="not allowed in `options`"):
        SlurmSettings(options=[option])
