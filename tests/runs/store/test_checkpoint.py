import logging
import os
from pathlib import Path

import numpy as np
import pytest

from runs.store.checkpoint import Checkpoint, Checkpoints


def checkpoint(value: int) -> Checkpoint:
    agent = {"model/kernel": np.full((3, 2), value, np.float32), "updates": np.array(value)}
    return Checkpoint(agent, {"actions/0": np.arange(value, dtype=np.float32)}, {"step": value, "mean": 0.1 + value})


def check(found: tuple[int, Checkpoint] | None, value: int) -> None:
    assert found is not None
    step, loaded = found
    assert step == value
    expected = checkpoint(value)
    assert loaded.progress == expected.progress
    for one, other in ((loaded.agent, expected.agent), (loaded.driver, expected.driver)):
        assert one.keys() == other.keys()
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
            assert array.dtype == other[name].dtype


def saved(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(step, checkpoint(step))
    return checkpoints


def test_newest_are_kept_and_read_back(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 900, 1000, 1100)  # compared as numbers, not as names
    check(checkpoints.newest(), 1100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1000", "1100"]
    assert [progress["step"] for progress in checkpoints.progresses()] == [1100, 1000]


def test_nothing_there(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").newest() is None
    assert not (tmp_path / "none").exists()


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    checkpoints.save(20, Checkpoint({}, {}, {"step": 20, "again": True}))
    found = checkpoints.newest()
    assert found is not None
    assert found[1].progress == {"step": 20, "again": True}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "20"]


def test_killed_between_the_two_renames_of_a_replacement(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    (tmp_path / "20").rename(tmp_path / "20.old")
    check(checkpoints.newest(), 20)


@pytest.mark.parametrize("name", ["agent.npz", "driver.npz", "progress.json", "checksums.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "empty", "fifo"])
def test_damage_falls_back_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: str
) -> None:
    checkpoints = saved(tmp_path, 10, 20)
    path = tmp_path / "20" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage in ("gone", "fifo"):
        path.unlink()
        if damage == "fifo":
            os.mkfifo(path)
    else:
        path.write_bytes({"cut": bytes(content[: len(content) // 2]), "flipped": bytes(content), "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        check(checkpoints.newest(), 10)
    assert "20 is damaged" in caplog.text
    checkpoints.clear(after=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "set_aside"]


def test_half_written_ones_are_never_seen(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10)
    (tmp_path / "10").rename(tmp_path / ".tmp-1-20")
    assert checkpoints.newest() is None
    assert not checkpoints
    checkpoints.clear(after=-1)
    assert list(tmp_path.iterdir()) == []
