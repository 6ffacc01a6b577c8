"""Runs by the id of their Slurm job, with a fake cluster; the real one is in tests/slurm."""

import json
from pathlib import Path

import pytest

import launch
from common.errors import UserError
from runs.executing import code_snapshot
from runs.executing.slurm.submission import submit
from runs.settings import SlurmSettings
from runs.store.run import OUTPUT
from runs.watching import job_runs
from tests.runs.executing.slurm.fake import FakeCluster
from tests.runs.standin import spec


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five runs in three jobs of the array 100, and one in the job 200, in the results folder of the current one."""
    monkeypatch.setattr(code_snapshot, "source", lambda: {"commit": None, "diff": None})
    monkeypatch.setattr(code_snapshot, "_names", lambda: ["runs/executing/slurm/job.py"])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    cluster = FakeCluster()
    for seeds in (range(5), [5]):
        specs = [spec(seed) for seed in seeds]
        submit(specs, Path("results"), SlurmSettings(runs_per_job=2), cluster, lambda _: None)
    cluster.start("200")
    return tmp_path / "results"


@pytest.mark.parametrize(("job", "seeds"), [("100_0", [0, 1]), ("100_2", [4]), ("100", [0, 1, 2, 3, 4]), ("200", [5])])
def test_runs_of_a_job_are_found(results: Path, job: str, seeds: list[int]) -> None:
    assert [run.seed for run in job_runs.find(results, job)] == seeds


def test_status_and_log_by_job(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (spec(5).folder(results) / OUTPUT).write_text("hello\n")
    assert launch.main(["logs", "200"]) == 0
    assert capsys.readouterr().out == "hello\n"
    assert launch.main(["status", "100_0", "200", "--json"]) == 0
    assert [row["seed"] for row in json.loads(capsys.readouterr().out)["runs"]] == [0, 1, 5]
    assert launch.main(["status", "100"]) == 0
    assert capsys.readouterr().out.endswith("\n5 runs: 5 pending\n")


@pytest.mark.parametrize("job", ["7", "100_3", "10", "100_0_0"])
def test_other_jobs_are_not_found(results: Path, job: str, capsys: pytest.CaptureFixture[str]) -> None:
    if job_runs.is_job(job):
        with pytest.raises(UserError, match=f"job {job}: no such job was submitted from .*; --results DIR"):
            job_runs.find(results, job)
    assert launch.main(["status", job]) == 2


def test_job_with_several_runs_has_several_logs(results: Path) -> None:
    with pytest.raises(UserError, match=r"job 100_0 has 2 runs; name one of their folders:\n.*standin/0\n.*standin/1$"):
        job_runs.folder(results, "100_0")


def test_jobs_and_suites_are_not_mixed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["status", "100", "--only", "seed=1"]) == 2
    assert "cannot be combined with suites, --only or --set" in capsys.readouterr().err
