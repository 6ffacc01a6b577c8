import os
import threading
import time
from pathlib import Path

import pytest

from common import lock
from common.errors import UserError
from runs.store import state
from runs.store.run import OUTPUT, Run
from runs.store.run_folder import write_spec
from runs.watching import batches, logs
from runs.watching.batches import BATCHES
from tests.runs.standin import spec


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(spec(), spec().folder(tmp_path))


def test_output_is_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_spec(run.spec, run.folder)
    (run.folder / OUTPUT).write_bytes(b"one\ntwo\xff")
    logs.show(run.folder, follow=False)
    captured = capsys.readouterr()
    assert captured.out == "one\ntwo�"
    assert str(run.folder / OUTPUT) in captured.err


def test_control_characters_are_escaped(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_spec(run.spec, run.folder)
    (run.folder / OUTPUT).write_bytes(b"a\tb\r\n\x1b]0;title\x07 \xc2\x9b1m\n50 %\r100 %\n")
    logs.show(run.folder, follow=False)
    assert capsys.readouterr().out == "a\tb\n\\x1b]0;title\\x07 \\x9b1m\n50 %\\r100 %\n"


def test_log_of_the_job_is_shown_if_the_run_never_started(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    suite = run.folder.parents[2]
    other = Run(spec(1), spec(1).folder(suite.parent))
    old, new = (suite / BATCHES / name for name in ("a", "b"))
    batches.write(old, [[run]], "x")
    (old / "7_0_log.out").write_text("an older job")
    os.utime(old / "7_0_log.out", (1, 1))
    batches.write(new, [[other], [run]], "x")
    (new / "8_0_0_log.out").write_text("another's")
    (new / "8_1_0_log.out").write_text("srun: error: no such file")
    logs.show(run.folder, follow=False)
    assert capsys.readouterr().out == "srun: error: no such file"


def test_no_log_is_an_error_in_one_line(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no log: it has not started"):
        logs.show(run.folder, follow=False)
    with pytest.raises(UserError, match="no run folder; expected"):
        logs.show(Path("/tmp"), follow=False)


def test_following_prints_what_comes_until_the_run_ends(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "POLL", 0.01)
    monkeypatch.setattr(logs, "ASK", 0.0)
    write_spec(run.spec, run.folder)

    def work() -> None:
        with lock.held(run.folder), (run.folder / OUTPUT).open("w", buffering=1) as output:
            state.write(run.folder, state.State("running"))
            started.set()
            for number in range(5):
                time.sleep(0.05)
                output.write(f"{number}\n")
            state.write(run.folder, state.State("done"))

    started = threading.Event()
    worker = threading.Thread(target=work)
    worker.start()
    started.wait()
    logs.show(run.folder, follow=True)
    worker.join()
    assert capsys.readouterr().out == "0\n1\n2\n3\n4\n"
