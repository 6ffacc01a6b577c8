"""What agents of each kind compute stays what it was, to the last bit, whatever is moved around them.

A change of the arithmetic on purpose renews the pins, in a commit of its own that says why:

    rm -r tests/pinned/metrics; python -m tests.pinned.train tests/pinned/metrics
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pinned.train import METRICS, instructions, root

# Another processor has other kernels, which round otherwise; by the twentieth update that has grown to this.
ELSEWHERE = 1e-3


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pinned")
    command = [sys.executable, "-m", "tests.pinned.train", str(folder)]
    ran = subprocess.run(command, cwd=root(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return folder


@pytest.mark.parametrize("path", sorted(METRICS.rglob("*.jsonl")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_metrics_are_the_pinned_ones(path: Path, trained: Path) -> None:
    now = [json.loads(line) for line in (trained / path.relative_to(METRICS)).read_text().splitlines()]
    pinned = [json.loads(line) for line in path.read_text().splitlines()]
    assert [sorted(record) for record in now] == [sorted(record) for record in pinned]
    if (METRICS / "instructions.txt").read_text() == instructions():
        assert now == pinned
    else:
        for ours, theirs in zip(now, pinned, strict=True):
            for name, value in theirs.items():
                assert ours[name] == pytest.approx(value, rel=ELSEWHERE, abs=ELSEWHERE), (theirs["step"], name)


def test_each_pin_holds_twenty_updates_and_two_evaluations() -> None:
    for path in METRICS.rglob("*.jsonl"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        assert sum("eval/return" in record for record in records) == 2
        assert max(record.get("train/updates", 0) for record in records) == 20
