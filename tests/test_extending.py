"""The page on extending, followed step by step in a copy of the code: each recipe's files, changes and commands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()
COPIED = ("agents", "analysis", "common", "discovery", "envs", "runs", "suites", "tests", "launch.py", "analyze.py")
# Heading -> files that the recipe touches, tests and suites aside, and a file that its commands make.
RECIPES = {
    "An agent": ({"agents/hold.py", "agents/settings.py", "agents/registry.py"}, "results/hold/analysis/report.html"),
    "A task family": ({"envs/balance.py", "envs/registry.py"}, None),
    "An ablation": ({"agents/settings.py", "agents/behavior.py"}, None),
    "A figure or table": ({"analysis/results/worst.py", "analysis/results/__init__.py"}, "results/worst/worst.png"),
}


def blocks(heading: str) -> list[str]:
    """The code blocks under a heading, their indentation removed."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    [text] = [part for part in section if part.startswith(f"{heading}\n")]
    return [textwrap.dedent(code) for code in re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)]


def run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def follow(block: str, folder: Path) -> set[str]:
    """Does what a block asks for; returns the product's files that it touches."""
    if named := re.match(r"# (\S+\.(?:py|yaml))\n", block):
        (folder / named[1]).write_text(block[named.end() :])
        touched = {named[1]}
    elif block.startswith("--- a/"):
        (folder / "change.diff").write_text(block)
        run(["git", "apply", "change.diff"], folder)
        touched = {*re.findall(r"^\+\+\+ b/(\S+)", block, re.MULTILINE)}
    else:
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == ".venv/bin/python"
            run([sys.executable, *arguments], folder)
        touched = set()
    return {name for name in touched if not name.startswith(("tests/", "suites/"))}


@pytest.mark.parametrize("heading", RECIPES)
def test_recipe_works(heading: str, tmp_path: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "results" / "showcase" / "demo", tmp_path / "results" / "showcase" / "demo")
    shutil.copytree(ROOT / "results" / "published", tmp_path / "results" / "published")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    files, made = RECIPES[heading]
    touched: set[str] = set()
    for block in blocks(heading):
        touched |= follow(block, tmp_path)
    assert touched == files
    assert made is None or (tmp_path / made).exists()
