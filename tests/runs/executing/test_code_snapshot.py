"""Snapshots of real checkouts: this one, and copies of it with and without git."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.origin import SNAPSHOT
from runs.executing import code_snapshot

ROOT = Path(__file__).parents[3]
TAKE = """
import sys
from pathlib import Path
from runs.executing import code_snapshot
print(code_snapshot.take(Path(sys.argv[1])))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code without git."""
    copy = tmp_path / "checkout"
    for name in code_snapshot.CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def take(checkout: Path, results: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", TAKE, str(results)], cwd=checkout, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def python(folder: Path, code: str) -> str:
    command = [sys.executable, "-P", "-c", code]
    environment = {"PYTHONPATH": str(folder)}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True).stdout.strip()


def test_snapshot_holds_the_code_as_it_is(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "init", "--quiet")
    (checkout / ".gitignore").write_text("*.log\n/results/*\n")
    (checkout / "results").mkdir()
    (checkout / "results" / "kept.csv").write_text("1")
    git(checkout, "add", "--all", "--force", "results")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "first")
    (checkout / "common" / "seeds.py").write_text("edited = True\n")
    (checkout / "agents" / "new.py").write_text("fresh = True\n")
    (checkout / "noise.log").write_text("ignored")
    (checkout / "runs" / "training" / "progress.py").unlink()

    results = tmp_path / "out"
    taken = take(checkout, results)
    assert (taken / "common" / "seeds.py").read_text() == "edited = True\n"
    assert (taken / "agents" / "new.py").exists()
    assert not (taken / "noise.log").exists()
    assert not (taken / "results").exists()
    assert not (taken / "runs" / "training" / "progress.py").exists()
    origin = json.loads((taken / SNAPSHOT).read_text())
    assert origin["commit"] == git(checkout, "rev-parse", "HEAD")
    assert origin["dirty"] is True
    assert "edited = True" in origin["diff"]
    assert origin["untracked"] == ["agents/new.py"]

    # Code in the snapshot reports its origin from the snapshot, not from a git repository around it.
    git(tmp_path, "init", "--quiet")
    reported = python(taken, "import json; from common.origin import source; print(json.dumps(source()))")
    assert json.loads(reported) == origin

    assert take(checkout, results) == taken  # equal code is stored once
    (checkout / "agents" / "new.py").write_text("fresh = False\n")
    assert take(checkout, results) != taken
    assert (taken / "agents" / "new.py").read_text() == "fresh = True\n"


def test_code_that_git_does_not_know_is_found(checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")  # an unrelated repository around it
    (tmp_path / ".gitignore").write_text("checkout/\n")
    (checkout / "notes.txt").write_text("not part of the code")
    taken = take(checkout, tmp_path / "out")
    names = {path.name for path in taken.iterdir()}
    assert names == {*code_snapshot.CODE, SNAPSHOT}
    assert python(taken, "import runs.training.worker; print(runs.training.worker.__file__)") == str(
        taken / "runs" / "training" / "worker.py"
    )


def test_prune_keeps_what_is_needed(tmp_path: Path) -> None:
    kept, old, torn = (tmp_path / code_snapshot.FOLDER / name for name in ("kept", "old", ".tmp-12-torn"))
    for folder in (kept, old, torn):
        (folder / "runs").mkdir(parents=True)
    (tmp_path / code_snapshot.FOLDER / ".lock").touch()
    code_snapshot.prune(tmp_path, ["kept"])
    assert {path.name for path in (tmp_path / code_snapshot.FOLDER).iterdir()} == {"kept", ".lock"}
