"""A run without TensorFlow: an agent in plain numpy, for fast tests of everything around the agent.

As a program it is a worker (`python -m tests.runs.standin <folder>`) whose agent has the faults in FAULTS: a JSON
object of seed -> nan | raise | sigkill | full | wait. With `full`, the disk has no room from then on, also for
output. With `wait`, the agent waits in the middle of its run until the worker
is asked to stop or the file in GATE exists, so that tests know the progress of a run on a machine of any speed.
"""

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.agent import ActionSpec, Arrays, Batch, Observations, ObservationSpec, PolicyState, Report
from common.seeds import Stream, generator
from runs.store.stop import Stop
from runs.training.replay import Replay, Snapshot
from suites.plan import RunSpec
from suites.suite import Settings

FAULTS = "STANDIN_FAULTS"
GATE = "STANDIN_GATE"
Outcome = tuple[list[dict[str, Any]], dict[str, bytes]]
SMALL: dict[str, Any] = {
    "steps": 400,
    "action_repeat": 4,
    "time_limit": 48,
    "train": {"prefill": 100, "pretrain": 3, "every": 40, "updates": 2, "batch_size": 2, "batch_length": 6},
    "eval": {"every": 100, "episodes": 1},
    "checkpoint": {"every": 60, "keep": 2},
    "record": {"every": 40},
    "replay": {"memory": 0.1},
}


def spec(seed: int = 0, task: str = "toy_reach_1", variant: str = "standin", **changes: Any) -> RunSpec:
    """A short run on a toy task; changes are top-level settings."""
    return RunSpec("suite", task, variant, seed, Settings.model_validate(SMALL | changes))


class StandIn:
    """Follows the agent contract: every number is a function of seed, counters and inputs."""

    length = None

    def __init__(self, settings: Any, observations: ObservationSpec, action: ActionSpec, seed: int):
        self.action, self.seed = action, seed
        self.weights = np.random.default_rng(seed).normal(size=(action.size,))
        self.updates, self.acts = 0, 0
        self.fault = json.loads(os.environ.get(FAULTS, "{}")).get(str(seed))

    def initial_state(self, count: int) -> PolicyState:
        return {"memory": {"trace": np.zeros((count, 2), np.float32)}, "age": np.zeros((count,), np.int64)}

    def policy(
        self, observations: Observations, state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        if self.fault == "wait" and self.acts >= 60:
            wait_for_stop_or_gate()
        images = observations["image"]
        trace = np.float32(0.9) * state["memory"]["trace"] + images.mean((1, 2))[:, :2].astype(np.float32)
        noise = np.random.default_rng([self.seed, self.acts]).normal(size=(len(images), self.action.size))
        logits = self.weights * np.tanh(trace.sum(-1, keepdims=True)) + 0.3 * training * noise
        self.acts += 1
        age = state["age"] + 1
        actions = np.tanh(logits) if not self.action.discrete else np.eye(self.action.size)[logits.argmax(-1)]
        return actions.astype(np.float32), {"memory": {"trace": trace}, "age": age}

    def prepare(self, episodes: Iterable[Batch]) -> None:
        self.weights = self.weights + 0.01 * sum(float(np.sum(episode["reward"])) for episode in episodes)

    def train(self, batch: Batch) -> dict[str, float]:
        content = float(np.asarray(batch["image"], np.float64).mean() + np.asarray(batch["reward"]).sum())
        self.weights = 0.99 * self.weights + 0.01 * np.tanh(content - 30)
        self.updates += 1
        if self.fault == "raise" and self.updates > 5:
            raise RuntimeError("the stand-in fails on purpose")
        if self.fault == "sigkill" and self.updates > 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "full" and self.updates > 5:
            fill_the_disk()
        if self.fault == "nan" and self.updates > 8:
            content = float("nan")
        return {"loss/model": content, "weights": float(self.weights.sum())}

    def report(self, batch: Batch) -> Report:
        images = np.asarray(batch["image"])
        return Report({"model_error/image/1": float(images.mean())}, {"openloop": images[0]})

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        return {"parameters/world_model": self.weights.size}

    def save(self) -> Arrays:
        return {"weights": self.weights.copy(), "counters": np.array([self.updates, self.acts])}

    def load(self, arrays: Arrays) -> None:
        self.weights = arrays["weights"]
        self.updates, self.acts = map(int, arrays["counters"])


def fill_the_disk() -> None:
    """Lets each later write of this process fail, as on a full disk, and fails like one."""

    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    os.fsync = full  # type: ignore[assignment]
    for stream in (1, 2):
        os.dup2(os.open("/dev/full", os.O_WRONLY), stream)
    full(0)


def wait_for_stop_or_gate() -> None:
    """Pauses a worker's run."""
    stop, gate = signal.getsignal(signal.SIGTERM), Path(os.environ.get(GATE, "nowhere"))
    assert isinstance(stop, Stop)
    while not stop.requested and not gate.exists():
        time.sleep(0.02)


class PlainBatches:
    """The pipeline's batches, made on request."""

    def __init__(self, replay: Replay, seed: int, size: int):
        self.replay, self.seed, self.size = replay, seed, size

    def draw(self, snapshot: Snapshot, first: int, count: int) -> Iterator[dict[str, Any]]:
        for number in range(first, first + count):
            yield self.replay.sample(snapshot, generator(self.seed, Stream.REPLAY, number), self.size)

    def close(self) -> None:
        pass


def install(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Replaces TensorFlow by the stand-ins, with setattr or that of a monkeypatch."""
    import agents.registry
    import runs.training.assemble
    import runs.training.material

    put(agents.registry, "make_agent", StandIn)
    put(runs.training.material, "Batches", PlainBatches)
    put(runs.training.assemble, "prepare_tensorflow", lambda seed: "none")


def run_until_killed(text: str, folder: str, calls: int) -> None:
    """Runs a spec in this process, which kills itself right before a call that changes files or the agent.

    Args:
        text: A spec's YAML.
        folder: The run's folder.
        calls: The number of such calls before the kill.
    """
    left = calls

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return function(*arguments, **options)

        return call

    install()
    for name in ("fsync", "rename", "replace", "write", "unlink", "rmdir", "mkdir", "ftruncate"):
        setattr(os, name, deadly(getattr(os, name)))
    for name in ("policy", "train", "report"):
        setattr(StandIn, name, deadly(getattr(StandIn, name)))
    from runs.training.attempt import run

    run(RunSpec.from_yaml(text), Path(folder))


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, without times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if not name.startswith("time/")} for line in lines]


def outcome(folder: Path) -> Outcome:
    """What a run leaves: its metrics, and its episodes by name."""
    return metrics(folder), {path.name: path.read_bytes() for path in (folder / "episodes").glob("*.npz")}


if __name__ == "__main__":
    from runs.training import worker

    install()
    sys.exit(worker.main())
