"""The identity of a run: the settings that it covers, and that a new setting changes no hash."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.settings import BehaviorSettings
from common.errors import UserError
from common.settings import Group
from runs.settings import NO_EFFECT, EvalSettings
from suites import identity
from suites.identity import Identity, identify, is_same, recorded_in
from suites.plan import RunSpec, difference
from suites.settings import SETTINGS, Settings
from tests.suites.other_values import CHANGES, DEFAULTS, settings

EPSILON = {"exploration": {"kind": "epsilon_greedy", "amount": 0.4, "schedule": "linear", "minimum": 0.1}}
# Task, seed, settings, and hashes by the present rule and by the first. A hash that changes makes every run that waits
# in a queue a changed one: see suites/identity.py. The first rule's were made by its own code, of version 0.1.0.
PINNED: list[tuple[str, int, dict[str, Any], str, str]] = [
    ("dmc_cheetah_run", 0, {}, "1e3955847c58ebc2", "628dc82abfb3ac71"),
    (
        "dmc_cheetah_run",
        1,
        {"behavior": {"horizon": 20, "lambda": 0.9}, "train": {"updates": 50}},
        "105f70aff5d04964",
        "9dc5e09a998de3e0",
    ),
    (
        "dmc_cheetah_run",
        0,
        {"behavior": {"kind": "planner", "horizon": 12, "top": 50}},
        "df4b16fcbd131960",
        "8add75c1ca38171f",
    ),
    (
        "dmc_cheetah_run",
        0,
        {"behavior": {"value": "none", "bootstrap": "second_last"}},
        "b7905ee002d501c3",
        "761958325d4250e6",
    ),
    (
        "dmc_cheetah_run",
        0,
        {"dynamics": {"kind": "ed2", "groups": [[0, 1, 2], [3, 4, 5]]}},
        "aa8550e83a1ef474",
        "2dd3a44d1ca3e331",
    ),
    (
        "dmc_cheetah_run",
        0,
        {"dynamics": {"match_parameters": True, "groups": "random"}, "discovery": {"steps": 500}},
        "46afcdf703f38060",
        "15e160f7ac9e5b34",
    ),
    (
        "dmc_walker_run",
        7,
        {"representation": {"objective": "contrastive", "contrast_steps": 30}, "renderer": "raycast"},
        "3e97f845841167db",
        "be42b8f77229d0dd",
    ),
    (
        "dmc_walker_run",
        7,
        {"optimizer": {"weight_decay": 0.1, "weight_decay_pattern": "kernel"}, "eval": {"video": False}},
        "4ea1a509fade1cdf",
        "96d65db01cbfc9ff",
    ),
    (
        "atari_pong",
        0,
        {**EPSILON, "atari": {"sticky": 0.0}, "continuation": {"predict": True}},
        "aac31ae86d999485",
        "f746a85a61f7b9c8",
    ),
    ("toy_grid", 3, {**EPSILON, "jit": True, "precision": "mixed_float16"}, "5d7436c1618f62ea", "6b9aa7a9b4141dee"),
    (
        "toy_reach_8",
        0,
        {"agent": "random", "behavior": {"horizon": 20}, "dynamics": {"kind": "ed2", "groups": "sd2"}},
        "49d2816fcc30b165",
        "e994796326dea844",
    ),
    ("toy_reach_8", 0, {"agent": "random"}, "49d2816fcc30b165", "03e26181a03fc516"),
]


def spec(task: str = "toy_reach_8", **changes: Any) -> RunSpec:
    return dataclasses.replace(RunSpec("suite", task, "dreamer", 0, Settings()), **changes)


class LaterBehavior(BehaviorSettings):
    novelty: float = 0.0


class LaterEval(EvalSettings):
    quantile: float = 0.5


class CuriositySettings(Group):
    weight: float = 0.0
    layers: tuple[int, ...] = (400, 400)


class LaterSettings(Settings):
    """Future settings: of the agent, of the run, and of a new group."""

    behavior: LaterBehavior = LaterBehavior()
    eval: LaterEval = LaterEval()
    curiosity: CuriositySettings = CuriositySettings()
    patience: int | None = None


@pytest.mark.parametrize("model", [Settings, LaterSettings])
@pytest.mark.parametrize(("task", "seed", "changes", "hash_", "first"), PINNED)
def test_hashes_are_pinned_whatever_settings_come(
    model: type[Settings], task: str, seed: int, changes: dict[str, Any], hash_: str, first: str
) -> None:
    chosen = model.model_validate(changes)
    assert identify(task, seed, chosen) == Identity(hash_, 2)
    assert is_same(Identity(hash_, 2), task, seed, chosen)
    assert is_same(Identity(first, 1), task, seed, chosen)
    assert not is_same(Identity(first, 1), task, seed + 1, chosen)


@pytest.mark.parametrize(
    "changes",
    [{"behavior": {"novelty": 0.1}}, {"eval": {"quantile": 0.9}}, {"curiosity": {"layers": [1]}}, {"patience": 0}],
)
def test_later_settings_count_where_they_are_changed(changes: dict[str, Any]) -> None:
    """Also for hashes of the first rule, which does not cover new settings."""
    task, seed, _, hash_, first = PINNED[0]
    later = LaterSettings.model_validate(changes)
    assert identify(task, seed, later).hash != hash_
    assert not is_same(Identity(first, 1), task, seed, later)


def test_hash_is_of_what_differs_from_the_defaults() -> None:
    """An independent implementation: the three parts as compact JSON with sorted keys."""
    text = '["dmc_walker_run",3,{"behavior.horizon":5,"dynamics.groups":[[0],[1]],"dynamics.kind":"ed2"}]'
    digest = subprocess.run(["sha256sum"], input=text, capture_output=True, text=True, check=True).stdout
    changed = settings({"behavior.horizon": 5, "dynamics": {"kind": "ed2", "groups": [[0], [1]]}, "steps": 5_000_000})
    assert identify("dmc_walker_run", 3, changed).hash == digest[:16]
    assert json.loads(text)[2] == identity.changes("dmc_walker_run", changed)


# What makes a setting be read that otherwise nothing reads, beside a task that reads it.
READ_WITH: dict[str, dict[str, Any]] = {
    "dynamics.groups": {"dynamics.kind": "ed2"},
    "discovery.": {"dynamics.kind": "ed2", "dynamics.groups": "sd2"},
    "representation.contrast_": {"representation.objective": "contrastive"},
    "representation.state_": {"observation": "state"},
    "optimizer.weight_decay_pattern": {"optimizer.weight_decay": 0.1},
    **{f"continuation.{name}": {"continuation.predict": True} for name in ("layers", "units", "scale")},
    **{f"behavior.{name}": {"behavior.kind": "planner"} for name in ("candidates", "iterations", "top")},
    "behavior.discount_imagined": {"behavior.value": "none"},
    "exploration.duration": {"exploration.schedule": "linear"},
    "exploration.minimum": {"exploration.schedule": "linear", "exploration.amount": 2},
    "d4pg.": {"agent": "d4pg"},
    "a3c.": {"agent": "a3c"},
}
READ_ON = {"atari.": "atari_pong", "renderer": "dmc_walker_run", "supersampling": "dmc_walker_run"}


def test_every_setting_has_another_value() -> None:
    assert set(SETTINGS.leaves) == set(CHANGES)


@pytest.mark.parametrize("key", CHANGES)
def test_every_setting_with_an_effect_is_part_of_some_identity(key: str) -> None:
    layer = next((layer for prefix, layer in READ_WITH.items() if key.startswith(prefix)), {})
    task = next((task for prefix, task in READ_ON.items() if key.startswith(prefix)), "toy_reach_8")
    before, after = (spec(task, settings=settings(each)) for each in (layer, {**layer, key: CHANGES[key]}))
    assert (after.identity == before.identity) == (key in NO_EFFECT)
    if key != "agent":  # with another, other settings are read, too
        assert difference(before, after) == ({} if key in NO_EFFECT else {key: (DEFAULTS[key], CHANGES[key])})


PLANNER, NO_VALUE, STATE = {"behavior.kind": "planner"}, {"behavior.value": "none"}, {"observation": "state"}
PIXELS = {"dynamics.kind": "ed2", "dynamics.groups": "sd2", "discovery.input": "pixels"}
OF_ACTOR = ["entropy_scale", "start_every", "actor_layers", "actor_units", "init_std", "min_std", "mean_scale"]
OF_VALUE = ["value_layers", "value_units", "lambda", "bootstrap", "target_rate"]
UNREAD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("toy_reach_8", {}, [key for key in CHANGES if key.startswith(tuple(READ_WITH))]),
    ("toy_reach_8", {}, ["renderer", "supersampling", "atari.sticky", "atari.noops", "atari.life_loss"]),
    ("dmc_walker_run", {}, ["atari.sticky"]),
    ("atari_pong", {}, ["renderer", "supersampling"]),
    ("dmc_walker_run", {}, [f"representation.state_{name}" for name in ("layers", "units", "scale")]),
    ("dmc_walker_run", STATE, ["representation.depth", "activation.conv", "renderer", "supersampling"]),
    # Discovery draws with the renderer, but does not supersample.
    ("dmc_walker_run", STATE | PIXELS, ["representation.depth", "activation.conv", "supersampling"]),
    ("dmc_walker_run", STATE | PIXELS | {"agent": "random"}, ["renderer", "supersampling"]),
    ("toy_reach_8", PLANNER, [f"behavior.{name}" for name in (*OF_ACTOR, *OF_VALUE, "value", "discount")]),
    ("toy_reach_8", PLANNER, ["behavior.discount_imagined", "optimizer.actor_rate", "optimizer.value_rate"]),
    ("toy_reach_8", NO_VALUE, [*(f"behavior.{name}" for name in (*OF_VALUE, "discount")), "optimizer.value_rate"]),
    (
        "toy_reach_8",
        {"agent": "random"},
        [
            *("precision", "jit", "behavior.horizon", "behavior.kind", "dynamics.kind", "dynamics.groups"),
            *("exploration.amount", "optimizer.model_rate", "train.batch_size", "replay.size", "replay.balance"),
        ],
    ),
    ("toy_reach_8", {"agent": "random", "dynamics.kind": "ed2", "dynamics.groups": "sd2"}, ["discovery.steps"]),
    ("toy_reach_8", {"agent": "d4pg"}, ["train.batch_length", "precision", "a3c.unroll", "exploration.duration"]),
    ("toy_reach_8", STATE | {"agent": "d4pg"}, ["d4pg.frames", "d4pg.shift"]),
    (
        "toy_reach_8",
        {"agent": "a3c"},
        [
            "train.pretrain",
            "train.every",
            "train.updates",
            "train.batch_size",
            "replay.size",
            "d4pg.atoms",
            "precision",
        ],
    ),
]


@pytest.mark.parametrize(("task", "layer", "key"), [(task, layer, key) for task, layer, keys in UNREAD for key in keys])
def test_what_is_not_read_is_no_part_of_the_identity(task: str, layer: dict[str, Any], key: str) -> None:
    one, other = (spec(task, settings=settings(each)) for each in (layer, {**layer, key: CHANGES[key]}))
    assert one.settings != other.settings
    assert one.identity == other.identity
    assert difference(one, other) == {}


@pytest.mark.parametrize(
    ("task", "layer", "key"),
    [
        ("toy_reach_8", PLANNER | {"continuation.predict": True}, "behavior.discount"),
        ("toy_reach_8", NO_VALUE | {"behavior.discount_imagined": True}, "behavior.discount"),
        ("toy_reach_8", PLANNER, "behavior.horizon"),
        ("toy_reach_8", {"dynamics.match_parameters": True}, "dynamics.groups"),
        ("toy_reach_8", {"agent": "random"}, "train.prefill"),
        ("toy_reach_8", {"agent": "random"}, "eval.episodes"),
        ("toy_reach_8", {"agent": "random"}, "action_repeat"),
        ("toy_reach_8", {"agent": "random"}, "observation"),
        ("toy_reach_8", {"agent": "d4pg"}, "d4pg.frames"),
        ("toy_reach_8", {"agent": "d4pg"}, "train.updates"),
        ("toy_reach_8", {"agent": "d4pg"}, "replay.sampling"),
        ("toy_reach_8", {"agent": "d4pg"}, "exploration.amount"),
        ("toy_reach_8", {"agent": "a3c"}, "train.prefill"),
        ("toy_reach_8", {"agent": "a3c"}, "envs"),
        ("dmc_walker_run", STATE | PIXELS, "renderer"),
    ],
)
def test_what_is_read_after_all_is_part_of_the_identity(task: str, layer: dict[str, Any], key: str) -> None:
    one, other = (spec(task, settings=settings(each)) for each in (layer, {**layer, key: CHANGES[key]}))
    assert one.identity != other.identity
    assert set(difference(one, other)) == {key}


def test_copy_of_settings_has_an_identity_of_its_own() -> None:
    one = settings({"dynamics.kind": "ed2"})
    before = spec(settings=one).identity
    other = one.model_copy(update={"dynamics": Settings().dynamics})
    assert spec(settings=other).identity == spec().identity != before


def test_every_setting_without_effect_exists() -> None:
    assert set(NO_EFFECT) <= set(SETTINGS.leaves)


def test_identity_is_of_the_task_and_seed_and_not_of_names() -> None:
    assert re.fullmatch("[0-9a-f]{16}", spec().identity.hash)
    assert spec(suite="x", variant="y").identity == spec().identity
    assert len({spec().identity, spec(seed=1).identity, spec(task="toy_reach_1").identity}) == 3
    assert difference(spec(), spec(task="toy_reach_1", seed=1)) == {
        "task": ("toy_reach_8", "toy_reach_1"),
        "seed": (0, 1),
    }


def test_identity_is_the_same_in_every_process() -> None:
    code = "from suites.identity import *; print(identify('toy_grid', 0, Settings()).hash)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                            cwd=Path(__file__).parents[2], env={"PYTHONHASHSEED": "7"})  # fmt: skip
    assert output.stdout.strip() == spec("toy_grid").identity.hash


layers = st.dictionaries(
    st.sampled_from(
        [*CHANGES, *["agent", "behavior.kind", "behavior.value", "dynamics.kind", "continuation.predict"] * 5]
    ),
    st.booleans(),
    max_size=12,
)


@given(layers, layers, st.sampled_from(["toy_reach_8", "dmc_walker_run", "atari_pong"]))
def test_runs_differ_just_where_their_hashes_do(one: dict[str, bool], other: dict[str, bool], task: str) -> None:
    """The order of keys does not matter either, since keys are drawn in any order."""
    specs = []
    for layer in (one, other):
        try:
            chosen = settings({key: CHANGES[key] if changed else DEFAULTS[key] for key, changed in layer.items()})
        except UserError:  # settings that contradict each other
            assume(False)
        specs.append(spec(task, settings=chosen))
    assert (specs[0].identity == specs[1].identity) == (difference(*specs) == {})


class OtherDefault(BehaviorSettings):
    horizon: int = 20


class OtherDefaults(Settings):
    """Future defaults."""

    behavior: OtherDefault = OtherDefault()


def test_default_that_changes_has_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is hashed if it differs from the first default, with which older files are read."""
    before = {horizon: spec(settings=settings({"behavior.horizon": horizon})).identity for horizon in (15, 20)}
    monkeypatch.setattr(identity, "FIRST_DEFAULTS", {"behavior.horizon": 15})
    for horizon in (15, 20):
        later = OtherDefaults.model_validate({"behavior": {"horizon": horizon}})
        assert identify("toy_reach_8", 0, later) == before[horizon]
    assert identify("toy_reach_8", 0, OtherDefaults()) == before[20]
    monkeypatch.setattr(identity, "FIRST_DEFAULTS", {"behavior.horizon": 7})
    text = re.sub(r" *horizon: \d+\n", "", spec().to_yaml())
    assert RunSpec.from_yaml(text).settings.behavior.horizon == 7
    assert RunSpec.from_yaml(spec().to_yaml()).settings.behavior.horizon == 15


def test_identity_is_found_in_a_spec_without_parsing_it() -> None:
    assert recorded_in(spec().to_yaml()) == spec().identity
    assert recorded_in("suite: s\nhash: 0123456789abcdef\nsettings:\n  steps: 1\n") == Identity("0123456789abcdef", 1)
    assert recorded_in("identity: 2\nhash: '0123456789012345'\n") == Identity("0123456789012345", 2)
    assert recorded_in("suite: s\nsettings: {}\n") is None


def test_identity_of_a_later_rule_is_never_taken_for_this_ones() -> None:
    assert not spec().is_same(Identity(spec().identity.hash, 3))
