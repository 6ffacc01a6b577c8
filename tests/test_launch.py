"""The command line: output and exit codes of each verb, and modules that it must not import."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import launch
from common import lock
from runs.store.run import Run
from runs.watching import batches, status_table
from runs.watching.slurm import chunks
from suites.plan import RunSpec, plan
from suites.suite import load_suite
from tests.printed import read_table

ROOT = Path(launch.__file__).parent
HEAVY = (
    "submitit",
    "tensorflow",
    "keras",
    "mujoco",
    "dm_control",
    "matplotlib",
    "pandas",
    "numpy",
    "gymnasium",
    "numba",
)

SMALL = """
name: small
tasks: [toy_reach_2, toy_reach_1]
seeds: 2
preset: debug
settings: {steps: 1000}
variants: {a: {}, b: {behavior.horizon: 5}}
"""
LARGE = """
name: large
tasks: [dreamer20]
seeds: 5
variants: {a: {}, b: {}}
sweep: {behavior.horizon: [5, 10, 15, 20, 25], train.updates: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small suite in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    return "small.yaml"


def process(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "launch.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as exited:
        launch.main(arguments)
    return exited.value.code


def test_validate_counts_runs_and_steps(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["validate", small]) == 0
    assert capsys.readouterr().out == "small.yaml: 8 runs (2 tasks x 2 variants x 2 seeds), 8,000 environment steps\n"


def test_validate_goes_on_after_a_wrong_suite(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text("name: bad\ntasks: [toy_gird]\n")
    assert launch.main(["validate", "bad.yaml", small]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: bad.yaml:2:9: unknown task toy_gird; allowed: ")
    assert captured.err.endswith("; did you mean toy_grid?\n")
    assert captured.out.startswith("small.yaml: 8 runs")


def test_validate_takes_every_yaml_file_of_the_suites(capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["validate", *map(str, (ROOT / "suites").glob("*.yaml"))]) == 0
    out = capsys.readouterr().out
    assert "presets.yaml: paper, cpu, cpu_state, debug" in out
    assert "tasks.yaml: dreamer20, " in out
    assert "groups.yaml: dmc_hopper, dmc_finger, dmc_cheetah, dmc_walker, dmc_reacher, dmc_humanoid" in out


def test_dry_run_shows_each_run_and_touches_nothing(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    only = ["--only", "task=toy_reach_2", "variant=a", "--set", "steps=2e3"]
    assert launch.main(["run", small, "--dry-run", *only]) == 0
    *table, counts, to_do, size = capsys.readouterr().out.splitlines()
    unknown = dict.fromkeys(("steps/s", "ETA", "return", "node", "job"), "-")
    same = {"task": "toy_reach_2", "variant": "a", "state": "pending", "step": "0", "steps": "2,000", **unknown}
    assert read_table("\n".join(table)) == [{**same, "seed": "0"}, {**same, "seed": "1"}]
    assert [counts, to_do] == ["2 runs: 2 pending", "to run: 2 runs"]
    assert size == "2 runs (1 task x 1 variant x 2 seeds), 4,000 environment steps"
    assert list(Path().iterdir()) == [Path("small.yaml")]


def test_many_runs_are_shown_by_task_and_variant(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_table, "MAX_ROWS", 3)
    assert launch.main(["run", small, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = read_table("\n".join(lines[:4]))
    assert [(row["task"], row["variant"]) for row in rows] == [
        ("toy_reach_2", "a"), ("toy_reach_2", "b"), ("toy_reach_1", "a")
    ]  # fmt: skip
    assert {(row["seeds"], row["state"], row["step"], row["steps"]) for row in rows} == {
        ("0-1", "2 pending", "0", "2,000")
    }
    assert lines[4].startswith("... and 1 more (")
    assert lines[5] == "8 runs: 8 pending"


def test_table_shows_names_as_they_are(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "[bold]:smile:" + 150 * "x"
    Path(small).write_text(f"name: s\ntasks: toy_reach_2\nvariants: {{'{name}': {{}}}}\n")
    assert launch.main(["status", small]) == 0
    *table, _ = capsys.readouterr().out.splitlines()
    assert {row["variant"] for row in read_table("\n".join(table))} == {name}


@pytest.mark.parametrize(
    ("seeds", "text"), [([0], "0"), ([0, 1, 2], "0-2"), ([0, 2], "0, 2"), ([1, 2, 5, 7, 8], "1-2, 5, 7-8")]
)
def test_neighbouring_seeds_are_shortened(seeds: list[int], text: str) -> None:
    assert status_table.ranges(seeds) == text


def test_status_prints_the_agreed_json(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["status", small, "--json", "--only", "seed=1", "variant=b"]) == 0
    unknown = ("fps", "eta", "return", "heartbeat", "node", "job", "reason", "error", "damage")
    assert json.loads(capsys.readouterr().out) == {
        "runs": [
            {
                "suite": "small",
                "task": task,
                "variant": "b",
                "seed": 1,
                "state": "pending",
                "step": 0,
                "steps": 1000,
                "folder": f"results/small/{task}/b/1",
                **dict.fromkeys(unknown),
            }
            for task in ("toy_reach_2", "toy_reach_1")
        ]
    }


def test_printed_commands_replace_what_the_command_would(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["run", small, "--print-command", "--replace"]) == 0
    assert all(line.endswith(" --replace") for line in capsys.readouterr().out.splitlines())


def test_printed_commands_train_each_run_by_hand(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(small).write_text(
        f"{SMALL}sweep: {{behavior.horizon: [3, 4]}}\n".replace("b: {behavior.horizon: 5}", "'b*': {}")
    )
    assert launch.main(["run", small, "--print-command", "--only", "seed=1", "--set", "steps=2e3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    seen: list[RunSpec] = []

    def executor(specs: Sequence[RunSpec], *_: object, **__: object) -> int:
        seen.extend(specs)
        return 0

    monkeypatch.setattr("runs.executing.local.launch", executor)
    for line in lines:
        python, program, *arguments = shlex.split(line)
        assert (python, Path(program)) == (sys.executable, ROOT / "launch.py")
        assert launch.main(arguments) == 0
    assert [(spec.task, spec.variant, spec.seed, spec.settings.steps) for spec in seen] == [
        (task, f"{name}+horizon={horizon}", 1, 2000)
        for task in ("toy_reach_2", "toy_reach_1")
        for name in ("a", "b*")
        for horizon in (3, 4)
    ]
    assert not Path("results").exists()


def test_several_suites_have_a_table_each(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text(SMALL.replace("name: small", "name: other"))
    assert launch.main(["status", small, "other.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(".yaml")] == ["small.yaml", "other.yaml"]
    assert lines.count("8 runs: 8 pending") == 2
    assert launch.main(["status", small, "other.yaml", "--json"]) == 0
    assert [row["suite"] for row in json.loads(capsys.readouterr().out)["runs"]] == ["small"] * 8 + ["other"] * 8


def test_dry_run_for_slurm_needs_no_slurm(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(Path.cwd()))
    defaults = Path.cwd() / "config" / "dreamer-ablations" / "slurm.yaml"
    defaults.parent.mkdir(parents=True)
    defaults.write_text("partition: ours\naccount: lab\ncpus: 3\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path.cwd() / "config"))
    Path(small).write_text(f"{SMALL}slurm: {{cpus: 4, hours: 2}}\n")
    before = sorted(Path().rglob("*"))
    overrides = ["--slurm", "hours=36", "options=[nice=100, exclusive]", "runs_per_job=3"]
    assert launch.main(["run", small, "--executor", "slurm", "--dry-run", *overrides]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        "to submit: 8 runs as 3 jobs; there is no scontrol here: this machine is not part of a Slurm cluster" in lines
    )
    wanted = {"--partition=ours", "--account=lab", "--cpus-per-task=4", "--time=36:00:00", "--nice=100", "--exclusive"}
    assert wanted <= {line.strip() for line in lines}
    assert sorted(Path().rglob("*")) == before
    defaults.write_text("partitoin: ours\n")
    assert launch.main(["status", small]) == 2
    assert "slurm.yaml:1:1: unknown slurm setting partitoin" in capsys.readouterr().err


def test_cancel_reports_when_there_is_nothing_to_cancel(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["cancel", small]) == 0
    assert capsys.readouterr().out == "nothing to cancel: none of these runs is queued or running\n"
    assert not Path("results").exists()


@pytest.mark.parametrize("code", [0, 1])
def test_run_hands_its_runs_to_the_executor(small: str, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    seen: list[Any] = []

    def executor(specs: Sequence[RunSpec], results: Path, **options: object) -> int:
        seen.append((len(specs), specs[0].settings.behavior.horizon, results, options))
        return code

    monkeypatch.setattr("runs.executing.local.launch", executor)
    options = ["--only", "seed=0", "--set", "behavior.horizon=7", "--workers", "3", "--results", "elsewhere"]
    assert launch.main(["run", small, *options, "--retry-failed"]) == code
    assert seen == [(4, 7, Path("elsewhere"), {"workers": 3, "retry_failed": True, "replace": False})]


def test_interruption_is_reported_in_one_line(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def executor(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("runs.executing.local.launch", executor)
    assert launch.main(["run", small]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_failing_disk_is_one_line(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def executor(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", "results/small")

    monkeypatch.setattr("runs.executing.local.launch", executor)
    assert launch.main(["run", small]) == 2
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device: 'results/small'\n"


def test_eval_prints_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []

    def play(*arguments: object) -> list[float]:
        seen.append(arguments)
        return [1.0, 2.0]

    monkeypatch.setattr("runs.training.evaluate.evaluate", play)
    assert launch.main(["eval", str(tmp_path), "--episodes", "2", "--video", "out.gif"]) == 0
    assert seen == [(tmp_path, 2, 0, Path("out.gif"))]
    assert "mean return of 2 episodes: 1.5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "smal.yaml"], "error: smal.yaml: no such file; did you mean small.yaml?"),
        (["validate", "."], "error: .: is a folder; expected a YAML file"),
        (["run", "small.yaml", "--only", "variant=c"], "error: --only variant=c: no such variant; allowed: a, b"),
        (["run", "small.yaml", "--set", "stpes=5"], "did you mean steps?"),
        (["run", "small.yaml", "--set", "x.yaml"], "error: --set x.yaml: no value; expected key=value"),
        (["run", "small.yaml", "--results", "small.yaml"], "error: small.yaml: results cannot be written there"),
        (["schema", "--write", "nowhere/schema.json"], "error: nowhere/schema.json: cannot be written: No such file"),
        (["eval", "results/small"], "error: results/small: no such run folder"),
        (["run", "small.yaml", "--wait"], "error: --wait requires --executor slurm; the local executor always waits"),
        (["run", "small.yaml", "--slurm", "gpus=1"], "error: --slurm requires --executor slurm"),
        (["run", "small.yaml", "--executor", "slurm", "--workers", "2"], "error: --workers requires --executor local"),
        (
            ["run", "small.yaml", "--executor", "slurm", "--slurm", "gpu=1"],
            "error: --slurm gpu=1: unknown slurm setting gpu; allowed: ",
        ),
        (
            ["run", "small.yaml", "--executor", "slurm", "--slurm", "hours=0.02"],
            "error: --slurm hours=0.02: slurm settings: a notice of 90 s must be shorter than the time limit of "
            "0.02 hours",
        ),
        (
            ["run", "small.yaml", "--executor", "slurm", "--slurm", "options=[time=5]"],
            "error: --slurm options=[time=5]: options: 'time=5' is not allowed in `options`, since jobs depend on it; "
            "use slurm.hours",
        ),
        (["logs", "results/small/toy_reach_1/a/0"], "error: results/small/toy_reach_1/a/0 has no log"),
    ],
)  # fmt: skip
def test_mistake_is_one_line_without_traceback(
    small: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: VERB"),
        (
            ["rnu"],
            "invalid choice: 'rnu' (choose from 'validate', 'run', 'status', 'cancel', 'logs', 'debug', 'eval', "
            "'discover', 'schema'); did you mean run?",
        ),
        (["run", "small.yaml", "--executor", "slrum"], "; did you mean slurm?"),
        (["run", "small.yaml", "--dryrun"], "unrecognized arguments: --dryrun; did you mean --dry-run?"),
        (["run", "small.yaml", "--workers", "0"], "'0' is not an integer from 1 to 4,294,967,295"),
        (["run", "small.yaml", "--workers", "1" + "0" * 19], "is not an integer from 1 to 4,294,967,295"),
        (["run", "small.yaml", "--results", ""], "'' is no path; write . for the current folder"),
        (["run"], "the following arguments are required: SUITE"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 2
    assert message in capsys.readouterr().err


def test_schema_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert launch.main(["schema", "--write", str(tmp_path / "schema.json")]) == 0
    assert (tmp_path / "schema.json").read_text() == printed
    assert json.loads(printed)["title"]


def test_closed_pipe_is_silent(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text(LARGE)
    command = f"{sys.executable} {ROOT / 'launch.py'} status large.yaml --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""


def put_into_the_queue(folder: Path) -> None:
    """Ten thousand runs queued in ten arrays: batches on disk, and a fake squeue that lists their jobs."""
    specs = plan(load_suite(folder / "large.yaml"))
    runs = [Run(spec, spec.folder(folder / "results")) for spec in specs]
    lines = []
    for number, jobs in enumerate(chunks([[run] for run in runs], 1000)):
        batches.write(folder / "results" / "large" / "slurm" / f"batch{number}", jobs, "x")
        lines += [f"{number}_{index}|PENDING|Priority||batch{number}" for index in range(len(jobs))]
    (folder / "queue").write_text("\n".join(lines) + "\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "squeue").write_text(f"#!/bin/sh\necho >> {folder}/calls\ncat {folder}/queue\n")
    (folder / "bin" / "squeue").chmod(0o755)


def test_ten_thousand_queued_runs_take_one_question_to_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.yaml").write_text(LARGE)
    put_into_the_queue(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    done = process("run", "large.yaml", "--executor", "slurm", "--dry-run", cwd=tmp_path)
    assert "10,000 runs: 10,000 queued" in done.stdout, done.stderr
    assert "to submit: 0 runs" in done.stdout
    assert (tmp_path / "calls").read_text().count("\n") == 1


def test_several_suites_take_one_question_to_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.yaml").write_text(LARGE)
    put_into_the_queue(tmp_path)
    (tmp_path / "shrunk.yaml").write_text(LARGE.replace("seeds: 5", "seeds: 4"))
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    shown = process("status", "shrunk.yaml", "small.yaml", cwd=tmp_path).stdout
    assert "8,000 runs: 8,000 queued" in shown
    assert "8 runs: 8 pending" in shown
    assert "2,000 runs: 2,000 queued" in shown.partition("no longer named by the suite")[2]
    assert (tmp_path / "calls").read_text().count("\n") == 1


def test_status_reads_every_run_folder(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of four runs recorded as running, one is locked by a process."""
    folders = [spec.folder(Path("results").absolute()) for spec in plan(load_suite(Path(small)), {"variant": ["a"]})]
    for step, folder in enumerate(folders):
        folder.mkdir(parents=True)
        recorded = {"state": "running", "step": step, "fps": 3.5, "host": "node7", "job": "7"}
        (folder / "state.json").write_text(json.dumps(recorded))
    with lock.held(folders[2]):
        assert launch.main(["status", small, "--json", "--only", "variant=a"]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert [(row["state"], row["step"], row["fps"], row["node"]) for row in rows] == [
        ("stale", 0, None, "node7"),
        ("stale", 1, None, "node7"),
        ("running", 2, 3.5, "node7"),
        ("stale", 3, None, "node7"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        *(["validate", "small.yaml"], ["status", "small.yaml"], ["status", "small.yaml", "--json"]),
        *(["cancel", "small.yaml"], ["run", "small.yaml", "--dry-run"], ["run", "small.yaml", "--print-command"]),
        ["run", "small.yaml", "--executor", "slurm", "--dry-run"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import launch; "
        f"assert launch.main({arguments!r}) == 0; "
        f"print(*({{name.partition('.')[0] for name in sys.modules}} & set({HEAVY!r})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]], ids=" ".join)
def test_help_imports_no_package_at_all(arguments: list[str]) -> None:
    code = f"""
import sys
before = {{*sys.modules}}
import launch
try:
    launch.main({arguments!r})
except SystemExit:
    names = {{name.partition(".")[0] for name in {{*sys.modules}} - before}}
    print(*sorted(names - sys.stdlib_module_names), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.split() == ["common", "launch"]
