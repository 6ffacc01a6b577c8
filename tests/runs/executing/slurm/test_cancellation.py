from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from runs.executing.slurm.submission import submit
from runs.settings import SlurmSettings
from runs.store import stop
from runs.watching import batches, cancellation, slurm
from runs.watching.cancellation import cancel
from runs.watching.jobs import Queue, QueuedJob
from runs.watching.request import RunRequest
from suites.plan import RunSpec
from tests.runs.executing.slurm.fake import FakeCluster
from tests.runs.standin import spec


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Six runs in three jobs: the first is running, the others wait."""
    found = FakeCluster()
    submit([spec(seed) for seed in range(6)], tmp_path, SlurmSettings(runs_per_job=2), found, lambda _: None)
    found.start("100_0")
    monkeypatch.setattr(cancellation, "look", lambda results, suites: batches.queue(results, suites, found.queue()))
    monkeypatch.setattr(slurm.Slurm, "cancel", lambda _, ids: found.cancel(ids))
    return found


def request(results: Path, *seeds: int) -> RunRequest:
    specs: list[RunSpec] = [spec(seed) for seed in seeds]
    return RunRequest(specs, {each.name for each in specs}, results, SlurmSettings())


def marked(results: Path) -> list[int]:
    return sorted(int(path.parent.name) for path in results.rglob(stop.MARK))


@pytest.mark.parametrize(
    ("seeds", "jobs", "marks", "words"),
    [
        ([0, 1, 2, 3, 4, 5], [], [0, 1], "4 queued, 2 running"),  # a job that has not started cannot see a mark
        ([2, 3], ["100_0", "100_2"], [], "2 queued, 0 running"),
        ([0], ["100_0", "100_1", "100_2"], [0], "0 queued, 1 running"),  # its job continues with the other run
        ([4], ["100_0", "100_1", "100_2"], [4], "1 queued, 0 running"),
        ([0, 1], ["100_1", "100_2"], [0, 1], "0 queued, 2 running"),
    ],
)
def test_jobs_are_cancelled_once_all_their_runs_are(
    tmp_path: Path, fake: FakeCluster, seeds: list[int], jobs: list[str], marks: list[int], words: str
) -> None:
    assert words in cancel(request(tmp_path, *seeds))
    assert list(fake.entries) == jobs
    assert marked(tmp_path) == marks


def test_second_half_of_a_job_takes_the_job_along(tmp_path: Path, fake: FakeCluster) -> None:
    cancel(request(tmp_path, 4))
    cancel(request(tmp_path, 5))
    assert list(fake.entries) == ["100_0", "100_1"]


def test_only_the_runs_that_the_suite_no_longer_names_are_cancelled(tmp_path: Path, fake: FakeCluster) -> None:
    assert cancel(request(tmp_path, 0, 2), only_gone=True).startswith("cancelled: 3 queued, 1 running")
    assert list(fake.entries) == ["100_0", "100_1"]
    assert marked(tmp_path) == [1, 3]  # their jobs continue with the runs that the suite names


def test_cancelling_a_suite_tells_what_it_leaves(tmp_path: Path, fake: FakeCluster) -> None:
    words = cancel(request(tmp_path, 0, 2)).splitlines()
    assert words[0].startswith("cancelled: 1 queued, 1 running")
    assert words[1].startswith("4 runs that the suite no longer names: 3 queued, 1 running; ")
    assert marked(tmp_path) == [0, 2]


def test_ended_runs_need_no_cancelling(tmp_path: Path, fake: FakeCluster) -> None:
    fake.end("100_0")
    assert cancel(request(tmp_path, 0, 1)).startswith("nothing to cancel")
    assert marked(tmp_path) == []


def test_cancelled_runs_can_be_submitted_again(tmp_path: Path, fake: FakeCluster) -> None:
    everything: Any = [spec(seed) for seed in range(6)]
    cancel(request(tmp_path, *range(6)))
    assert submit(everything, tmp_path, SlurmSettings(), fake, lambda _: None) == 6
    assert marked(tmp_path) == []


def test_launching_again_revokes_a_cancellation_that_has_no_effect_yet(tmp_path: Path, fake: FakeCluster) -> None:
    """The other run of its job keeps the job in the queue."""
    cancel(request(tmp_path, 4))
    assert submit([spec(4)], tmp_path, SlurmSettings(), fake, lambda _: None) == 0
    assert marked(tmp_path) == []


def test_job_stays_for_a_run_that_is_retried(tmp_path: Path, fake: FakeCluster) -> None:
    """It failed in an earlier job."""
    fake.end("100_0", "failed")
    submit([spec(0), spec(1)], tmp_path, SlurmSettings(runs_per_job=2), fake, lambda _: None, retry_failed=True)
    cancel(request(tmp_path, 0))
    assert "200" in fake.entries


def test_silent_slurm_is_an_error_but_local_runs_are_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {spec(1).folder(tmp_path): QueuedJob("host-7")}
    monkeypatch.setattr(cancellation, "look", lambda *_: Queue(waiting, warnings=["squeue failed: no controller"]))
    with pytest.raises(UserError, match="no controller; 1 run cancelled, but none in Slurm's queue"):
        cancel(request(tmp_path, 0, 1))
    assert marked(tmp_path) == [1]
