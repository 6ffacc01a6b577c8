"""Discovering action groups: results on real tasks, and the cache on disk."""

import json
import logging
import re
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml

import envs
from agents.settings import DiscoverySettings
from common import files
from common.errors import UserError
from common.origin import ROOT
from discovery import sd2, store
from discovery.discovery import Discovery
from discovery.search import discover
from discovery.store import CORRELATIONS, GROUPS, MERGES, write_stability
from suites.groups import published

SHORT = DiscoverySettings(steps=600)  # the second chunk ends it in the middle, after three episodes of a toy
# Task -> steps, the least Rela of the merges that are made, and that of the next; from several seeds of 20,000 steps.
REAL = {
    "dmc_hopper_hop": (5000, 0.13, -0.26),
    "dmc_finger_spin": (5000, None, -0.57),
    "dmc_reacher_easy": (5000, None, -0.45),
    "dmc_cheetah_run": (5000, 0.16, -0.1),
    "dmc_humanoid_walk": (20_000, 0.03, -0.02),
}


def toy(results: Path, **settings: object) -> Discovery:
    return discover("toy_reach_4", SHORT.model_copy(update=settings), results)


def publication(task: str) -> list[list[int]]:
    """The groups of ED2's publication, sorted."""
    groups = published(task)
    assert groups is not None
    return sorted(map(sorted, groups))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("task", REAL)
def test_published_groups_are_found(task: str, tmp_path: Path) -> None:
    steps, accepted, rejected = REAL[task]
    found = discover(task, DiscoverySettings(steps=steps), tmp_path)
    assert found.groups == publication(task)
    margins = found.margins
    assert margins.rejected is not None
    assert margins.rejected < 0
    assert margins.rejected == pytest.approx(rejected, abs=0.15)
    assert margins.accepted == (None if accepted is None else pytest.approx(accepted, abs=0.06))


def test_walkers_published_groups_are_on_the_path_and_eta_0_is_close(tmp_path: Path) -> None:
    found = discover("dmc_walker_run", DiscoverySettings(steps=10_000), tmp_path)
    path = [sd2.groups(found.merges, 6, merge.rela) for merge in found.merges]
    assert path[2:4] == [publication("dmc_walker_run"), [[0, 1, 3, 4], [2, 5]]]
    assert found.merges[0].rela == pytest.approx(0.38, abs=0.06)
    assert found.merges[2].rela == pytest.approx(-0.02, abs=0.06)
    assert found.merges[3].rela == pytest.approx(-0.25, abs=0.06)
    assert found.action_names[:3] == ["right_hip", "right_knee", "right_ankle"]


@pytest.mark.parametrize("watched", ["state", "pixels"])
def test_independent_actuators_stay_alone(watched: str, tmp_path: Path) -> None:
    found = toy(tmp_path, input=watched)
    assert found.groups == [[0], [1], [2], [3]]
    assert found.names == [["lane 0"], ["lane 1"], ["lane 2"], ["lane 3"]]
    assert (found.correlations.argmax(0) == found.correlations.argmax(0)[0]).mean() < 0.5, "each moves its own"


def test_no_change_leads_from_one_episode_into_the_next(tmp_path: Path) -> None:
    """Targets are fixed within an episode, so they never change; bodies follow their actions."""
    found = toy(tmp_path)
    assert found.state_names == [f"position[{lane}]" for lane in range(4)]
    assert (np.diag(found.correlations) > 0.95).all()


def test_a_seed_gives_one_discovery_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = toy(tmp_path / "a"), toy(tmp_path / "b"), toy(tmp_path / "a", seed=1)
    np.testing.assert_array_equal(first.correlations, again.correlations)
    assert first.merges == again.merges
    assert first.merges != other.merges
    for name in (CORRELATIONS, MERGES, GROUPS):
        assert (first.folder / name).read_bytes() == (again.folder / name).read_bytes()


def test_actions_are_uniform_and_held_for_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    original = sd2.Correlation.update

    def spy(self: sd2.Correlation, actions: np.ndarray, changes: np.ndarray) -> None:
        seen.append(actions.copy())
        original(self, actions, changes)

    monkeypatch.setattr(sd2.Correlation, "update", spy)
    ticks: list[int] = []
    discover("toy_reach_2", SHORT, tmp_path, ticks.append)
    drawn = np.concatenate(seen)
    assert drawn.shape == (600, 2)
    assert ticks == [250, 500, 600]
    counts, _ = np.histogram(drawn, bins=4, range=(-1, 1))
    np.testing.assert_allclose(counts, 300, atol=60)


def test_folder_records_groups_margins_and_provenance(tmp_path: Path) -> None:
    found = toy(tmp_path, eta=-0.5)
    assert found.folder == tmp_path / "sd2" / "toy_reach_4" / "state_600_eta-0.5_seed0"
    written = yaml.safe_load((found.folder / GROUPS).read_text())
    assert written["groups"] == found.groups
    assert written["names"] == found.names
    assert written["margins"] == {"accepted": found.margins.accepted, "rejected": found.margins.rejected}
    assert {name: written["source"][name] for name in ("input", "steps", "seed")} == {
        "input": "state",
        "steps": 600,
        "seed": 0,
    }
    provenance = json.loads((found.folder / "provenance.json").read_text())
    assert {"commit", "dirty", "versions", "host", "cpu", "command", "start", "end", "renderer"} <= set(provenance)
    header, *rows = (found.folder / CORRELATIONS).read_text().splitlines()
    assert header == "action,position[0],position[1],position[2],position[3]"
    assert [row.split(",")[0] for row in rows] == ["lane 0", "lane 1", "lane 2", "lane 3"]
    assert (found.folder / MERGES).read_text().splitlines()[0] == "a,b,rela"


@pytest.mark.parametrize(
    ("eta", "name"),
    [(0.0, "0"), (-0.0, "0"), (0.1, "0.1"), (-1.5, "-1.5"), (1e-5, "0.00001"), (0.12345678912, "0.12345678912")],
)
def test_every_eta_has_its_folder(eta: float, name: str) -> None:
    assert store.key(DiscoverySettings(eta=eta)) == f"state_20000_eta{name}_seed0"


def test_cached_discovery_is_read_without_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = toy(tmp_path)
    before = contents(found.folder)
    monkeypatch.delattr(envs, "make_env")
    again = toy(tmp_path)
    np.testing.assert_array_equal(again.correlations, found.correlations)
    assert (again.merges, again.groups, again.names) == (found.merges, found.groups, found.names)
    assert (again.action_names, again.state_names) == (found.action_names, found.state_names)
    assert contents(found.folder) == before


def test_names_of_one_task_share_a_discovery(tmp_path: Path) -> None:
    found = discover("dmc_cup_catch", SHORT, tmp_path)
    assert found.folder == discover("dmc_ball_in_cup_catch", SHORT, tmp_path).folder
    assert [path.name for path in (tmp_path / "sd2").iterdir()] == ["dmc_ball_in_cup_catch"]
    versions = json.loads((found.folder / "provenance.json").read_text())["versions"]
    assert versions["dm_control"] == metadata.version("dm_control")
    assert {"mujoco", "numba", "numpy"} <= versions.keys()


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "a line short": lambda path: path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1])),
    "cut off": lambda path: path.write_text(path.read_text()[:-3]),
    "no numbers": lambda path: path.write_text("action,position[0]\nlane 0,x\n"),
    "not a number": lambda path: path.write_text(path.read_text().replace("0.", "nan,", 1)),
    "out of range": lambda path: path.write_text("action,a\n0,1\n1,1\n2,1\n3,nan\n"),
    "empty": lambda path: path.write_text(""),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_and_repaired(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = toy(tmp_path)
    before = contents(found.folder)
    DAMAGES[damage](found.folder / CORRELATIONS)
    with caplog.at_level(logging.WARNING):
        again = toy(tmp_path)
    assert "is damaged" in caplog.text
    assert again.merges == found.merges
    after = contents(found.folder)
    assert {name: after[name] for name in (CORRELATIONS, MERGES, GROUPS)} == {
        name: before[name] for name in (CORRELATIONS, MERGES, GROUPS)
    }
    assert [path.name for path in found.folder.parent.iterdir()] == [found.folder.name]


CHANGES = {
    "missing": lambda path: path.unlink(),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "changed": lambda path: path.write_text(path.read_text().replace("1", "2")),
    "added to": lambda path: path.write_text(path.read_text() + "more\n"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("name", [MERGES, GROUPS])
@pytest.mark.parametrize("change", CHANGES)
def test_files_that_do_not_match_the_correlations_are_rewritten(
    change: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = toy(tmp_path)
    before = contents(found.folder)
    CHANGES[change](found.folder / name)
    monkeypatch.delattr(envs, "make_env")  # without a step
    with caplog.at_level(logging.WARNING):
        assert toy(tmp_path).groups == found.groups
    assert f"{name} did not match correlations.csv: rewritten" in caplog.text
    assert contents(found.folder) == before


def test_another_machines_rounding_is_no_change(tmp_path: Path) -> None:
    found = toy(tmp_path)
    for name in (MERGES, GROUPS):
        path = found.folder / name
        path.write_text(re.sub(r"(-?\d\.\d{11})\d+", r"\1", path.read_text()))
    before = contents(found.folder)
    toy(tmp_path)
    assert contents(found.folder) == before


def test_folder_that_cannot_be_written_still_gives_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    found = toy(tmp_path)
    (found.folder / GROUPS).unlink()
    monkeypatch.setattr(files, "write_text", refuse)
    assert toy(tmp_path).groups == found.groups
    assert "cannot be rewritten" in caplog.text


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_file_in_the_place_of_a_folder_is_named(kind: str, depth: int, tmp_path: Path) -> None:
    folder = tmp_path / "sd2" / "toy_reach_4" / store.key(SHORT)
    place = [folder, *folder.parents][depth]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch() if kind == "file" else place.symlink_to("nowhere")
    with pytest.raises(UserError, match=rf"^{re.escape(str(place))}: exists where .* belongs; remove it$"):
        toy(tmp_path)
    assert list(place.parent.iterdir()) == [place]


def test_pictures_have_pixels_at_their_places(tmp_path: Path) -> None:
    found = toy(tmp_path, input="pixels")
    pictures = found.pictures
    assert pictures.shape == (4, 64, 64, 3)
    assert np.count_nonzero(~np.isnan(pictures[0])) == len(found.state_names)
    for name, column in zip(found.state_names, found.correlations.T, strict=True):
        row, side, channel = map(int, name.removeprefix("pixel[").removesuffix("]").split(","))
        np.testing.assert_array_equal(pictures[:, row, side, channel], column)


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    def stop(steps: int) -> None:
        if steps >= 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discover("toy_reach_4", SHORT, tmp_path, stop)
    assert not list((tmp_path / "sd2" / "toy_reach_4").iterdir())


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files.write_file

    def full(path: Path, data: bytes) -> None:
        if path.name == GROUPS:
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(files, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        toy(tmp_path)
    assert not list((tmp_path / "sd2" / "toy_reach_4").iterdir())


def test_a_kill_between_two_files_leaves_no_discovery(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from agents.settings import DiscoverySettings
from common import files
from discovery.search import discover
write = files.write_file
def killed(path, data):
    if path.name == "groups.yaml":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, data)
files.write_file = killed
discover("toy_reach_4", DiscoverySettings(steps=600), Path({str(tmp_path)!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    folder = tmp_path / "sd2" / "toy_reach_4"
    assert all(path.name.startswith(files.TEMPORARY) for path in folder.iterdir())
    assert toy(tmp_path).groups == [[0], [1], [2], [3]]


def test_the_first_of_two_at_once_wins(tmp_path: Path) -> None:
    theirs = toy(tmp_path / "theirs")
    mark = theirs.folder / "mark"
    mark.touch()
    mine = tmp_path / "mine" / "sd2" / "toy_reach_4"

    def finish_first(steps: int) -> None:
        if steps == 500:
            shutil.copytree(theirs.folder, mine / theirs.folder.name)

    found = discover("toy_reach_4", SHORT, tmp_path / "mine", finish_first)
    assert found.merges == theirs.merges
    assert [path.name for path in mine.iterdir()] == [theirs.folder.name]
    assert (found.folder / "mark").exists()


def test_stability_is_written_next_to_the_discoveries(tmp_path: Path) -> None:
    found = [toy(tmp_path, seed=seed) for seed in (3, 0, 1)]
    write_stability(found)
    path = tmp_path / "sd2" / "toy_reach_4" / "stability_state_600_eta0_seeds0-1,3.csv"
    header, *rows = path.read_text().splitlines()
    assert header == "action,lane 0,lane 1,lane 2,lane 3"
    assert rows[1] == "lane 1,0.0,1.0,0.0,0.0"


def test_one_action_is_one_group(tmp_path: Path) -> None:
    found = discover("toy_reach_1", SHORT, tmp_path)
    assert (found.groups, found.merges, found.margins) == ([[0]], [], sd2.Margins(None, None))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("toy_grid", "toy_grid has discrete actions"),
        ("gym_package:Maze-v0", "the actions of gym_package:Maze-v0 are not known before it is made"),
        ("dmc_cheeta_run", "unknown task dmc_cheeta_run; .*; did you mean dmc_cheetah_run?"),
    ],
)
def test_task_without_continuous_actions_is_refused(task: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        discover(task, SHORT, tmp_path)
    assert not list(tmp_path.iterdir())


def test_missing_renderer_is_a_users_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.renderer._imported_with_other", lambda chosen: "no such library")
    settings = SHORT.model_copy(update={"input": "pixels"})
    with pytest.raises(UserError, match="renderer egl cannot be used here: no such library"):
        discover("dmc_reacher_easy", settings, tmp_path, renderer="egl")
