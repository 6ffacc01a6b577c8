"""Runs as data: their selection, and the text of spec.yaml."""

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.errors import UserError
from suites import identity
from suites.plan import RunSpec, plan, selection
from suites.settings import Settings
from suites.suite import Suite, load_suite
from tests.suites.other_values import CHANGES, settings


def spec(**changes: Any) -> RunSpec:
    return dataclasses.replace(RunSpec("suite", "toy_reach_8", "dreamer", 0, Settings()), **changes)


# Values of CHANGES that contradict each other.
CONTRARY = ({"exploration.kind", "exploration.amount"}, {"exploration.schedule", "exploration.minimum"})
names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=10)


@given(
    suite=names,
    variant=names | st.sampled_from(["1e6", "on", "null", "5", "a: b", "horizon=5"]),
    seed=st.integers(0, 2**32 - 1),
    keys=st.sets(st.sampled_from(list(CHANGES)), max_size=5),
)
def test_run_survives_its_file(suite: str, variant: str, seed: int, keys: set[str]) -> None:
    assume(not any(pair <= keys for pair in CONTRARY))
    run = spec(suite=suite, variant=variant, seed=seed, settings=settings({key: CHANGES[key] for key in keys}))
    text = run.to_yaml()
    assert RunSpec.from_yaml(text) == run
    assert identity.recorded_in(text) == run.identity


SHOWCASE = sorted((Path(__file__).parents[2] / "results" / "showcase").glob("*/*/*/*/spec.yaml"))


def test_runs_of_earlier_versions_can_be_read() -> None:
    """Those in the showcases; each has a hash of the settings that mattered at the time."""
    assert len(SHOWCASE) >= 36
    for path in SHOWCASE:
        run = RunSpec.from_yaml(path.read_text())
        assert run.folder(path.parents[4]) == path.parent
    old = spec(settings=settings({"exploration.amount": 0.7})).to_yaml().replace("amount: 0.7", "noise: 0.7")
    assert RunSpec.from_yaml(old).settings.exploration.amount == 0.7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 0", "seed: zero", "spec.yaml:4:7: seed is the text 'zero'"),
        ("seed: 0", "", "spec.yaml:1:1: seed is missing"),
        ("horizon: 15", "horizon: 1", "behavior.horizon is 1"),
        ("horizon: 15", "horizn: 15", "unknown setting behavior.horizn"),
    ],
)
def test_damaged_file_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        RunSpec.from_yaml(spec().to_yaml().replace(old, new))
    with pytest.raises(UserError, match="a run is an empty list"):
        RunSpec.from_yaml("[]")


def test_file_from_before_a_setting_existed_gets_its_default() -> None:
    text = spec().to_yaml()
    older = "".join(line for line in text.splitlines(keepends=True) if "supersampling" not in line)
    assert older != text
    assert RunSpec.from_yaml(older) == spec()


def test_folder_is_by_suite_task_variant_and_seed() -> None:
    assert spec(seed=3).folder(Path("results")) == Path("results/suite/toy_reach_8/dreamer/3")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    path = tmp_path_factory.mktemp("plan") / "suite.yaml"
    path.write_text("""
        name: s
        tasks: [toy_reach_8, toy_reach_1, toy_reach_2]
        seeds: 12
        sweep: {dynamics.groups: [[[0, 1], [2]], single], behavior.horizon: [5, 10]}
    """)
    return load_suite(path)


@pytest.mark.parametrize(
    ("only", "tasks", "variants", "seeds"),
    [
        ([], 3, 4, 12),
        (["task=toy_reach_8"], 1, 4, 12),
        (["task=toy_reach_8,toy_reach_1"], 2, 4, 12),
        (["task=toy_reach_8", "task=toy_reach_1"], 2, 4, 12),
        (["task=toy_reach_[12]", "seed=0,3,1?"], 2, 4, 4),
        (["variant=*horizon=5"], 3, 2, 12),
        (["variant=groups=[[0,1],[2]]+horizon=5", "seed=11"], 3, 1, 1),
    ],
)
def test_selectors_keep_what_they_name(suite: Suite, only: list[str], tasks: int, variants: int, seeds: int) -> None:
    specs = plan(suite, selection(only))
    found = [len({getattr(run, name) for run in specs}) for name in ("task", "variant", "seed")]
    assert (found, len(specs)) == ([tasks, variants, seeds], tasks * variants * seeds)


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (["tsk=toy_reach_8"], "--only: unknown selector tsk; allowed: task, variant, seed; did you mean task?"),
        (
            ["task=toy_raech_8"],
            "--only task=toy_raech_8: no such task; allowed: toy_reach_8, toy_reach_1, toy_reach_2; "
            "did you mean toy_reach_8?",
        ),
        (["task=toy_reach_8,dmc_*"], "--only task=dmc_*: no such task"),
        (["seed=12"], "--only seed=12: no such seed; allowed: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...; did you mean"),
        (["seed="], "--only seed=: no such seed"),
        (["task=" + "x" * 999], f"--only task={'x' * 77}...: no such task"),
        (["variant=a\nb"], "--only variant=a...: no such variant"),
        (["toy_reach_8"], "--only toy_reach_8: no value; expected one of task=NAME, variant=NAME, seed=NAME"),
    ],
)
def test_selector_that_matches_nothing_is_refused(suite: Suite, only: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        plan(suite, selection(only))


def test_runs_come_by_task_variant_and_seed(suite: Suite) -> None:
    order = [(run.task, run.variant, run.seed) for run in plan(suite)]
    assert order == list(itertools.product(suite.tasks, suite.grid, suite.seeds))


def test_optional_variants_run_when_they_are_named_or_have_begun(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("""
        name: s
        tasks: [toy_reach_1, toy_reach_2]
        seeds: 2
        variants: {dreamer: {}, d4pg: {agent: d4pg}, a3c: {agent: a3c}, other: {jit: true}}
        sweep: {dynamics.groups: {of: other, values: [single, full]}}
        optional: [d4pg, a3c, other+groups=full]
    """)
    suite = load_suite(path)

    def variants(only: list[str], results: Path | None = None) -> list[str]:
        return list(dict.fromkeys(run.variant for run in plan(suite, selection(only), results)))

    assert variants([]) == variants([], tmp_path) == ["dreamer", "other+groups=single"]
    assert variants(["variant=d4pg"]) == ["d4pg"]
    assert variants(["variant=*"]) == ["dreamer", "d4pg", "a3c", "other+groups=single", "other+groups=full"]
    assert variants(["seed=1"]) == ["dreamer", "other+groups=single"]
    (tmp_path / "s" / "toy_reach_2" / "a3c" / "1").mkdir(parents=True)
    assert variants([], tmp_path) == ["dreamer", "a3c", "other+groups=single"]
    assert len(plan(suite, {}, tmp_path)) == 3 * 2 * 2


def test_planned_runs_survive_their_files(suite: Suite) -> None:
    for run in plan(suite, {"seed": ["11"]}):
        assert RunSpec.from_yaml(run.to_yaml()) == run
