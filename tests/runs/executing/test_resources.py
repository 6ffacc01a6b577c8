import os
from pathlib import Path

import pytest

from runs.executing import resources as shares
from runs.executing.resources import THREADS, share


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Eight cores, no GPU, no Slurm."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(shares, "DRIVER", tmp_path / "absent")
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)


def threads(places: int) -> set[str]:
    return {share(0, places)[name] for name in THREADS}


def devices(places: int) -> list[str | None]:
    return [share(place, places).get("CUDA_VISIBLE_DEVICES") for place in range(places)]


def test_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [threads(places) for places in (1, 2, 3, 20)] == [{"8"}, {"4"}, {"2"}, {"1"}]
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")  # if the cluster does not bind processes to cores
    assert threads(2) == {"2"}
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "64")  # if it does, the affinity mask counts
    assert threads(1) == {"8"}


@pytest.mark.parametrize(
    ("visible", "places", "expected"),
    [
        ("3", 1, [None]),
        ("0,1", 1, [None]),
        ("3", 2, ["3", "3"]),
        ("0,1", 2, ["0", "1"]),
        ("GPU-aa, GPU-bb", 3, ["GPU-aa", "GPU-bb", "GPU-aa"]),
        ("0,1,2", 2, ["0,2", "1"]),
        ("", 2, [None, None]),
        (None, 2, [None, None]),
    ],
)
def test_each_process_has_its_gpu(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, places: int, expected: list[str | None]
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices(places) == expected


def test_gpus_of_the_machine_are_found_without_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shares, "DRIVER", tmp_path)
    for name in ("0000:18:00.0", "0000:3b:00.0"):
        (tmp_path / name).mkdir()
    assert devices(3) == ["0", "1", "0"]
