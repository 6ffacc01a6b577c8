"""Runs as data: identity, selection and the text of spec.yaml."""

import dataclasses
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.errors import UserError
from runs.settings import NO_EFFECT
from suites.plan import RunSpec, difference, plan, selection
from suites.settings import SETTINGS, Settings
from suites.suite import Suite, load_suite
from suites.yaml_reader import dump, parse

# Another valid value for every setting that has bounds, a choice or a type to go by.
DEFAULTS = {key: leaf.schema["default"] for key, leaf in SETTINGS.leaves.items()}


def other_value(schema: dict[str, Any], default: Any) -> Any:
    """Returns a value that a setting's schema allows and that is not its default."""
    if "enum" in schema or "const" in schema:
        return next((choice for choice in schema.get("enum", []) if choice != default), None)
    if "anyOf" in schema:
        return next(value for option in schema["anyOf"] if (value := other_value(option, default)) is not None)
    if schema["type"] == "boolean":
        return not default
    if schema["type"] == "string":
        return f"{default}kernel"
    if isinstance(default, str):  # a word in a number's place
        return schema["minimum"]
    middle = (
        (schema.get("maximum", schema.get("exclusiveMaximum", default + 2)) + default) / 2
        if default != schema.get("maximum")
        else default / 2
    )
    return int(middle) if schema["type"] == "integer" else middle


def settings(layer: dict[str, Any]) -> Settings:
    root = parse(dump(layer), "text")
    return SETTINGS.build(SETTINGS.layer(root), root.place)


def spec(**changes: Any) -> RunSpec:
    return dataclasses.replace(RunSpec("suite", "toy_reach_8", "dreamer", 0, Settings()), **changes)


CHANGES = {key: other_value(leaf.schema, DEFAULTS[key]) for key, leaf in SETTINGS.leaves.items()}
CHANGEABLE = sorted(key for key, value in CHANGES.items() if value is not None)


def test_nearly_every_setting_has_another_value() -> None:
    assert set(SETTINGS.leaves) - set(CHANGEABLE) <= {"agent"}


# What makes a setting be read that otherwise nothing reads.
READ_WITH: dict[str, dict[str, Any]] = {
    "dynamics.groups": {"dynamics.kind": "ed2"},
    "discovery.": {"dynamics.kind": "ed2", "dynamics.groups": "sd2"},
    "representation.contrast_": {"representation.objective": "contrastive"},
    "optimizer.weight_decay_pattern": {"optimizer.weight_decay": 0.1},
    **{f"behavior.{name}": {"behavior.kind": "planner"} for name in ("candidates", "iterations", "top")},
    "exploration.duration": {"exploration.schedule": "linear"},
    "exploration.minimum": {"exploration.schedule": "linear", "exploration.amount": 2},
}
# Values of CHANGES that cannot stand together.
CONTRARY = ({"exploration.kind", "exploration.amount"}, {"exploration.schedule", "exploration.minimum"})


@pytest.mark.parametrize("key", CHANGEABLE)
def test_hash_changes_with_every_setting_that_has_an_effect(key: str) -> None:
    layer = next((layer for prefix, layer in READ_WITH.items() if key.startswith(prefix)), {})
    run = spec(task="atari_pong") if key.startswith("atari.") else spec()
    before, after = (
        dataclasses.replace(run, settings=settings(each)) for each in (layer, {**layer, key: CHANGES[key]})
    )
    assert (after.hash == before.hash) == (key in NO_EFFECT)
    expected = {} if key in NO_EFFECT else {key: (DEFAULTS[key], CHANGES[key])}
    assert difference(before, after) == expected
    if layer or run != spec():
        unread = spec(settings=settings({key: CHANGES[key]}))
        assert unread.hash == spec().hash
        assert difference(spec(), unread) == {}


@pytest.mark.parametrize("unread", [{"behavior.kind": "planner"}, {"behavior.value": "none"}])
def test_bootstrap_is_read_with_a_value_only(unread: dict[str, Any]) -> None:
    last, second_last = (settings({**unread, "behavior.bootstrap": name}) for name in ("last", "second_last"))
    assert spec(settings=last).hash == spec(settings=second_last).hash


def test_every_setting_without_effect_exists() -> None:
    assert set(NO_EFFECT) <= set(SETTINGS.leaves)


def test_hash_is_of_the_task_and_seed_and_not_of_names() -> None:
    assert re.fullmatch("[0-9a-f]{16}", spec().hash)
    assert spec(suite="x", variant="y").hash == spec().hash
    assert len({spec().hash, spec(seed=1).hash, spec(task="toy_reach_1").hash}) == 3
    assert difference(spec(), spec(task="toy_reach_1", seed=1)) == {
        "task": ("toy_reach_8", "toy_reach_1"),
        "seed": (0, 1),
    }


def test_hash_is_the_same_in_every_process() -> None:
    code = "from suites.plan import *; print(RunSpec('s', 'toy_reach_8', 'v', 0, Settings()).hash)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                            cwd=Path(__file__).parents[2], env={"PYTHONHASHSEED": "7"})  # fmt: skip
    assert output.stdout.strip() == spec().hash


@given(st.permutations(CHANGEABLE[:12]))
def test_hash_does_not_know_the_order_of_keys(keys: list[str]) -> None:
    shuffled = settings({key: CHANGES[key] for key in keys})
    ordered = settings({key: CHANGES[key] for key in sorted(keys)})
    assert spec(settings=shuffled).hash == spec(settings=ordered).hash


names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=10)


@given(
    suite=names,
    variant=names | st.sampled_from(["1e6", "on", "null", "5", "a: b", "horizon=5"]),
    seed=st.integers(0, 2**32 - 1),
    keys=st.sets(st.sampled_from(CHANGEABLE), max_size=5),
)
def test_run_survives_its_file(suite: str, variant: str, seed: int, keys: set[str]) -> None:
    assume(not any(pair <= keys for pair in CONTRARY))
    run = spec(suite=suite, variant=variant, seed=seed, settings=settings({key: CHANGES[key] for key in keys}))
    text = run.to_yaml()
    assert RunSpec.from_yaml(text) == run
    assert parse(text, "text").value["hash"].value == run.hash


SHOWCASE = sorted((Path(__file__).parents[2] / "results" / "showcase").glob("*/*/*/*/spec.yaml"))


def test_runs_of_earlier_versions_can_be_read() -> None:
    """Those that are shown; each says a hash, which is of the settings that mattered then."""
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
        (["toy_reach_8"], "--only toy_reach_8: no value; needed is one of task=NAME, variant=NAME, seed=NAME"),
    ],
)
def test_selector_that_matches_nothing_is_refused(suite: Suite, only: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        plan(suite, selection(only))


def test_runs_come_by_task_variant_and_seed(suite: Suite) -> None:
    order = [(run.task, run.variant, run.seed) for run in plan(suite)]
    assert order == list(itertools.product(suite.tasks, suite.grid, suite.seeds))


def test_planned_runs_survive_their_files(suite: Suite) -> None:
    for run in plan(suite, {"seed": ["11"]}):
        assert RunSpec.from_yaml(run.to_yaml()) == run
