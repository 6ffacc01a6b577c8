"""The action groups that a run settles on and keeps."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import vision
from agents.cost import TOLERANCE, parameters, world_model
from common.errors import UserError
from runs.training.resolve_groups import kept, random_groups, recall, settle
from suites.plan import RunSpec
from suites.suite import Settings

IMAGES = {"image": vision.SPEC}
WALKER = [[0, 1, 3, 4], [2], [5]]


def spec(task: str = "dmc_walker_run", seed: int = 0, **dynamics: Any) -> RunSpec:
    settings = Settings.model_validate({"dynamics": {"kind": "ed2", **dynamics}, "discovery": {"steps": 300}})
    return RunSpec("suite", task, "ed2", seed, settings)


def groups(run: RunSpec, folder: Path) -> Any:
    return settle(run, IMAGES, folder, lambda _: None).dynamics.groups


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("published", WALKER),
        ("single", [[0, 1, 2, 3, 4, 5]]),
        ("full", [[0], [1], [2], [3], [4], [5]]),
        ([[5, 4], [0, 1, 2, 3]], [[5, 4], [0, 1, 2, 3]]),
    ],
)
def test_groups_are_settled_by_name_or_list(setting: Any, expected: Any, tmp_path: Path) -> None:
    assert groups(spec(groups=setting), tmp_path) == expected


@pytest.mark.parametrize(
    "dynamics", [{}, {"groups": "random"}, {"match_parameters": True}, {"kind": "rssm", "match_parameters": True}]
)
def test_what_a_checkpoint_keeps_is_what_was_settled(dynamics: dict[str, Any], tmp_path: Path) -> None:
    run = spec(**dynamics)
    settled = settle(run, IMAGES, tmp_path, lambda _: None)
    again = recall(run.settings, json.loads(json.dumps(kept(settled))))
    assert again == settled
    assert settle(RunSpec("suite", run.task, "ed2", 0, again), IMAGES, tmp_path, lambda _: None) == settled


def test_groups_that_fit_no_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"toy_grid, ed2: .* discrete"):
        groups(spec("toy_grid", groups="sd2"), tmp_path)
    with pytest.raises(UserError, match=r"dmc_walker_run, ed2: .* index 5 is missing"):
        groups(spec(groups=[[0, 1], [2, 3, 4]]), tmp_path)


def test_plain_runs_have_no_groups(tmp_path: Path) -> None:
    run = spec(kind="rssm")
    assert settle(run, IMAGES, tmp_path, lambda _: None) is run.settings
    assert list(tmp_path.iterdir()) == []


def test_a_folder_outside_of_any_results_keeps_its_discovery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path("a"), Path("/") / tmp_path.relative_to("/")):
        folder.mkdir(exist_ok=True)
        assert groups(spec("toy_reach_1", groups="sd2"), folder) == [[0]]
        assert (folder / "sd2" / "toy_reach_1").is_dir()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_random_groups_are_a_partition_of_the_sizes(sizes: list[int], seed: int) -> None:
    found = random_groups(sizes, seed)
    assert [len(group) for group in found] == sizes
    assert sorted(index for group in found for index in group) == list(range(sum(sizes)))
    assert random_groups(sizes, seed) == found


def test_random_groups_differ_between_seeds(tmp_path: Path) -> None:
    found = []
    for seed in range(5):
        (tmp_path / str(seed)).mkdir()
        found.append(groups(spec(seed=seed, groups="random"), tmp_path / str(seed)))
    assert {tuple(map(len, partition)) for partition in found} == {(4, 1, 1)}
    assert len({str(partition) for partition in found}) > 1


def test_runs_share_what_was_discovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they observe."""
    ticks: list[int] = []
    for seed, observation in enumerate(("image", "state")):
        run = spec("toy_reach_2", seed, groups="sd2")
        run = replace(run, settings=run.settings.model_copy(update={"observation": observation}))
        folder = run.folder(tmp_path)
        folder.mkdir(parents=True)
        assert settle(run, IMAGES, folder, ticks.append).dynamics.groups == [[0], [1]]
        assert ticks == sorted(set(ticks))  # the second run took no step
    assert len(list((tmp_path / "sd2" / "toy_reach_2").iterdir())) == 1
    # Without published sizes, random groups have the sizes of the discovered ones.
    run = spec("toy_reach_2", groups="random")
    (tmp_path / "aside").mkdir()
    assert sorted(groups(run, tmp_path / "aside")) == [[0], [1]]


@pytest.mark.parametrize("kind", ["ed2", "rssm"])
def test_matched_runs_have_as_many_weights_as_the_other_kind(kind: str, tmp_path: Path) -> None:
    matched = settle(spec(kind=kind, match_parameters=True), IMAGES, tmp_path, lambda _: None)
    other = Settings.model_validate({"dynamics": {"kind": "rssm" if kind == "ed2" else "ed2", "groups": WALKER}})
    goal = parameters(world_model(other, IMAGES, 6))
    assert abs(parameters(world_model(matched, IMAGES, 6)) - goal) < TOLERANCE * goal
    assert (matched.dynamics.deterministic < 200) == (kind == "ed2")
