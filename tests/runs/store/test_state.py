import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.lock import BusyError, held, is_held
from runs.store import state
from runs.store.state import State
from runs.watching import status_table
from runs.watching.jobs import Queue
from runs.watching.status import RunStatus, statuses
from tests.runs.standin import spec


def test_written_state_is_read_back(tmp_path: Path) -> None:
    state.write(tmp_path, State("failed", 5, 10, 1.5, error="oh", traceback="where"))
    found = state.read(tmp_path)
    assert (found.state, found.step, found.steps, found.return_) == ("failed", 5, 10, 1.5)
    assert (found.error, found.traceback) == ("oh", "where")
    assert found.heartbeat is not None
    assert json.loads((tmp_path / "state.json").read_text())["return"] == 1.5


def test_running_means_that_the_lock_is_held(tmp_path: Path) -> None:
    state.write(tmp_path, State("running", 7, 10))
    assert state.read(tmp_path).state == "pending"
    with held(tmp_path):
        assert state.read(tmp_path).state == "running"
    assert (state.read(tmp_path).state, state.read(tmp_path).step) == ("pending", 7)


def test_lock_ends_with_its_holder(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from common.lock import held\n"
    code += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert is_held(tmp_path)
    with pytest.raises(BusyError), held(tmp_path, patience=0.1):
        pass
    holder.kill()
    holder.communicate()
    assert not is_held(tmp_path)
    with held(tmp_path):
        pass


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["state", "step", "steps", "return", "fps", "heartbeat", "pid", "error", "signal", "other"])


@given(content=st.dictionaries(names, anything | st.just("done")).map(lambda x: json.dumps(x).encode()) | st.binary())
def test_foreign_files_are_survived(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "state.json").write_bytes(content)
    found = state.read(folder)
    assert found.state in ("pending", "running", "done", "failed")
    assert isinstance(found.step, int)
    json.dumps(found.return_, allow_nan=False)  # as `status --json` prints it


@pytest.mark.parametrize("number", [1e308, -1e308, 10**400, 2**60])
def test_numbers_that_no_run_has_are_unknown(tmp_path: Path, number: float) -> None:
    names = ("step", "steps", "return", "fps", "heartbeat", "pid")
    (tmp_path / "state.json").write_text(json.dumps(dict.fromkeys(names, number) | {"state": "running"}))
    assert state.recorded(tmp_path) == State("running")


def test_the_end_of_a_run_without_speed_is_unknown(tmp_path: Path) -> None:
    for fps in (5e-324, -1.0, 0.0):
        row = RunStatus(spec(), tmp_path, "running", State("running", 1, 400, fps=fps), None)
        assert row.eta is None
        status_table.table([row])


def test_statuses_follow_the_specs(tmp_path: Path) -> None:
    specs = [spec(seed) for seed in (3, 1, 2)]
    (specs[1].folder(tmp_path)).mkdir(parents=True)
    state.write(specs[1].folder(tmp_path), State("done", 400, 400, 12.5))
    specs[2].folder(tmp_path).mkdir(parents=True)
    (specs[2].folder(tmp_path) / "state.json").write_text('{"state": "runn')
    rows = statuses(specs, tmp_path, Queue(), 10.0)
    assert [(row.run.seed, row.state, row.recorded.step, row.steps, row.recorded.return_) for row in rows] == [
        (3, "pending", 0, 400, None),
        (1, "done", 400, 400, 12.5),
        (2, "pending", 0, 400, None),
    ]


def test_status_imports_nothing_heavy() -> None:
    code = (
        "import sys, runs.executing.dispatch, runs.executing.local, runs.watching.cancellation, runs.watching.logs; "
        "print({'tensorflow', 'numpy', 'mujoco', 'matplotlib', 'submitit', 'runs.executing.slurm'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
