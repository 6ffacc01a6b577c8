"""Queued runs are compared with those of the suite, also if an earlier version submitted them."""

import os
import re
import shutil
from pathlib import Path

import pytest

import launch
from common.errors import UserError
from runs.executing.slurm.submission import submit
from runs.settings import SlurmSettings
from runs.watching import batches
from runs.watching.jobs import Entry, QueuedJob
from runs.watching.queue import refuse_changes
from suites.plan import RunSpec, plan
from suites.suite import load_suite
from tests.runs import version_1
from tests.runs.executing.slurm.fake import FakeCluster


def waiting(*overrides: str) -> list[RunSpec]:
    """The queued runs of the version 1 suite, as planned by the current version."""
    return plan(load_suite(version_1.SUITE, overrides), {"seed": ["1"]})


def cluster() -> FakeCluster:
    """A cluster with the version 1 batch in its queue."""
    fake = FakeCluster()
    for index in range(len(version_1.VARIANTS)):
        fake.entries[f"100_{index}"] = Entry(QueuedJob(f"100_{index}"), version_1.BATCH)
    return fake


def refused(specs: list[RunSpec], results: Path) -> set[str]:
    """The variants whose runs are in the queue with other settings."""
    queue, found = batches.queue(results, ["before"], cluster().queue()), set()
    for spec in specs:
        try:
            refuse_changes([spec], results, queue)
        except UserError as error:
            found |= set(re.findall(r"toy_reach_8/(\w+)/1, job 100_\d", str(error)))
    return found


@pytest.fixture
def results(tmp_path: Path) -> Path:
    version_1.copy(tmp_path / "results")
    return tmp_path / "results"


def test_version_1_jobs_are_recognised(results: Path) -> None:
    lines: list[str] = []
    assert submit(waiting(), results, SlurmSettings(), cluster(), lines.append) == 0
    assert lines == ["6 runs: 6 queued", "nothing to submit"]


def test_dry_run_recognises_version_1_jobs(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    squeue = tmp_path / "squeue"
    entries = "".join(f"100_{index}|PENDING|Priority||{version_1.BATCH}\\n" for index in range(6))
    squeue.write_text(f"#!/bin/sh\nprintf '{entries}'\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    command = ["run", str(version_1.SUITE), "--results", str(results), "--executor", "slurm", "--dry-run"]
    assert launch.main(command) == 0
    printed = capsys.readouterr()
    assert "12 runs: 6 pending, 6 queued" in printed.out
    assert "warning" not in printed.err
    assert launch.main([*command, "--set", "behavior.kind=planner"]) == 2
    assert "are in the queue with other settings" in capsys.readouterr().err


def test_version_1_jobs_with_other_settings_are_refused(results: Path) -> None:
    assert refused(waiting("eval.episodes=3", "checkpoint.every=500"), results) == set(version_1.VARIANTS)
    assert refused(waiting("behavior.candidates=500"), results) == {"planet"}
    assert refused(waiting("checkpoint.every=500"), results) == set()


def test_started_version_1_run_is_compared_by_the_settings_that_it_reads(results: Path) -> None:
    """Its old hash also covers settings that it does not read; before it starts, there is only the hash."""
    specs = waiting("behavior.value_units=100", "continuation.units=7")
    assert refused(specs, results) == set(version_1.VARIANTS)
    for variant in version_1.VARIANTS:  # as written by its job
        folder = results / "before" / "toy_reach_8" / variant
        shutil.copytree(folder / "0", folder / "1")
        text = (folder / "1" / "spec.yaml").read_text()
        (folder / "1" / "spec.yaml").write_text(text.replace("\nseed: 0\n", "\nseed: 1\n"))
    assert refused(specs, results) == {"dreamer", "contrastive", "ed2"}


def test_batches_keep_identities(results: Path, tmp_path: Path) -> None:
    shutil.rmtree(results)
    fake = FakeCluster()
    assert submit(waiting(), tmp_path, SlurmSettings(), fake, lambda line: None) == 6
    jobs = batches.queue(tmp_path, ["before"], fake.queue()).jobs
    assert [jobs[each.folder(tmp_path)].identity for each in waiting()] == [each.identity for each in waiting()]
    unread = waiting("continuation.units=7", "renderer=raycast")
    assert [each.settings for each in unread] != [each.settings for each in waiting()]
    assert submit(unread, tmp_path, SlurmSettings(), fake, lambda line: None) == 0
