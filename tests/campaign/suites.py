"""Suites that were edited badly, and settings with values that no one expects, through the command line."""

from pathlib import Path

from hypothesis import strategies as st

import launch
from suites.settings import SETTINGS, SLURM
from tests.campaign.commands import check
from tests.campaign.damage import changed_text, values
from tests.campaign.trials import Trials

ROOT = Path(__file__).parents[2]
TEXTS = [
    path.read_text(encoding="utf-8")
    for folder in ("suites", "tests/suites/fixtures/good", "tests/suites/fixtures/bad")
    for path in sorted((ROOT / folder).glob("*.yaml"))
]
PLAIN = "name: s\ntasks: [toy_reach_8, dmc_walker_walk]\nseeds: 2\nvariants: {a: {}, b: {behavior.horizon: 3}}\n"


def mutated(trials: Trials, folder: Path) -> None:
    """The suites of the repository and of the tests with changed lines and words: checked, and planned if valid."""
    path = folder / "suite.yaml"

    def make(text: str) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        if check(launch.main, "validate", path) == 0:
            check(launch.main, "run", path, "--dry-run", "--results", folder / "results")

    trials.each(changed_text(TEXTS), 2000, make)


def odd_values(trials: Trials, folder: Path) -> None:
    """Values that no one expects for each setting and option: on the command line, for a plan that is only shown."""
    path = folder / "suite.yaml"
    path.write_text(PLAIN)
    plain = ["--results", str(folder / "results")]
    ways = {
        "run": ["run", str(path), "--dry-run", *plain],
        "commands": ["run", str(path), "--print-command", *plain],
        "slurm": ["run", str(path), "--dry-run", "--executor", "slurm", *plain],
        "status": ["status", str(path), *plain],
        "json": ["status", str(path), "--json", *plain],
    }
    of_runs = st.tuples(st.sampled_from(sorted(ways)), st.just("--set"), st.sampled_from(sorted(SETTINGS.leaves)))
    of_jobs = st.tuples(st.just("slurm"), st.just("--slurm"), st.sampled_from(sorted(SLURM.leaves)))
    of_choice = st.tuples(
        st.sampled_from(sorted(ways)), st.just("--only"), st.sampled_from(["task", "variant", "seed"])
    )
    odd = values.filter(lambda text: "\0" not in text)

    def make(example: tuple[tuple[str, str, str], str]) -> None:
        (way, option, key), value = example
        check(launch.main, *ways[way], option, f"{key}={value}")

    trials.each(st.tuples(of_runs | of_runs | of_runs | of_jobs | of_choice, odd), 2000, make)
