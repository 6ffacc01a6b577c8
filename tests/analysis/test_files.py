import json
import os
from pathlib import Path

import pytest

from analysis import files
from common import lock
from common.errors import UserError


def content(folder: Path) -> dict[str, str]:
    hidden = (files.MANIFEST, lock.NAME)
    return {path.name: path.read_text() for path in folder.iterdir() if path.name not in hidden}


def test_files_of_an_earlier_analysis_are_replaced_and_others_kept(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "analysis"
    assert files.write_all(folder, {"b.png": b"1", "a.csv": "2"}) == [folder / "b.png", folder / "a.csv"]
    (folder / "curves_of_mine.png").write_text("kept")
    (folder / "files.txt").write_text("curves_of_mine.png\na.csv\n")
    files.write_all(folder, {"a.csv": "3"})
    assert content(folder) == {
        "a.csv": "3", "curves_of_mine.png": "kept", "files.txt": "curves_of_mine.png\na.csv\n",
    }  # fmt: skip


def test_a_file_that_was_changed_since_is_neither_removed_nor_overwritten(tmp_path: Path) -> None:
    files.write_all(tmp_path, {"a.csv": "1", "b.csv": "2"})
    (tmp_path / "b.csv").write_text("my notes")
    files.write_all(tmp_path, {"a.csv": "3"})
    assert content(tmp_path) == {"a.csv": "3", "b.csv": "my notes"}
    with pytest.raises(UserError, match=r"that no analysis wrote, or that were changed since: b\.csv; move them away"):
        files.write_all(tmp_path, {"a.csv": "4", "b.csv": "5"})
    assert content(tmp_path) == {"a.csv": "3", "b.csv": "my notes"}


@pytest.mark.parametrize("listing", [files.MANIFEST, "files.txt"])
def test_a_list_that_no_analysis_wrote_removes_nothing(tmp_path: Path, listing: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    outside = tmp_path / "mine.png"
    for path in (outside, folder / "a.csv"):
        path.write_text("mine")
    names = ["a.csv", "../mine.png", ".."]
    (folder / listing).write_text(json.dumps({"files": names}) if listing == files.MANIFEST else "\n".join(names))
    before = content(folder)
    if listing == files.MANIFEST:
        with pytest.raises(UserError, match=files.MANIFEST):
            files.write_all(folder, {"b.csv": "1"})
        assert content(folder) == before
    else:
        files.write_all(folder, {"b.csv": "1"})
        assert content(folder) == {**before, "b.csv": "1"}
    assert outside.read_text() == "mine"


def test_names_outside_the_folder_are_never_removed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "a.csv"
    files.write_all(folder, {"a.csv": "1"})
    outside.write_text("1")
    manifest = json.loads((folder / files.MANIFEST).read_text())
    manifest["files"]["../a.csv"] = manifest["files"]["a.csv"]
    (folder / files.MANIFEST).write_text(json.dumps(manifest))
    files.write_all(folder, {"b.csv": "2"})
    assert outside.exists()
    assert content(folder) == {"b.csv": "2"}


def test_an_analysis_before_manifests_is_replaced(tmp_path: Path) -> None:
    names = [*sorted(files.ALWAYS), "old.png"]
    for name in names:
        (tmp_path / name).write_text("old")
    (tmp_path / "files.txt").write_text("".join(f"{name}\n" for name in names))
    files.write_all(tmp_path, dict.fromkeys(files.ALWAYS, "new"))
    assert {content(tmp_path)[name] for name in files.ALWAYS} == {"new"}
    assert content(tmp_path)["old.png"] == "old"


@pytest.mark.parametrize("killed_at", range(4))
def test_a_killed_analysis_is_replaced_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    """Whatever was written or removed before the kill, the next analysis knows it as its own."""
    files.write_all(tmp_path, {"a.csv": "1", "b.csv": "1"})
    calls, replace = [0], os.replace

    def deadly(*given: object) -> None:
        if calls[0] == killed_at:
            raise KeyboardInterrupt
        calls[0] += 1
        replace(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", deadly)
        with pytest.raises(KeyboardInterrupt):
            files.write_all(tmp_path, {"a.csv": "2", "c.csv": "2"})
    files.write_all(tmp_path, {"a.csv": "3"})
    assert content(tmp_path) == {"a.csv": "3"}


def test_half_written_files_of_a_kill_vanish(tmp_path: Path) -> None:
    files.write_all(tmp_path, {"a.csv": "1"})
    (tmp_path / ".tmp-1-a.csv").write_text("ha")
    (tmp_path / f".tmp-1-{files.MANIFEST}").write_text("{")
    (tmp_path / ".tmp-mine").write_text("kept")
    files.write_all(tmp_path, {"b.csv": "1"})
    assert content(tmp_path) == {"b.csv": "1", ".tmp-mine": "kept"}


def test_two_analyses_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    with lock.held(tmp_path), pytest.raises(UserError, match="another analysis has been writing to it"):
        files.write_all(tmp_path, {"a.csv": "1"})
    assert content(tmp_path) == {}
