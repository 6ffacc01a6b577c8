"""Folders of runs that were killed or damaged: what is resumed equals what was never stopped, or says what it lost."""

import json
import logging
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

from hypothesis import strategies as st

import launch
from analysis.inputs import Inputs
from analysis.results import quality
from analysis.scores import ExpectedRun
from analysis.settings import AnalysisSettings
from analysis.sources import read_expected
from common.errors import UserError
from common.yaml_reader import dump
from runs.store import state
from runs.store.run import OUTPUT
from runs.store.run_folder import write_spec
from runs.training import worker
from tests.campaign.commands import call, check
from tests.campaign.damage import changed_bytes, values
from tests.campaign.trials import Trials
from tests.runs import standin
from tests.runs.standin import Outcome, outcome

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["runs.training.attempt", "runs.store.run_folder", "tests.runs.standin"])
NEVER = 10**9
WHOLE = 320  # about the calls of a run that change files or the agent
HALF = 220
SUITE = {"name": "suite", "tasks": "toy_reach_1", "seeds": 1, "variants": {"standin": standin.SMALL}}


def run(folder: Path, calls: int = NEVER) -> int | None:
    """Runs the stand-in in a process that is killed before one of its calls; returns its exit code."""
    process = SERVER.Process(target=standin.run_until_killed, args=(standin.spec().to_yaml(), str(folder), calls))
    process.start()
    process.join()
    return process.exitcode


def killed(trials: Trials, folder: Path) -> None:
    """A run that is killed at any of its calls that change files, once or more often, and resumed."""
    assert run(folder / "whole") == 0
    whole = outcome(folder / "whole")
    for _ in range(40):
        kills = [trials.rng.randrange(WHOLE) for _ in range(trials.rng.randint(1, 3))]
        place = folder / "killed"
        shutil.rmtree(place, ignore_errors=True)
        with trials.trial(f"killed before the calls {kills}"):
            ends = [run(place, calls) for calls in [*kills, NEVER]]
            assert set(ends[:-1]) <= {0, -signal.SIGKILL}, ends
            assert ends[-1] == 0, ends
            assert state.read(place).state == "done"
            assert outcome(place) == whole


def damaged(trials: Trials, folder: Path) -> None:
    """A run, half done or done, one of whose files is damaged: status, logs and analysis answer, and it is resumed."""
    standin.install()
    for name, calls, code in (("half", HALF, -signal.SIGKILL), ("whole", NEVER, 0)):
        write_spec(standin.spec(), folder / name)
        (folder / name / OUTPUT).write_text("one line\n")
        assert run(folder / name, calls) == code
    whole = outcome(folder / "whole")
    suite = folder / "suite.yaml"
    suite.write_text(dump(SUITE))
    results = folder / "results"
    place = standin.spec().folder(results)

    @st.composite
    def changes(draw: st.DrawFn) -> tuple[str, str, bytes | str]:
        """One of the samples, one of its files, and its new content or what is in its place."""
        sample = draw(st.sampled_from(["half", "half", "half", "whole"]))
        paths = sorted(path.relative_to(folder / sample) for path in (folder / sample).rglob("*") if path.is_file())
        part = draw(st.sampled_from(sorted({path.parts[0] for path in paths})))  # many files are episodes
        name = draw(st.sampled_from([str(path) for path in paths if path.parts[0] == part]))
        content = (folder / sample / name).read_bytes()
        odd = values.map(lambda text: text.encode(errors="surrogatepass"))
        other = st.sampled_from(["gone", "fifo", "folder", "loop"])
        return sample, name, draw(changed_bytes(content) | changed_bytes(content) | odd | other)

    def make(example: tuple[str, str, bytes | str]) -> None:
        sample, name, change = example
        shutil.rmtree(results, ignore_errors=True)
        shutil.copytree(folder / sample, place)
        damage(place / name, change)
        check(launch.main, "status", suite, "--results", results)
        check(launch.main, "run", suite, "--dry-run", "--results", results)
        check(launch.main, "logs", place)
        analyse(place, results)
        resume(place, whole, name)

    trials.each(changes(), 150, make)


def damage(path: Path, change: bytes | str) -> None:
    """Gives a file another content, or puts something else in its place."""
    path.unlink()
    if isinstance(change, bytes):
        path.write_bytes(change)
    elif change == "fifo":
        os.mkfifo(path)
    elif change == "folder":
        path.mkdir()
    elif change == "loop":
        path.symlink_to(path.name)


def analyse(place: Path, results: Path) -> None:
    """Reads the run as an analysis of its suite does, up to the checks."""
    expected = [ExpectedRun("toy_reach_1", "standin", 0, place, 400)]
    try:
        scores = read_expected(expected, "suite", results / "suite", "eval/return")
        inputs = Inputs(scores, AnalysisSettings(repetitions=10, normalization="none"))
        assert len(quality.findings(inputs)) >= 0
    except UserError as error:
        assert len(str(error)) < 1000  # noqa: PT017


def resume(place: Path, whole: Outcome, damaged: str) -> None:
    """Takes the run up again: it ends like one that was never stopped, says what it has lost, or says why it cannot.

    A damaged episode that was not drawn again is still there, and is not promised to be noticed.
    """
    logging.getLogger().handlers.clear()
    code, out, err = call(worker.main, place)
    said = f"exit code {code}\n{out}\n{err[-3000:]}"
    if code == worker.MISTAKE:
        assert err.startswith("error: ") or "\nerror: " in err, said
        return
    assert code == 0, said
    recorded = state.recorded(place)
    if "is done" not in out and not recorded.damage:
        (metrics, episodes), (all_metrics, all_episodes) = outcome(place), whole
        assert metrics == all_metrics, f"other metrics, without a word: {said}"
        different = {name for name, content in all_episodes.items() if episodes.get(name) != content}
        assert different <= {Path(damaged).name}, f"other episodes, without a word: {different} {said}"
    if recorded.damage:
        assert json.dumps(recorded.damage).isprintable(), said
