import os
from pathlib import Path

import pytest

from common import lock
from common.errors import UserError
from common.lock import BusyError, held, is_held


def test_a_removed_lock_file_is_made_anew(tmp_path: Path) -> None:
    with held(tmp_path) as ours:
        ours.check()
        (tmp_path / lock.NAME).unlink()
        assert not is_held(tmp_path)
        ours.check()
        assert is_held(tmp_path)
        with pytest.raises(BusyError), held(tmp_path, patience=0.0):
            pass
    assert not is_held(tmp_path)


def test_who_lost_the_lock_is_told_at_each_check(tmp_path: Path) -> None:
    with held(tmp_path) as ours:
        (tmp_path / lock.NAME).unlink()
        with held(tmp_path) as theirs:
            for _ in range(2):
                with pytest.raises(BusyError, match="its lock was removed, and another process has taken"):
                    ours.check()
            theirs.check()
        with pytest.raises(BusyError):  # the other one has ended, but the folder is no longer what it was
            ours.check()


def test_a_file_that_was_removed_before_it_was_locked_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, opened = lock.fcntl.flock, []

    def slow(descriptor: int, operation: int) -> None:
        opened.append(descriptor)
        if len(opened) == 1:
            (tmp_path / lock.NAME).unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(lock.fcntl, "flock", slow)
    with held(tmp_path) as ours:
        assert len(opened) == 2
        ours.check()
        assert is_held(tmp_path)


def test_a_folder_that_was_moved_is_lost(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with held(tmp_path / "run") as ours:
        (tmp_path / "run").rename(tmp_path / "moved")
        with pytest.raises(BusyError, match="is gone"):
            ours.check()


def test_a_fifo_is_no_lock(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / lock.NAME)
    assert not is_held(tmp_path)
    with pytest.raises(UserError, match="is no plain file; remove it"), held(tmp_path):
        pass
