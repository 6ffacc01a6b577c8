import errno
import os
from pathlib import Path

import pytest

from common import files
from common.errors import UserError


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    files.write_text(path, "old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(path, "new")
    assert path.read_text() == "old"


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(UserError, match=r"state\.json: is a folder, where a file is written; move it away"):
        files.write_text(tmp_path / "state.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    files.write_text(tmp_path / "text", "ä\n")
    files.write_bytes(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "text").read_bytes() == "ä\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
    assert len(list(tmp_path.iterdir())) == 2


def test_only_plain_files_of_bounded_size_are_read(tmp_path: Path) -> None:
    """A FIFO that nobody writes to would be waited for, and a device might never end."""
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "fifo")
    assert files.read_bytes(tmp_path / "file", limit=5) == b"12345"
    for path, reason in (
        (tmp_path / "fifo", "no plain file"), (Path("/dev/null"), "no plain file"), (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file"),
    ):  # fmt: skip
        with pytest.raises(OSError, match=reason):
            files.read_bytes(path)
    with pytest.raises(OSError, match="larger than 4 bytes"):
        files.read_bytes(tmp_path / "file", limit=4)
    assert files.read_json(tmp_path / "fifo") is None


def test_what_killed_writes_left_is_cleared_by_name(tmp_path: Path) -> None:
    (tmp_path / ".tmp-7-[a]").write_text("half")
    (tmp_path / ".tmp-8-[a]").mkdir()
    (tmp_path / ".tmp-8-[a]" / "part").touch()
    (tmp_path / ".tmp-7-a").write_text("another's")
    files.clear_temporary(tmp_path, ["[a]"])
    assert [path.name for path in tmp_path.iterdir()] == [".tmp-7-a"]


def test_a_full_file_system_is_found_behind_other_errors() -> None:
    full, quota = OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota")
    behind = RuntimeError("behind")
    behind.__cause__ = full
    while_handling = ValueError("while handling")
    while_handling.__context__ = behind
    assert [files.no_room(error) for error in (full, quota, while_handling)] == [
        errno.ENOSPC, errno.EDQUOT, errno.ENOSPC,
    ]  # fmt: skip
    assert files.no_room(OSError(errno.EACCES, "denied")) is None
    assert files.no_room(None) is None
