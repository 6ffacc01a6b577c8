import hashlib
import json
import logging
import math
import os
import shutil
import signal
import sys
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import envs
from common import lock
from common.errors import UserError
from common.lock import BusyError, held
from common.seeds import Stream, derive
from envs.parallel import WorkerError
from runs.store import state
from runs.store.checkpoint import Checkpoints
from runs.store.episodes import DamagedError, Name
from runs.store.provenance import attempts_of
from runs.store.stop import Stop
from runs.training.assemble import env_settings
from runs.training.attempt import run
from runs.training.loop import DivergedError
from runs.training.monitor import Stopped
from runs.training.progress import crossings
from runs.training.replay import TooShortError
from runs.watching import status_table
from runs.watching.status import RunStatus
from tests.runs.standin import FAULTS, SMALL, StandIn, metrics, spec

pytestmark = pytest.mark.usefixtures("stand_ins")


def values(folder: Path, name: str) -> list[tuple[int, Any]]:
    return [(line["step"], line[name]) for line in metrics(folder) if name in line]


@given(steps=st.lists(st.integers(1, 50), max_size=50), every=st.integers(1, 60))
def test_crossings_never_drift(steps: list[int], every: int) -> None:
    total, count = 0, 0
    for taken in steps:
        count += crossings(total, total + taken, every)
        total += taken
    assert count == total // every


def test_schedule_is_the_papers(tmp_path: Path) -> None:
    run(spec(), tmp_path)
    train = SMALL["train"]
    # Prefill ends at the first step from 100 on, here 100 itself; then updates fall due at multiples of 40.
    updates = values(tmp_path, "train/updates")
    expected = [0 if step < 100 else train["pretrain"] + train["updates"] * (step // 40 - 2) for step, _ in updates]
    assert [count for _, count in updates] == expected
    assert [step for step, _ in updates] == list(range(40, 401, 40))
    assert [step for step, _ in values(tmp_path, "eval/return")] == [100, 200, 300, 400]
    assert [step for step, _ in values(tmp_path, "train/return")] == list(range(48, 401, 48))
    assert all(length == 48 for _, length in values(tmp_path, "train/length"))
    assert len(list((tmp_path / "episodes").iterdir())) == 400 // 48
    assert sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir()) == [360, 400]


def test_uneven_steps_do_not_drift(tmp_path: Path) -> None:
    """Three environments with action repeat 7 take 21 steps at a time, and fewer where episodes end."""
    run(spec(action_repeat=7, envs=3, steps=500), tmp_path)
    last = [line for line in metrics(tmp_path) if "train/updates" in line][-1]
    train = SMALL["train"]
    after = values(tmp_path, "eval/return")[0][0]  # the step at which prefill ended
    assert last["train/updates"] == train["pretrain"] + train["updates"] * (last["step"] // 40 - after // 40)
    assert [step // 100 for step, _ in values(tmp_path, "eval/return")] == list(range(after // 100, 6))


def test_metrics_are_means_since_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    original = StandIn.train

    def train(self: StandIn, batch: Any) -> dict[str, float]:
        found = original(self, batch)
        seen.append(found["loss/model"])
        return found

    monkeypatch.setattr(StandIn, "train", train)
    run(spec(), tmp_path)
    lines = [line for line in metrics(tmp_path) if "train/updates" in line]
    counts = [0, *(line["train/updates"] for line in lines)]
    for line, first, last in zip(lines, counts, counts[1:], strict=False):
        assert ("loss/model" in line) == (last > first)
        if last > first:
            assert line["loss/model"] == pytest.approx(np.mean(seen[first:last]))


def test_replay_holds_what_the_agent_did(tmp_path: Path) -> None:
    run(spec(), tmp_path)
    for path in sorted((tmp_path / "episodes").iterdir()):
        with np.load(path) as episode:
            assert episode["image"].shape == (13, 64, 64, 3)
            assert not episode["action"][0].any()
            assert episode["action"][1:].any()
            assert (episode["reward"][0], episode["discount"][0]) == (0, 1)
            assert np.abs(episode["action"]).max() <= 1


@pytest.mark.parametrize("count", [1, 2])
def test_records_hold_the_action_that_led_to_their_image(tmp_path: Path, count: int) -> None:
    """An environment with the episode's seed and actions reproduces its images."""
    played = spec(envs=count)
    run(played, tmp_path)
    with envs.make_env(played.task, env_settings(played.settings)) as env:
        for path in sorted((tmp_path / "episodes").iterdir())[:6]:
            name = Name.parse(path.name)
            assert name is not None
            observation, _ = env.reset(seed=derive(played.seed, Stream.TRAIN, name.env, name.index // count))
            reward = 0.0
            with np.load(path) as episode:
                for t, action in enumerate(episode["action"]):
                    if t > 0:
                        observation, reward, *_ = env.step(action)
                    np.testing.assert_array_equal(episode["image"][t], observation["image"])
                    assert episode["reward"][t] == np.float32(reward)


def test_discrete_actions(tmp_path: Path) -> None:
    run(spec(task="toy_grid", train=SMALL["train"] | {"batch_length": 2}), tmp_path)
    for path in (tmp_path / "episodes").iterdir():
        with np.load(path) as episode:
            assert (episode["action"][1:].sum(-1) == 1).all()
            assert set(np.unique(episode["action"])) <= {0.0, 1.0}
            assert not episode["discount"][:-1].tolist().count(0)


def test_nan_fails_the_run_with_the_metrics_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAULTS, '{"0": "nan"}')
    with pytest.raises(DivergedError, match="loss/model is nan"):
        run(spec(), tmp_path)
    found = state.read(tmp_path)
    assert found.state == "failed"
    assert found.error is not None
    assert found.error.startswith("loss/model is nan at step")
    assert found.traceback is not None
    assert "DivergedError" in found.traceback
    assert list((tmp_path / "checkpoints").iterdir())
    monkeypatch.delenv(FAULTS)
    run(spec(), tmp_path)  # the last good checkpoint was kept
    assert state.read(tmp_path).state == "done"


@pytest.mark.parametrize(
    ("scale", "name", "value", "fails"),
    [
        (None, "gradient/model", math.inf, True),
        (2.0**15, "gradient/model", math.inf, False),
        (2.0**15, "gradient/model", math.nan, False),
        (1.0, "gradient/model", math.inf, True),
        (2.0**15, "loss/model", math.inf, True),
        (None, "openloop/other", math.inf, False),
    ],
)
def test_infinite_gradient_is_allowed_only_with_loss_scaling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float | None, name: str, value: float, fails: bool
) -> None:
    calls = 0

    def train(self: StandIn, batch: Any) -> dict[str, float]:
        nonlocal calls
        calls += 1
        scaled = {} if scale is None else {"optimizer/loss_scale": scale}
        return {name: value if calls % 2 else 3.0, **scaled}

    monkeypatch.setattr(StandIn, "train", train)
    if fails:
        with pytest.raises(DivergedError, match=name):
            run(spec(), tmp_path)
    else:
        run(spec(), tmp_path)
        averages = [average for _, average in values(tmp_path, name)]
        assert averages
        assert set(averages) == {3.0}


@pytest.mark.parametrize(("method", "period"), [("train", 5), ("policy", 17), ("report", 2)])
def test_stopped_run_saves_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, period: int
) -> None:
    """A stop request at any call, in training or evaluation, leaves no trace in the metrics."""
    run(spec(), tmp_path / "whole")
    original = getattr(StandIn, method)
    stop = Stop(tmp_path)
    calls = 0

    def stopping(self: StandIn, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % period == 1:
            stop(signal.SIGTERM)
        return original(self, *arguments)

    monkeypatch.setattr(StandIn, method, stopping)
    for _ in range(50):
        stop = Stop(tmp_path)
        try:
            run(spec(), tmp_path / "stopped", stop)
            break
        except Stopped:
            assert state.read(tmp_path / "stopped").state == "pending"
    assert calls > period
    assert metrics(tmp_path / "stopped") == metrics(tmp_path / "whole")
    ends = [Checkpoints(tmp_path / name / "checkpoints").newest() for name in ("whole", "stopped")]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0][0] == ends[1][0] == 400
    for name, array in ends[0][1].agent.items():
        np.testing.assert_array_equal(array, ends[1][1].agent[name])


def test_damaged_newest_checkpoint_falls_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(spec(), tmp_path / "whole")
    damaged = tmp_path / "damaged"
    shutil.copytree(tmp_path / "whole", damaged)
    (damaged / "checkpoints" / "400" / "agent.npz").write_bytes(b"rubbish")
    with caplog.at_level(logging.WARNING):
        run(spec(), damaged)
    assert "damaged" in caplog.text
    assert metrics(damaged) == metrics(tmp_path / "whole")
    first, second = attempts_of(damaged)
    [older] = {int(path.name) for path in (tmp_path / "whole/checkpoints").iterdir()} - {400}
    assert (first["step"], second["step"]) == (0, older)
    assert 0 < second["updates"] < Checkpoints(tmp_path / "whole/checkpoints").position()[1]


def test_without_usable_checkpoint_starts_from_scratch_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(spec(), tmp_path)
    before = metrics(tmp_path)
    for path in (tmp_path / "checkpoints").glob("*/progress.json"):
        path.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        run(spec(), tmp_path)
    assert "starting from scratch" in caplog.text
    assert metrics(tmp_path) == before
    [aside] = tmp_path.glob("set_aside-*")
    assert len(list((aside / "episodes").iterdir())) == len(list((tmp_path / "episodes").iterdir()))


@pytest.mark.parametrize("pretrain", [0, 3])
def test_episodes_that_cannot_be_read_end_the_run_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretrain: int
) -> None:
    """The stand-in reads them all to prepare itself."""

    def damaged(*_: Any) -> None:
        raise DamagedError("torn")

    monkeypatch.setattr("runs.training.replay.load", damaged)
    with pytest.raises(TooShortError, match="none of 0 episodes has"):
        run(spec(train=SMALL["train"] | {"pretrain": pretrain}, replay={"memory": 1e-9}), tmp_path)


def test_impossible_batch_length_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"batch_length = 14 is impossible.* at most 13 records"):
        run(spec(train=SMALL["train"] | {"batch_length": 14}), tmp_path)
    assert state.read(tmp_path).state == "failed"


def test_same_run_twice_at_once_is_refused(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(BusyError):
        run(spec(), tmp_path)
    assert not (tmp_path / "state.json").exists()


@pytest.mark.parametrize("at", ["policy", "train", "report"])
def test_who_lost_the_lock_writes_nothing_more(at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cleaner removed the lock file, and a second worker took the run over."""
    theirs = ExitStack()
    found: dict[Path, bytes] = {}
    original = getattr(StandIn, at)

    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def lose(agent: StandIn, *given: Any) -> Any:
        if not found and agent.updates > 8:
            (tmp_path / lock.NAME).unlink()
            theirs.enter_context(held(tmp_path))
            found.update(content())
        return original(agent, *given)

    monkeypatch.setattr(StandIn, at, lose)
    with theirs:
        with pytest.raises(BusyError, match="another process has taken"):
            run(spec(), tmp_path)
        assert content() == found


def test_a_removed_lock_file_that_nobody_took_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = StandIn.train

    def clean(agent: StandIn, batch: Any) -> Any:
        (tmp_path / lock.NAME).unlink(missing_ok=True)
        return original(agent, batch)

    monkeypatch.setattr(StandIn, "train", clean)
    run(spec(), tmp_path)
    assert state.read(tmp_path).state == "done"


def test_what_killed_writes_left_is_cleared_at_the_next_start(tmp_path: Path) -> None:
    left = [".tmp-7-spec.yaml", ".tmp-7-state.json", ".tmp-8-provenance.json"]
    for name in [*left, ".tmp-8-mine"]:
        (tmp_path / name).write_text("half")
    with held(tmp_path), pytest.raises(BusyError):
        run(spec(), tmp_path)
    assert {path.name for path in tmp_path.glob(".tmp-*")} == {*left, ".tmp-8-mine"}
    run(spec(), tmp_path)
    assert [path.name for path in tmp_path.glob(".tmp-*")] == [".tmp-8-mine"]


def stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped in the middle, with a checkpoint and some episodes."""
    stop, train = Stop(folder), StandIn.train

    def ask(agent: StandIn, batch: Any) -> Any:
        if agent.updates == 10:
            stop(signal.SIGTERM)
        return train(agent, batch)

    with monkeypatch.context() as patch:
        patch.setattr(StandIn, "train", ask)
        with pytest.raises(Stopped):
            run(spec(), folder, stop)


def test_damaged_metrics_are_said_in_the_state_and_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(spec(), tmp_path / "whole")
    folder = tmp_path / "damaged"
    stopped(folder, monkeypatch)
    path = folder / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run(spec(), folder)
    found = state.read(folder)
    assert found.state == "done"
    [loss] = found.damage or []
    assert "metrics.jsonl lost" in loss
    whole, left = metrics(tmp_path / "whole"), metrics(folder)
    assert len(left) < len(whole)
    assert all(line in whole for line in left)
    assert left[-1] == whole[-1]
    assert state.read(tmp_path / "whole").damage is None


def test_damage_stays_known_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was saved before anything else happened, so that no later line takes the place of a lost one."""
    stopped(tmp_path, monkeypatch)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[20:])
    with monkeypatch.context() as patch:
        patch.setattr(StandIn, "train", lambda *_: sys.exit("killed"))
        for _ in range(2):
            with pytest.raises(SystemExit):
                run(spec(), tmp_path)
    run(spec(), tmp_path)
    [loss] = state.read(tmp_path).damage or []
    assert "metrics.jsonl was changed" in loss or "metrics.jsonl lost" in loss


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_lost_episodes_are_said_in_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(tmp_path, monkeypatch)
    oldest = min((tmp_path / "episodes").glob("*.npz"))
    if damage == "gone":
        oldest.unlink()
    else:
        oldest.write_bytes(oldest.read_bytes()[:100])
    run(spec(), tmp_path)
    said = ["its replay lost 1 episode, the first is 000000"]
    assert state.read(tmp_path).damage == said
    row = RunStatus(spec(), tmp_path, "done", state.read(tmp_path), None)
    status_table.show([row])
    assert f"damaged: toy_reach_1/standin/0: {said[0]}" in capsys.readouterr().out
    assert status_table.to_json(row)["damage"] == said


def test_run_without_any_episode_left_is_refused_by_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(tmp_path, monkeypatch)
    for path in (tmp_path / "episodes").glob("*.npz"):
        path.unlink()
    for _ in range(2):
        with pytest.raises(UserError, match=r"episodes lost, and none of 6 records is left .* bring them back"):
            run(spec(), tmp_path)
    assert not state.read(tmp_path).traceback


def test_a_checkpoint_of_the_first_versions_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no digest and no losses."""
    run(spec(), tmp_path / "whole")
    folder = tmp_path / "before"
    stopped(folder, monkeypatch)
    for path in (folder / "checkpoints").iterdir():
        progress = json.loads((path / "progress.json").read_text())
        for name in ("digest", "damage", "lost"):
            del progress[name]
        content = json.dumps(progress).encode()
        (path / "progress.json").write_bytes(content)
        checksums = json.loads((path / "checksums.json").read_text())
        checksums["progress.json"] = hashlib.sha256(content).hexdigest()
        (path / "checksums.json").write_text(json.dumps(checksums))
    run(spec(), folder)
    assert metrics(folder) == metrics(tmp_path / "whole")
    assert state.read(folder).damage is None


def test_provenance_records_every_attempt(tmp_path: Path) -> None:
    stop = Stop(tmp_path)
    stop(signal.SIGTERM)
    with pytest.raises(Stopped):
        run(spec(), tmp_path, stop)
    run(spec(), tmp_path)
    recorded = json.loads((tmp_path / "provenance.json").read_text())
    assert {"commit", "diff", "versions", "host", "device", "renderer", "command"} <= recorded.keys()
    assert recorded["versions"]["numpy"] == np.__version__
    assert [attempt["reason"] for attempt in recorded["attempts"]] == ["stopped by SIGTERM", "done"]
    assert [(attempt["step"], attempt["updates"]) for attempt in recorded["attempts"]] == [(0, 0), (0, 0)]
    assert all(attempt["start"] <= attempt["end"] for attempt in recorded["attempts"])


@pytest.mark.parametrize(("task", "package"), [("atari_pong", "ale-py"), ("toy_reach_1", None)])
def test_provenance_names_the_packages_of_the_task(task: str, package: str | None, tmp_path: Path) -> None:
    run(spec(task=task), tmp_path)
    versions = json.loads((tmp_path / "provenance.json").read_text())["versions"]
    assert versions.keys() & {"ale-py", "dm_control", "mujoco", "numba"} == {package} - {None}
    if package:
        assert versions[package] == metadata.version(package)


def test_keyboard_interrupt_leaves_the_run_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: StandIn, batch: Any) -> dict[str, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(StandIn, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(spec(), tmp_path)
    assert state.read(tmp_path).state == "pending"


def test_dead_environment_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = StandIn.train

    def children() -> set[int]:
        return {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}

    before = children()

    def train(self: StandIn, batch: Any) -> dict[str, float]:
        workers = [pid for pid in children() - before if b"envs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        if self.updates == 0:
            os.kill(workers[0], signal.SIGKILL)
        return original(self, batch)

    monkeypatch.setattr(StandIn, "train", train)
    with pytest.raises(WorkerError, match="killed by SIGKILL"):
        run(spec(envs=2), tmp_path)
    assert state.read(tmp_path).state == "failed"


def test_steps_within_prefill(tmp_path: Path) -> None:
    run(spec(steps=60), tmp_path)
    assert [step for step, _ in values(tmp_path, "eval/return")] == [60]
    assert values(tmp_path, "train/updates")[-1][1] == 0


def test_state_records_step_and_return(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[state.State] = []
    original = state.write

    def write(folder: Path, now: state.State) -> None:
        recorded.append(now)
        original(folder, now)

    monkeypatch.setattr(state, "write", write)
    run(spec(record={"every": 40, "heartbeat": 1e-6}), tmp_path)
    assert [now.step for now in recorded] == sorted(now.step for now in recorded)
    assert {now.state for now in recorded[:-1]} == {"running"}
    final = state.read(tmp_path)
    assert (final.state, final.step, final.steps) == ("done", 400, 400)
    assert final.return_ == values(tmp_path, "eval/return")[-1][1]


def test_refusal_by_an_agent_is_reported_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise ValueError("continuous actions only")

    monkeypatch.setattr("agents.registry.make_agent", refuse)
    with pytest.raises(UserError, match=f"{spec().task}.*continuous actions only"):
        run(spec(), tmp_path)
    recorded = state.read(tmp_path)
    assert (recorded.state, recorded.traceback) == ("failed", "")


def test_a_checkpoint_that_the_agent_cannot_load_is_refused_by_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(spec(), tmp_path)

    def load(self: StandIn, arrays: Any) -> None:
        raise ValueError("encoder: unknown in the saved agent")

    monkeypatch.setattr(StandIn, "load", load)
    with pytest.raises(UserError, match=r"^toy_reach_1, standin: encoder: unknown in the saved agent$"):
        run(spec(steps=800), tmp_path)
    assert not state.read(tmp_path).traceback
