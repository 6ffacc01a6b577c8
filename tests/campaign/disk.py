"""A full disk: a small tmpfs in a mount namespace of its own, which ends with the process.

Where namespaces or mounts are not allowed, the trials are skipped.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.campaign.trials import Trials
from tests.runs.standin import outcome, spec

ROOT = Path(__file__).parents[2]
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
FULL = "No space left on device"
SCRIPT = """
disk=$1 limit=$2 kept=$3
shift 3
mount -t tmpfs -o "$limit" none "$disk"
"$@" > "$kept/first" 2>&1 && echo 0 || echo $?
mount -o remount,size=64m,nr_inodes=10000 "$disk"
"$@" > "$kept/second" 2>&1 && echo 0 || echo $?
cp -r "$disk/results" "$kept"
"""


def full(trials: Trials, folder: Path) -> None:
    """A launcher without room for bytes or for files names the disk; with room, it takes the run up again."""
    disk = folder / "disk"
    disk.mkdir()
    if why := refusal(disk):
        trials.skip(f"no full disk was tried: {why}")
        return
    whole, size, files = measure(folder / "whole")
    for number in range(16):
        limit = f"size={trials.rng.randrange(4, size // 1024)}k"
        if number % 4 == 3:
            limit = f"nr_inodes={trials.rng.randrange(3, files + 3)}"
        with trials.trial(f"a launcher on a tmpfs with {limit}"):
            code, out, again, last = on_a_disk(disk, limit, folder / "kept")
            assert "\nTraceback" not in out, out
            if code != 0:
                assert FULL in out, out
                assert "--retry-failed" not in out, out
            assert again == 0, last
            assert outcome(spec().folder(folder / "kept" / "results")) == whole


def refusal(disk: Path) -> str:
    """Why a tmpfs cannot be mounted here; empty if it can."""
    if shutil.which(NAMESPACE[0]) is None:
        return "there is no unshare"
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", disk], capture_output=True, text=True)
    return tried.stderr.strip()


def measure(results: Path) -> tuple[object, int, int]:
    """The outcome of a run that nothing disturbs, its bytes and its files."""
    subprocess.run(launcher(results), cwd=ROOT, check=True, capture_output=True)
    paths = list(results.rglob("*"))
    return outcome(spec().folder(results)), sum(path.stat().st_size for path in paths), len(paths)


def launcher(results: Path) -> list[str]:
    """The command of a launcher of one toy run."""
    return [sys.executable, "-m", "tests.runs.launching", str(results), "1", "0"]


def on_a_disk(disk: Path, limit: str, kept: Path) -> tuple[int, str, int, str]:
    """Launches on a tmpfs with a limit, then again with room; exit codes and outputs. `kept` gets the results."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    command = [*NAMESPACE, "sh", "-euc", SCRIPT, "sh", str(disk), limit, str(kept), *launcher(disk / "results")]
    codes = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    first, second = ((kept / name).read_text() for name in ("first", "second"))
    return int(codes[0]), first, int(codes[1]), second
