from pathlib import Path

import pytest

from analysis.paths import shown, shown_command


def test_paths_are_shown_without_the_folders_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "results/demo") == shown("results/demo") == "results/demo"
    assert shown("/somewhere/else/results/demo") == ".../demo"
    assert shown("/somewhere/else/suite/task/variant/0", parts=4) == ".../suite/task/variant/0"
    assert shown("/a", parts=4) == ".../a"


def test_a_command_is_shown_without_the_folders_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["analyze.py", str(tmp_path / "s.yaml"), "/elsewhere/runs", "--out=/elsewhere/x y", "--only", "variant=a/b"]
    assert shown_command(words) == "analyze.py s.yaml .../runs '--out=.../x y' --only variant=a/b"
