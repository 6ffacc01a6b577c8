"""The architecture keeps its rules: who imports whom, and a lock file that is true, complete and free of addresses."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PACKAGES = {"agents", "analysis", "common", "discovery", "envs", "runs", "suites"}
LOCKS = ("requirements.lock", "requirements-gpu.lock")


def test_import_rules_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("program", "allowed"),
    [
        ("launch.py", {"common", "suites", "runs", "discovery", "analysis"}),
        ("analyze.py", {"common", "suites", "discovery", "analysis"}),
    ],
)
def test_programs_use_their_own_packages(program: str, allowed: set[str]) -> None:
    imported = set()
    for node in ast.walk(ast.parse((ROOT / program).read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert imported & PACKAGES <= allowed


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_address_and_hashes_every_pin(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|file:", text)
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", block, re.DOTALL), block


@pytest.mark.parametrize(("lock", "extra"), zip(LOCKS, ("dev", "gpu"), strict=True))
def test_lock_satisfies_pyproject(lock: str, extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE):
        pins.setdefault(name.lower().replace("_", "-"), []).append(Version(version))
    for line in project["dependencies"] + project["optional-dependencies"][extra]:
        wanted = Requirement(line)
        versions = pins.get(wanted.name.lower().replace("_", "-"), [])
        assert versions, f"{line} is not in {lock}: run make lock"
        assert all(version in wanted.specifier for version in versions), f"{line} but {lock} has {versions}"
