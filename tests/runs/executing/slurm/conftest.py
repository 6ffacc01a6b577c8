from pathlib import Path

import pytest

from runs.executing import code_snapshot


@pytest.fixture(autouse=True)
def small_snapshots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of few files that ask no git, but where they are what is tested."""
    if Path(request.path).name != "test_snapshot.py":
        monkeypatch.setattr(code_snapshot, "source", lambda: {"commit": None, "diff": None})
        monkeypatch.setattr(code_snapshot, "_names", lambda: ["launch.py", "runs/executing/slurm/job.py"])
