"""The benchmark for GPUs at its smallest size, on the device that is there, so that it works when a GPU is."""

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu import PARTS, Numbers, main, measure, table

QUICK = ["device", "step rssm float32", "phase", "drawing", "policy", "equal bits", "packed"]


@pytest.fixture(scope="module")
def found() -> dict[str, Numbers]:
    return {part: measure(part, "debug", 600) for part in QUICK}


def test_every_part_gives_numbers(found: dict[str, Numbers]) -> None:
    assert not {part: numbers for part, numbers in found.items() if "failure" in numbers}
    assert all(rate > 0 for rate in found["device"]["matmul"].values())
    step = found["step rssm float32"]
    assert (step["dtype"], step["flops"] > 10**6, 0 < step["seconds"] < step["first"]) == ("float32", True, True)
    assert found["phase"]["steps"] == 100
    assert len(found["packed"]["seconds"]) == 2
    assert found["equal bits"]["metrics"]
    assert found["equal bits"]["differing"] == []
    assert all(cast > 0 for cast, _ in found["drawing"]["frames"].values())


def test_table_has_a_line_for_each_part(found: dict[str, Numbers]) -> None:
    shown = table(found)
    assert all(part in shown for part in QUICK if part != "drawing")
    lone: dict[str, Numbers] = {
        "device": {"name": "A GPU", "matmul": {"float16": 1e12}},
        "step ed2 mixed_float16 xla": {"seconds": 0.2, "first": 31.0, "flops": 10**11, "dtype": "float16"},
        "phase": {"collecting": 2.0, "learning": 3.0, "beside": 4.0, "steps": 1000},
        "packed": {"failure": "no time was left"},
    }
    assert table(lone).splitlines() == [
        "device: A GPU",
        "step ed2 mixed_float16 xla: 200.0 ms, the first 31.0 s; 50% of the matmul rate of float16",
        "phase in turns: 5.00 s, 720,000 environment steps an hour (goal: 1,000,000)",
        "phase beside: 4.00 s, 900,000 environment steps an hour (goal: 1,000,000)",
        "packed: no time was left",
    ]


def test_part_that_takes_too_long_or_fails_says_so() -> None:
    assert measure("device", "debug", 0.1) == {"failure": "more than 0 s"}
    assert measure("device", "no such preset", 60)["failure"].startswith("exit code")


def test_what_is_known_is_kept_after_each_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(part: str, preset: str, limit: float) -> Numbers:
        if part == "phase":
            raise KeyboardInterrupt
        return {"name": "Some (GPU) 80GB"} if part == "device" else {"failure": "none"}

    monkeypatch.setattr(gpu, "measure", interrupted)
    monkeypatch.setattr("sys.argv", ["gpu", "--preset", "debug", "--out", str(tmp_path)])
    with pytest.raises(KeyboardInterrupt):
        main()
    kept = json.loads((tmp_path / "gpu-some-gpu-80gb.json").read_text())
    assert list(kept) == ["preset", *list(PARTS)[: list(PARTS).index("phase")]]
