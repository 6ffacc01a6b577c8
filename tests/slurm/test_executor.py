"""From a suite to finished runs on a real Slurm: real commands, real jobs, real agents on toy tasks."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agents.registry import AGENTS
from runs.store import state
from runs.store.run_folder import write_spec
from suites.plan import plan
from suites.suite import load_suite
from tests.runs.standin import metrics
from tests.slurm.cluster import Cluster, kill, processes

ROOT = Path(__file__).parent.parent.parent
SUITE: Mapping[str, Any] = {
    "name": "suite",
    "tasks": ["toy_reach_1"],
    "seeds": 1,
    "preset": "debug",
    "settings": {"steps": 400, "eval": {"video": False}},
    "variants": {"random": {"agent": "random"}},
    "slurm": {"gpus": 0, "cpus": 1, "memory": 1, "hours": 0.5, "notice": 30},
}
LONG = {"steps": 12_000, "eval": {"video": False, "every": 4000}, "checkpoint": {"every": 500}}  # half a minute
ENDLESS = {**LONG, "steps": 10**6}
SHORT = {"hours": 1 / 30, "notice": 30}  # a job's time limit


class Laboratory:
    """A suite in its own folder, and the commands on it."""

    def __init__(self, folder: Path, cluster: Cluster):
        self.folder = folder
        self.cluster = cluster
        self.results = folder / "results"

    def write(self, **blocks: Any) -> None:
        """Writes the suite; blocks replace those of `SUITE`; settings of the cluster are merged."""
        slurm = {**SUITE["slurm"], **blocks.pop("slurm", {})}
        (self.folder / "suite.yaml").write_text(json.dumps({**SUITE, **blocks, "slurm": slurm}))

    def launch(self, verb: str, *arguments: str, code: int = 0) -> str:
        """Calls launch.py; returns what it prints."""
        command = [sys.executable, str(ROOT / "launch.py"), verb, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == code, f"{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def submit(self, *arguments: str, code: int = 0) -> str:
        return self.launch("run", "suite.yaml", "--executor", "slurm", *arguments, code=code)

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.launch("status", "suite.yaml", "--json"))["runs"]
        return found

    def states(self) -> list[str]:
        return [row["state"] for row in self.rows()]

    def run(self, variant: str, seed: int = 0) -> Path:
        return self.results / "suite" / "toy_reach_1" / variant / str(seed)

    def attempts(self, folder: Path) -> list[dict[str, Any]]:
        path = folder / "provenance.json"
        return json.loads(path.read_text()).get("attempts", []) if path.exists() else []

    def reasons(self, folder: Path) -> list[str]:
        return [attempt["reason"] for attempt in self.attempts(folder)]

    def wait_until(self, predicate: Callable[[], bool], what: str) -> None:
        try:
            self.cluster.wait_until(predicate, what)
        except AssertionError as error:
            logs = [path.read_text() for path in self.results.rglob("*_log.out")]
            raise AssertionError("\n".join([str(error), *logs])) from None

    def wait_for_states(self, *states: str) -> None:
        self.wait_until(lambda: self.states() == list(states), ", ".join(states))

    def wait_for_step(self, folder: Path, step: int) -> None:
        """Waits until a run has passed a step and saved a checkpoint."""
        self.wait_until(
            lambda: state.read(folder).step > step and any((folder / "checkpoints").glob("[0-9]*")), f"step {step}"
        )


@pytest.fixture
def lab(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Laboratory(tmp_path, cluster)


def train_here(folder: Path, settings: Mapping[str, Any]) -> tuple["subprocess.Popen[bytes]", Path]:
    """Starts to train a run by the local executor, without interruption; returns its process and its folder.

    It uses one core like the jobs, since numbers depend on the number of threads.
    """
    (folder / "suite.yaml").write_text(json.dumps({**SUITE, "settings": settings, "variants": {"dreamer": {}}}))
    command = [sys.executable, str(ROOT / "launch.py"), "run", "suite.yaml"]
    one = {min(os.sched_getaffinity(0))}
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, one)
    )
    return process, folder / "results" / "suite" / "toy_reach_1" / "dreamer" / "0"


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The long run, never stopped."""
    process, folder = train_here(tmp_path_factory.mktemp("uninterrupted"), LONG)
    assert process.wait() == 0
    return folder


def test_array_is_throttled_and_a_second_launch_submits_nothing(lab: Laboratory) -> None:
    lab.write(seeds=8, slurm={"array_parallelism": 2})
    before = sorted(path.name for path in lab.folder.iterdir())
    preview = lab.submit("--dry-run")
    assert "to submit: 8 runs as 8 jobs by 1 call of sbatch" in preview
    assert sorted(path.name for path in lab.folder.iterdir()) == before

    assert "submitted job" in lab.submit()
    [script] = lab.results.glob("suite/slurm/*/*_submission.sh")
    given = {line.removeprefix("#SBATCH ") for line in script.read_text().splitlines() if line.startswith("#SBATCH")}
    shown = {line.strip() for line in preview.splitlines() if line.startswith("  --")}
    differing = (
        "--time",
        "--array",
        "--job-name",
        "--output",
        "--open-mode",
    )  # each in its own form, or fixed
    assert {option for option in given if not option.startswith(differing)} == {
        option for option in shown if not option.startswith(differing)
    }
    assert {"--time=0:30:00", "--array=0-N%2"} <= shown
    assert {"--time=30", "--array=0-7%2"} <= given
    assert "nothing to submit" in lab.submit()
    most = 0

    def finished() -> bool:
        nonlocal most
        rows = lab.rows()
        most = max(most, sum(row["state"] == "running" for row in rows))
        assert all(row["state"] in ("queued", "running", "done") for row in rows)
        assert all(row["job"] for row in rows)
        return all(row["state"] == "done" for row in rows)

    lab.wait_until(finished, "eight runs are done")
    assert most == 2
    assert "nothing to submit" in lab.submit()
    assert "8 runs: 8 done" in lab.launch("status", "suite.yaml")


def test_suite_with_every_agent_is_submitted_and_analysed(lab: Laboratory) -> None:
    variants = {name: {"agent": name} for name in AGENTS} | {"beside": {"agent": "d4pg", "collect": "beside"}}
    lab.write(settings={**SUITE["settings"], "observation": "state"}, variants=variants)
    assert f"to submit: {len(variants)} runs as {len(variants)} jobs" in lab.submit("--dry-run")
    lab.submit()
    lab.wait_for_states(*["done"] * len(variants))
    command = [sys.executable, str(ROOT / "analyze.py"), "suite.yaml", "--normalization", "none"]
    done = subprocess.run(command, cwd=lab.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    table = (lab.results / "suite" / "analysis" / "tasks.csv").read_text()
    assert all(f",{name}," in table for name in variants), table


def test_longer_plans_are_split_into_arrays(lab: Laboratory) -> None:
    """The test cluster's arrays have at most ten jobs; held jobs never start."""
    lab.write(seeds=12, slurm={"options": ["hold"]})
    output = lab.submit()
    assert output.count("submitted job") == 2
    assert "10 runs in 10 jobs" in output
    assert "2 runs in 2 jobs" in output
    assert lab.states() == ["queued"] * 12
    assert {row["reason"] for row in lab.rows()} == {"JobHeldUser"}
    assert "cancelled: 5 queued, 0 running" in lab.launch("cancel", "suite.yaml", "--only", "seed=0,1,2,10,11")
    assert lab.states() == ["pending"] * 3 + ["queued"] * 7 + ["pending"] * 2
    assert "5 runs in 5 jobs" in lab.submit()


def test_failure_is_reported_and_retried(lab: Laboratory) -> None:
    lab.write(seeds=2)
    for spec in plan(load_suite(lab.folder / "suite.yaml"), {"seed": ["1"]}):
        write_spec(spec, spec.folder(lab.results))
        (spec.folder(lab.results) / "episodes").touch()  # a file in the place of a folder
    lab.submit()
    lab.wait_for_states("done", "failed")
    shown = lab.launch("status", "suite.yaml")
    assert "1 failed: " in shown
    job = lab.rows()[1]["job"]
    assert "\n1 run: 1 failed\n" in lab.launch("status", job)
    assert "2 runs: 1 done, 1 failed\n" in lab.launch("status", job.partition("_")[0])
    assert "Error" in lab.launch("logs", job)
    assert "toy_reach_1/random/1" in shown
    assert "Error: " in shown
    assert "Error" in lab.launch("logs", str(lab.run("random", 1)))
    lab.wait_until(lambda: not lab.cluster.jobs(), "an empty queue")
    assert "nothing to submit" in lab.submit()
    (lab.run("random", 1) / "episodes").unlink()
    assert "1 run in 1 job" in lab.submit("--retry-failed")
    assert lab.states()[1] in ("queued", "running")
    lab.wait_for_states("done", "done")


def test_cancelled_run_saves_a_checkpoint_and_resumes_later(lab: Laboratory, uninterrupted: Path) -> None:
    lab.write(settings=LONG, variants={"dreamer": {}})
    folder = lab.run("dreamer")
    lab.submit()
    lab.wait_for_step(folder, 600)
    [row] = lab.rows()
    assert (row["state"], row["node"]) == ("running", lab.cluster.node)
    assert row["fps"] > 0
    assert row["eta"] > 0
    assert "cancelled: 0 queued, 1 running" in lab.launch("cancel", "suite.yaml")
    lab.wait_until(lambda: not lab.cluster.jobs(), "an empty queue")
    assert lab.states() == ["pending"]
    assert lab.reasons(folder) == ["cancelled"]

    lab.submit()
    lab.wait_for_states("done")
    assert lab.attempts(folder)[1]["step"] > 600
    assert metrics(folder) == metrics(uninterrupted)


def test_runs_that_left_the_suite_are_shown_and_cancelled(lab: Laboratory) -> None:
    """One job at a time: the first run that leaves is running, the other waits."""
    stays, leaves = {"agent": "random"}, {"agent": "random", **ENDLESS}
    lab.write(seeds=2, variants={"leaves": leaves, "stays": stays}, slurm={"array_parallelism": 1})
    lab.submit()
    lab.wait_for_step(lab.run("leaves", 0), 600)
    lab.write(seeds=[1], variants={"stays": stays})

    def gone() -> list[tuple[str, int, str]]:
        found = json.loads(lab.launch("status", "suite.yaml", "--json"))["gone"]
        return [(row["variant"], row["seed"], row["state"]) for row in found]

    assert gone() == [("leaves", 0, "running"), ("leaves", 1, "queued"), ("stays", 0, "queued")]
    remark = "3 runs that the suite no longer names: 2 queued, 1 running"
    assert remark in lab.submit("--dry-run")
    assert remark in lab.submit()
    assert lab.states() == ["queued"]
    assert "cancelled: 2 queued, 1 running" in lab.launch("cancel", "suite.yaml", "--gone")
    lab.wait_for_states("done")
    assert gone() == [("leaves", 0, "pending")]
    assert lab.reasons(lab.run("leaves", 0)) == ["cancelled"]
    assert not lab.run("leaves", 1).exists()
    assert "nothing to cancel" in lab.launch("cancel", "suite.yaml", "--gone")


def test_scancel_by_hand_loses_nothing(lab: Laboratory, uninterrupted: Path) -> None:
    lab.write(settings=LONG, variants={"dreamer": {}})
    folder = lab.run("dreamer")
    lab.submit()
    lab.wait_for_step(folder, 600)
    lab.cluster.run("scancel", lab.rows()[0]["job"])
    lab.wait_until(lambda: not lab.cluster.jobs(), "an empty queue")
    assert lab.states() == ["pending"]
    assert lab.reasons(folder) == ["stopped by SIGTERM"]
    assert lab.submit("--wait").endswith("1 run: 1 done\n")
    assert metrics(folder) == metrics(uninterrupted)


def test_time_limit_is_survived(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Slurm checks limits every 30 seconds, and may send its notice as much earlier: after 60 to 90 seconds here."""
    lab.write(settings=ENDLESS, variants={"dreamer": {}}, slurm=SHORT)
    folder = lab.run("dreamer")
    lab.submit()
    job = lab.rows()[0]["job"]
    process, whole = train_here(tmp_path_factory.mktemp("endless"), ENDLESS)
    try:
        for attempt in (1, 2):
            lab.wait_until(lambda: lab.reasons(folder) == ["timed out"] * attempt, "the end of an attempt")  # noqa: B023
            assert any((folder / "checkpoints").iterdir())
            lab.cluster.release(job)
        reached = lab.attempts(folder)[1]["end_step"]
        lab.wait_until(lambda: state.read(folder).step > reached + 200, "progress of the third attempt")
        lab.launch("cancel", "suite.yaml")
        lab.wait_until(lambda: not lab.cluster.jobs(), "an empty queue")
        lines = metrics(folder)
        lab.wait_until(
            lambda: (whole / "metrics.jsonl").read_bytes().count(b"\n") >= len(lines),
            "the uninterrupted run reaches the same step",
        )
    finally:
        process.terminate()
        process.wait()
    assert lab.reasons(folder) == ["timed out", "timed out", "cancelled"]
    attempts = lab.attempts(folder)
    for number, (before, after) in enumerate(pairwise(attempts), 1):
        assert after["step"] == before["end_step"] > before["step"]
        assert after["slurm"]["SLURM_RESTART_COUNT"] == str(number)
    assert len({attempt["slurm"]["SLURM_JOB_ID"] for attempt in attempts}) == 1
    assert lines[-1]["step"] > reached
    assert metrics(whole)[: len(lines)] == lines


def test_exhausted_budget_fails_the_run(lab: Laboratory) -> None:
    lab.write(settings=ENDLESS, variants={"dreamer": {}}, slurm={**SHORT, "timeouts": 0})
    lab.submit()
    lab.wait_for_states("failed")
    assert "it timed out 1 time, and slurm.timeouts is 0" in lab.launch("status", "suite.yaml")
    lab.wait_until(lambda: not lab.cluster.jobs(), "an empty queue")
    assert "nothing to submit" in lab.submit()


def test_killed_run_is_resumed_by_the_next_launch(lab: Laboratory, uninterrupted: Path) -> None:
    lab.write(settings=LONG, variants={"dreamer": {}})
    folder = lab.run("dreamer")
    lab.submit()
    lab.wait_for_step(folder, 600)
    pid = state.read(folder).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    lab.wait_for_states("failed")
    assert "killed by SIGKILL" in lab.launch("status", "suite.yaml")
    lab.wait_until(lambda: not lab.cluster.jobs(), "an empty queue")
    assert "1 run in 1 job" in lab.submit()
    lab.wait_for_states("done")
    assert lab.reasons(folder) == ["killed", "done"]
    assert metrics(folder) == metrics(uninterrupted)


def test_preempted_run_resumes_where_it_was(lab: Laboratory, uninterrupted: Path) -> None:
    lab.write(settings=LONG, variants={"dreamer": {}}, slurm={"gpus": 2})
    folder = lab.run("dreamer")
    lab.submit()
    lab.wait_for_step(folder, 600)
    job = lab.rows()[0]["job"]
    lab.cluster.run("sbatch", "--partition=high", "--gres=gpu:2", "--output=/dev/null", "--wrap=sleep 2")
    lab.wait_until(lambda: lab.reasons(folder) == ["preempted"], "a preemption")
    lab.wait_for_states("queued")
    assert lab.rows()[0]["job"] == job
    assert "nothing to submit" in lab.submit()
    lab.cluster.release(job)
    lab.wait_for_states("done")
    assert lab.reasons(folder) == ["preempted", "done"]
    assert metrics(folder) == metrics(uninterrupted)


def test_job_of_a_lost_node_resumes_from_its_newest_checkpoint(lab: Laboratory, uninterrupted: Path) -> None:
    """Slurm requeues the job without notice; it starts again from the pickle of its submission."""
    lab.write(settings=LONG, variants={"dreamer": {}})
    folder = lab.run("dreamer")
    daemons = len(processes(lab.cluster.folder))
    lab.submit()
    lab.wait_for_step(folder, 600)
    job = lab.rows()[0]["job"]
    lab.cluster.run("scontrol", "update", f"NodeName={lab.cluster.node}", "State=DOWN", "Reason=lost")
    kill(processes(lab.cluster.folder, of_jobs=True))
    lab.wait_for_states("queued")
    lab.wait_until(lambda: len(processes(lab.cluster.folder)) <= daemons, "the end of the job's first attempt")
    with contextlib.suppress(RuntimeError):  # the node may be up again by itself
        lab.cluster.run("scontrol", "update", f"NodeName={lab.cluster.node}", "State=RESUME")
    lab.cluster.release(job)
    lab.wait_for_states("done")
    assert len(lab.attempts(folder)) == 2
    assert lab.attempts(folder)[1]["step"] >= 500
    assert metrics(folder) == metrics(uninterrupted)


def test_packed_runs_share_a_gpu_or_have_their_own(lab: Laboratory) -> None:
    lab.write(seeds=4, slurm={"gpus": 1, "cpus": 2, "runs_per_job": 2})
    assert "4 runs in 2 jobs" in lab.submit()
    lab.wait_for_states(*["done"] * 4)
    seen = [lab.attempts(lab.run("random", seed))[0] for seed in range(4)]
    devices = [attempt["gpus"] for attempt in seen]
    assert devices[0] == devices[1]
    assert devices[2] == devices[3]
    assert set(devices) == {"0", "1"}
    jobs = [attempt["slurm"]["SLURM_ARRAY_TASK_ID"] for attempt in seen]
    assert jobs == ["0", "0", "1", "1"]

    lab.write(name="wide", seeds=2, slurm={"gpus": 2, "cpus": 2, "runs_per_job": 2})
    assert "2 runs in 1 job" in lab.submit()
    lab.wait_for_states("done", "done")
    wide = [lab.results / "wide" / "toy_reach_1" / "random" / str(seed) for seed in range(2)]
    assert [lab.attempts(folder)[0]["gpus"] for folder in wide] == ["0", "1"]


def test_jobs_run_the_code_of_their_submission(lab: Laboratory, tmp_path: Path) -> None:
    """The checkout is a copy of this one, and broken right after the submission."""
    checkout = tmp_path / "checkout"
    files = subprocess.run(["git", "ls-files", "-z", ":!results", ":!docs"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, files.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_bytes((ROOT / name).read_bytes())
    lab.write()
    command = [sys.executable, str(checkout / "launch.py"), "run", "suite.yaml", "--executor", "slurm"]
    subprocess.run([*command, "--slurm", "options=[hold]"], cwd=lab.folder, check=True, capture_output=True)
    for path in checkout.rglob("*.py"):
        path.write_text("raise SystemExit('edited since')\n")
    lab.cluster.run("scontrol", "release", lab.rows()[0]["job"])
    lab.wait_for_states("done")
    recorded = json.loads((lab.run("random") / "provenance.json").read_text())
    assert recorded["attempts"][0]["reason"] == "done"


def test_refusal_shows_slurms_message(lab: Laboratory) -> None:
    lab.write(slurm={"partition": "nowhere"})
    output = lab.submit(code=2)
    assert "error: the cluster refused a submission: " in output
    assert "nvalid partition" in output
    assert "0 of 1 runs were submitted" in output
    assert not list(lab.results.glob("suite/slurm/*"))
    assert lab.states() == ["pending"]
