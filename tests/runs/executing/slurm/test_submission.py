"""Which runs of a plan are submitted, and that none is ever submitted twice."""

import contextlib
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common import lock
from common.errors import UserError
from runs.executing import code_snapshot
from runs.executing.slurm.submission import submit
from runs.settings import SlurmSettings
from runs.store import state, stop
from runs.store.run import Run
from runs.store.run_folder import write_spec
from runs.watching import batches, local_queue
from runs.watching.batches import BATCHES
from runs.watching.slurm import ClusterError
from runs.watching.status import RunStatus, statuses
from suites.plan import RunSpec
from tests.runs.executing.slurm.fake import FakeCluster, record
from tests.runs.standin import spec

DEFAULTS = SlurmSettings()


def send(specs: list[RunSpec], results: Path, cluster: FakeCluster, lines: list[str] | None = None, **how: Any) -> int:
    requested = how.pop("slurm", DEFAULTS)
    return submit(specs, results, requested, cluster, (lines if lines is not None else []).append, **how)


def look(specs: list[RunSpec], results: Path, cluster: FakeCluster) -> list[RunStatus]:
    queue = batches.queue(results, {"suite"}, cluster.queue())
    return statuses(specs, results, queue, DEFAULTS.stale)


def states(specs: list[RunSpec], results: Path, cluster: FakeCluster) -> list[str]:
    return [row.state for row in look(specs, results, cluster)]


def submitted(cluster: FakeCluster) -> list[int]:
    return [run.spec.seed for job in cluster.jobs.values() for run in job.runs]


def test_only_what_is_missing_is_submitted(tmp_path: Path) -> None:
    specs = [spec(seed) for seed in range(8)]
    runs = [Run(each, each.folder(tmp_path)) for each in specs]
    for run, phase, more in zip(
        runs,
        ["done", "failed", "failed", "running", "running"],
        [{}, {"error": "oh"}, {"error": "oh", "signal": "SIGKILL"}, {}, {}],
        strict=False,
    ):
        write_spec(run.spec, run.folder)
        record(run, phase, job="7", **more)
    cluster, lines = FakeCluster(), list[str]()
    with lock.held(runs[4].folder):
        # The fourth run's job has ended: its recorded state is out of date.
        assert states(specs, tmp_path, cluster) == ["done", "failed", "failed", "stale", "running", *["pending"] * 3]
        assert send(specs, tmp_path, cluster, lines) == 5
        assert submitted(cluster) == [2, 3, 5, 6, 7]
        assert lines[0] == "8 runs: 3 pending, 1 running, 1 done, 2 failed, 1 stale"
        assert send(specs, tmp_path, cluster, lines) == 0
        assert lines[-1] == "nothing to submit"
        assert send(specs, tmp_path, cluster, retry_failed=True) == 1
        assert submitted(cluster)[-1] == 1
        assert states(specs, tmp_path, cluster) == ["done", *["queued"] * 3, "running", *["queued"] * 3]


@pytest.mark.parametrize(
    ("runs", "together", "limit", "calls"),
    [(1, 1, 10, [1]), (10, 1, 10, [10]), (11, 1, 10, [10, 1]), (25, 3, 4, [4, 4, 1]), (2, 5, 10, [1])],
)
def test_as_few_submissions_as_the_cluster_allows(
    tmp_path: Path, runs: int, together: int, limit: int, calls: list[int]
) -> None:
    cluster = FakeCluster(limit)
    specs = [spec(seed) for seed in range(runs)]
    assert send(specs, tmp_path, cluster, slurm=SlurmSettings(runs_per_job=together)) == runs
    assert cluster.calls == calls
    assert len(calls) == math.ceil(math.ceil(runs / together) / limit)
    assert submitted(cluster) == list(range(runs))
    assert all(len(job.runs) <= together for job in cluster.jobs.values())
    assert states(specs, tmp_path, cluster) == ["queued"] * runs


def test_refusal_half_way_keeps_what_was_accepted(tmp_path: Path) -> None:
    specs = [spec(seed) for seed in range(25)]
    cluster = FakeCluster(limit=10, refuse_after=2)
    with pytest.raises(ClusterError, match=r"(?s)QOSMaxSubmitJob.*20 of 25 runs were submitted.*submits the rest"):
        send(specs, tmp_path, cluster)
    assert states(specs, tmp_path, cluster) == ["queued"] * 20 + ["pending"] * 5
    assert len(list((tmp_path / "suite" / BATCHES).iterdir())) == 2  # the refused batch leaves nothing
    assert len(cluster.withdrawn) == 1  # Slurm may have accepted it without confirming it
    cluster.refuse_after = None
    assert send(specs, tmp_path, cluster) == 5
    assert submitted(cluster) == list(range(25))


def test_two_launchers_at_once_submit_each_run_once(tmp_path: Path) -> None:
    cluster = FakeCluster(limit=5, delay=0.05)
    specs = [spec(seed) for seed in range(20)]
    outputs: list[list[str]] = [[], [], []]
    launchers = [threading.Thread(target=send, args=(specs, tmp_path, cluster, lines)) for lines in outputs]
    for launcher in launchers:
        launcher.start()
    for launcher in launchers:
        launcher.join()
    assert sorted(submitted(cluster)) == list(range(20))
    assert cluster.calls == [5] * 4
    assert sorted(lines[-1] for lines in outputs)[:2] == ["nothing to submit"] * 2


class Killed(BaseException):
    """The launcher's process ends here."""


@pytest.mark.parametrize("accepted", [False, True])
def test_launcher_killed_in_the_middle_of_a_submission(tmp_path: Path, accepted: bool) -> None:
    """Before Slurm has received the batch, and right after."""

    class Deadly(FakeCluster):
        def submit(self, *arguments: Any) -> str:
            if accepted:
                super().submit(*arguments)
            raise Killed

    specs = [spec(seed) for seed in range(3)]
    cluster = Deadly()
    with pytest.raises(Killed):
        send(specs, tmp_path, cluster)
    assert states(specs, tmp_path, cluster) == ["queued" if accepted else "pending"] * 3
    after = FakeCluster()
    after.entries, after.jobs = cluster.entries, cluster.jobs
    assert send(specs, tmp_path, after) == (0 if accepted else 3)
    assert sorted(submitted(after)) == [0, 1, 2]


def test_jobs_without_pickles_are_cancelled_and_submitted_again(tmp_path: Path) -> None:
    """A launcher was killed after Slurm accepted the jobs and before submitit wrote the last pickle."""
    specs = [spec(seed) for seed in range(3)]
    cluster, lines = FakeCluster(), list[str]()
    send(specs, tmp_path, cluster)
    [folder] = (tmp_path / "suite" / BATCHES).iterdir()
    (folder / "100_1_submitted.pkl").unlink()
    assert send(specs, tmp_path, cluster, lines) == 1
    assert lines[0] == "cancelled 1 job that a killed launcher had only partly submitted"
    assert submitted(cluster) == [0, 1, 2, 1]
    assert set(cluster.entries) == {"100_0", "100_2", "200"}


def test_run_is_never_in_two_jobs(tmp_path: Path) -> None:
    """A run that was killed or failed in a job that continues with other runs waits for the end of the job."""
    specs = [spec(seed) for seed in range(3)]
    cluster, lines = FakeCluster(), list[str]()
    send(specs, tmp_path, cluster, slurm=SlurmSettings(runs_per_job=3))
    cluster.start("100")
    record(cluster.jobs["100"].runs[0], "failed", "100", signal="SIGKILL")
    record(cluster.jobs["100"].runs[1], "failed", "100")
    assert send(specs, tmp_path, cluster, lines, retry_failed=True) == 0
    assert lines[-2:] == [
        "2 runs stopped in jobs that continue with other runs; submit again when those jobs end",
        "nothing to submit",
    ]
    cluster.requeue("100")
    assert [run.spec.seed for run in cluster.to_do("100")] == [0, 2]  # a killed run counts as interrupted
    cluster.lose("100")
    assert send(specs, tmp_path, cluster) == 2
    assert send(specs, tmp_path, cluster, retry_failed=True) == 1


def test_runs_of_a_local_launcher_are_not_submitted(tmp_path: Path) -> None:
    cluster = FakeCluster()
    with local_queue.queue_file(tmp_path / "suite") as write:
        write([Run(spec(0), spec(0).folder(tmp_path))])
        assert send([spec(0), spec(1)], tmp_path, cluster) == 1
    assert submitted(cluster) == [1]


def test_percent_sign_in_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="interprets % in a path"):
        send([spec()], tmp_path / "50%test", FakeCluster())


def test_other_settings_are_refused_while_the_run_is_queued(tmp_path: Path) -> None:
    cluster = FakeCluster()
    send([spec(0), spec(1)], tmp_path, cluster)
    with pytest.raises(UserError, match=r"(?s)2 of these runs are in the queue with other settings:.*job 100_0"):
        send([spec(0, steps=800), spec(1, steps=800)], tmp_path, cluster, replace=True)
    assert send([spec(0, checkpoint={"every": 50, "keep": 1})], tmp_path, cluster) == 0  # without effect on the result


def test_changed_runs_are_refused_or_moved_aside(tmp_path: Path) -> None:
    cluster = FakeCluster()
    write_spec(spec(0, steps=120), spec().folder(tmp_path))
    record(Run(spec(), spec().folder(tmp_path)), "done", "7")  # with the old settings
    with pytest.raises(UserError, match=r"steps: 120 -> 160"):
        send([spec(0, steps=160)], tmp_path, cluster)
    assert cluster.calls == []
    assert send([spec(0, steps=160)], tmp_path, cluster, replace=True) == 1
    assert len(list(spec().folder(tmp_path).parent.glob("0.replaced-*"))) == 1


def test_submission_revokes_cancellations(tmp_path: Path) -> None:
    stop.cancel(spec().folder(tmp_path))
    send([spec()], tmp_path, FakeCluster())
    assert not stop.is_cancelled(spec().folder(tmp_path))


def test_snapshots_are_kept_as_long_as_jobs_run_from_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        return len([path for path in (tmp_path / code_snapshot.FOLDER).iterdir() if path.is_dir()])

    cluster = FakeCluster()
    send([spec(0)], tmp_path, cluster)
    monkeypatch.setattr(code_snapshot, "_names", lambda: ["runs/executing/slurm/job.py"])  # the code has changed
    send([spec(1)], tmp_path, cluster)
    assert kept() == 2
    cluster.start("100")
    cluster.end("100")
    send([spec(2)], tmp_path, cluster)
    assert kept() == 1


def test_another_user_or_project_in_the_queue_does_not_matter(tmp_path: Path) -> None:
    cluster = FakeCluster()
    send([spec()], tmp_path / "elsewhere", cluster)
    assert states([spec()], tmp_path, cluster) == ["pending"]


class Cluster(RuleBasedStateMachine):
    """For all events in any order: no run is in two jobs, none is lost, and each has the expected status."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.results = self.stack.enter_context(temporary())
        self.cluster = FakeCluster(limit=2)
        self.specs = [spec(seed) for seed in range(5)]
        self.expected = ["pending"] * 5
        self.killed: set[int] = set()  # seeds killed by a signal
        self.marked: set[int] = set()  # cancelled seeds

    def teardown(self) -> None:
        self.stack.close()

    def pick(self, word: str, number: int) -> str | None:
        ids = [id_ for id_, entry in self.cluster.entries.items() if entry.job.state == word]
        return ids[number % len(ids)] if ids else None

    def seeds(self, id_: str) -> list[int]:
        return [run.spec.seed for run in self.cluster.jobs[id_].runs]

    def job(self, seed: int) -> str | None:
        return next((id_ for id_ in self.cluster.entries if seed in self.seeds(id_)), None)

    def expect(self, id_: str, before: str, after: str) -> None:
        for seed in self.seeds(id_):
            if self.expected[seed] == before:
                self.expected[seed] = after

    def forget(self, id_: str) -> None:
        """Runs that the job has not touched have their recorded state again."""
        for run in self.cluster.jobs[id_].runs:
            if self.expected[run.spec.seed] in ("queued", "pending"):
                recorded = state.recorded(run.folder).state
                self.expected[run.spec.seed] = "stale" if recorded == "running" else recorded

    @rule(together=st.integers(1, 3), retry=st.booleans())
    def launch(self, together: int, retry: bool) -> None:
        missing = [
            seed
            for seed, status in enumerate(self.expected)
            if self.job(seed) is None
            and (status in ("pending", "stale") or (status == "failed" and (retry or seed in self.killed)))
        ]
        requested = SlurmSettings(runs_per_job=together)
        assert send(self.specs, self.results, self.cluster, slurm=requested, retry_failed=retry) == len(missing)
        for seed in missing:
            self.expected[seed] = "queued"
        for seed in list(self.marked):  # launching again revokes cancellations of runs that have not started
            id_ = self.job(seed)
            if id_ is None or self.cluster.entries[id_].job.waits:
                self.marked.remove(seed)
                if self.expected[seed] == "pending":
                    self.expected[seed] = "queued"

    @precondition(lambda self: self.pick("PENDING", 0))
    @rule(number=st.integers(0, 9))
    def start(self, number: int) -> None:
        id_ = self.pick("PENDING", number) or ""
        self.cluster.start(id_)
        self.expect(id_, "queued", "running")
        for seed in self.seeds(id_):
            if self.expected[seed] == "failed" and seed in self.killed - self.marked:
                self.expected[seed] = "running"
            if self.expected[seed] == "running":
                self.killed.discard(seed)

    @precondition(lambda self: self.pick("RUNNING", 0))
    @rule(number=st.integers(0, 9), outcome=st.sampled_from(["done", "failed"]))
    def end(self, number: int, outcome: str) -> None:
        id_ = self.pick("RUNNING", number) or ""
        self.cluster.end(id_, outcome)
        self.expect(id_, "running", outcome)
        self.forget(id_)

    @precondition(lambda self: self.pick("RUNNING", 0))
    @rule(number=st.integers(0, 9), outcome=st.sampled_from(["done", "failed", "killed"]))
    def one_run_ends(self, number: int, outcome: str) -> None:
        id_ = self.pick("RUNNING", number) or ""
        for run in self.cluster.running(id_)[:1]:
            if outcome == "killed":
                record(run, "failed", id_, signal="SIGKILL")
                self.killed.add(run.spec.seed)
            else:
                record(run, outcome, id_)
                self.killed.discard(run.spec.seed)
            self.expected[run.spec.seed] = "failed" if outcome == "killed" else outcome

    @precondition(lambda self: self.pick("RUNNING", 0))
    @rule(number=st.integers(0, 9))
    def preempt(self, number: int) -> None:
        id_ = self.pick("RUNNING", number) or ""
        self.cluster.requeue(id_)
        self.expect(id_, "running", "queued")

    @precondition(lambda self: self.pick("RUNNING", 0))
    @rule(number=st.integers(0, 9))
    def lose_a_node(self, number: int) -> None:
        id_ = self.pick("RUNNING", number) or ""
        self.cluster.lose(id_)
        self.expect(id_, "running", "stale")
        self.forget(id_)

    @precondition(lambda self: self.pick("PENDING", 0))
    @rule(number=st.integers(0, 9))
    def scancel(self, number: int) -> None:
        id_ = self.pick("PENDING", number) or ""
        self.cluster.lose(id_)
        self.forget(id_)

    @rule(seed=st.integers(0, 4))
    def cancel_one(self, seed: int) -> None:
        if self.expected[seed] in ("queued", "running"):
            run = Run(self.specs[seed], self.specs[seed].folder(self.results))
            stop.cancel(run.folder)
            if self.expected[seed] == "running":
                record(run, "pending", self.job(seed))  # it has saved a checkpoint
            self.expected[seed] = "pending"
            self.marked.add(seed)

    @invariant()
    def every_run_has_the_expected_status(self) -> None:
        assert states(self.specs, self.results, self.cluster) == self.expected

    @invariant()
    def no_run_is_in_two_jobs(self) -> None:
        seeds = [seed for id_ in self.cluster.entries for seed in self.seeds(id_)]
        assert len(seeds) == len(set(seeds))


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


TestStateMachine = Cluster.TestCase
TestStateMachine.settings = settings(max_examples=60, stateful_step_count=25)
