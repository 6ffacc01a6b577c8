"""What a shell completes: a real bash, its completion function, and the real programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("argcomplete")

ROOT = Path(__file__).parents[2]
BASH = """
eval "$(register-python-argcomplete "$1")"
COMP_LINE="$2"
COMP_POINT=${#COMP_LINE}
COMP_TYPE=9
read -ra COMP_WORDS <<< "$COMP_LINE"
_python_argcomplete "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""
SUITE = (
    "{name: s, tasks: [toy_reach_1, toy_grid], seeds: 3, variants: {plain: {}, other: {}}, settings: {agent: random}}"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite and other files, and programs named as they are installed."""
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    for name, program in (("dreamer-launch", "launch.py"), ("dreamer-analyze", "analyze.py")):
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / program} "$@"\n')
        (tmp_path / name).chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    work = tmp_path / "work"
    (work / "results").mkdir(parents=True)
    (work / "small.yaml").write_text(SUITE)
    (work / "notes.txt").touch()
    return work


def completed(folder: Path, line: str) -> list[str]:
    """What bash offers at the end of a line; only what follows the last sign at which bash breaks words."""
    command = ["bash", "--norc", "-c", BASH, "bash", line.split()[0], line]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [word.strip() for word in done.stdout.splitlines() if word.strip()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dreamer-launch sta", ["status"]),
        ("dreamer-launch run small.yaml --dry", ["--dry-run"]),
        ("dreamer-launch status sm", ["small.yaml"]),
        ("dreamer-launch logs re", ["results/"]),
        ("dreamer-launch discover dmc_walker_w", ["dmc_walker_walk"]),
        ("dreamer-launch run small.yaml --set behavior.hor", ["behavior.horizon="]),
        ("dreamer-launch run small.yaml --set behavior.value=c", ["critic"]),
        ("dreamer-launch run small.yaml --slurm parti", ["partition="]),
        ("dreamer-launch run small.yaml --only va", ["variant="]),
        ("dreamer-launch run small.yaml --only variant=p", ["plain"]),
        ("dreamer-launch run small.yaml --only task=toy_g", ["toy_grid"]),
        ("dreamer-launch run notes.txt --only task=toy_g", []),
        ("dreamer-analyze small.yaml --norm", ["--normalization"]),
    ],
)
def test_bash_completes(folder: Path, line: str, words: list[str]) -> None:
    assert completed(folder, line) == words


def test_every_verb_and_only_suites_are_offered(folder: Path) -> None:
    verbs = ["validate", "run", "status", "cancel", "logs", "debug", "eval", "discover", "schema"]
    assert [word for word in completed(folder, "dreamer-launch ") if not word.startswith("-")] == verbs
    files = [word for word in completed(folder, "dreamer-launch validate ") if not word.startswith("-")]
    assert sorted(files) == ["results/", "small.yaml"]
