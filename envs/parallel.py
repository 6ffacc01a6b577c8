"""Several environments of one task in parallel."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs import make_env
from envs.registry import family
from envs.renderer import choose_renderer
from envs.settings import EnvSettings
from envs.task import Observation, Observe

_PATIENCE = 5.0  # seconds that a worker has to exit before it is killed


class WorkerError(RuntimeError):
    """A worker process failed or died; the message contains its traceback or the cause of death."""


@dataclass(frozen=True)
class StepResults:
    """One agent step of N environments; row i is environment i."""

    observations: Observation  # by name (N, ...)
    rewards: NDArray[np.float32]  # (N,), summed over the environment steps
    terminated: NDArray[np.bool_]  # (N,), the task ended the episode
    truncated: NDArray[np.bool_]  # (N,), the time limit ended the episode
    discounts: NDArray[np.float32]  # (N,), 0 on termination, else 1
    steps: NDArray[np.int64]  # (N,), environment steps actually taken


class ParallelEnvs:
    """`count` environments of one task: a single one runs in this process, several in one worker process each.

    There is no automatic reset: an environment whose episode is over must be reset before the next `step`. Use it as a
    context manager, or call `close`. Workers also exit when this process exits, even if it is killed.

    Args:
        task: A name in `envs.registry.TASKS`.
        settings: Settings of each environment.
        count: Number of environments, at least 1.
        observe: The entries of an observation, by default that of the settings.
        apart: Whether a single environment runs in a worker process, too, so that this process can compute meanwhile.

    Raises:
        WorkerError: A worker could not build its environment.
        envs.renderer.RendererError: The renderer of the settings cannot be loaded.
    """

    def __init__(
        self, task: str, settings: EnvSettings, count: int, observe: Observe | None = None, *, apart: bool = False
    ) -> None:
        observe = (settings.observation,) if observe is None else observe
        self.count = count
        self._places: list[_Place] = []
        if count == 1 and not apart:
            self._places = [_Here(task, settings, observe)]
        else:
            if "image" in observe and family(task).rendered:  # once for all workers
                settings = settings.model_copy(update={"renderer": choose_renderer(settings.renderer)})
            self._places = [_Worker(task, settings, observe, index) for index in range(count)]
        self.observation_space: gymnasium.spaces.Dict
        self.action_space: gymnasium.Space[Any]
        self.observation_space, self.action_space = self._receive(range(count))[0]  # of one environment

    def reset(self, index: int, seed: int) -> Observation:
        """Start an episode of one environment; returns its observation."""
        self._places[index].send("reset", seed=seed)
        [(observation, _)] = self._receive([index])
        return observation

    def reset_all(self, seeds: Sequence[int]) -> Observation:
        """Start an episode of each environment by its seed; returns their observations by name (N, ...)."""
        for place, seed in zip(self._places, seeds, strict=True):
            place.send("reset", seed=seed)
        return stack([observation for observation, _ in self._receive(range(self.count))])

    def step(self, actions: ArrayLike) -> StepResults:
        """Take one agent step in each environment.

        Args:
            actions: (N, A) numbers, or (N,) indices of discrete actions.

        Raises:
            WorkerError: A worker failed or died. All workers are then closed.
        """
        for place, action in zip(self._places, np.asarray(actions), strict=True):
            place.send("step", action=action)
        observations, rewards, terminated, truncated, infos = zip(*self._receive(range(self.count)), strict=True)
        return StepResults(
            observations=stack(observations),
            rewards=np.array(rewards, np.float32),
            terminated=np.array(terminated),
            truncated=np.array(truncated),
            discounts=np.array([info["discount"] for info in infos], np.float32),
            steps=np.array([info["steps"] for info in infos], np.int64),
        )

    def close(self) -> None:
        """Close all environments and their processes."""
        for place in self._places:
            place.hang_up()
        for place in self._places:
            place.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive(self, indices: Sequence[int]) -> list[Any]:
        """The answers of some environments. After a failure, later answers would be out of step: all are closed."""
        try:
            return [self._places[index].receive() for index in indices]
        except BaseException:
            self.close()
            raise


def stack(observations: Iterable[Observation]) -> Observation:
    """Stacks N observations: by name (N, ...)."""
    first, *others = observations
    return {name: np.stack([array, *(other[name] for other in others)]) for name, array in first.items()}


class _Place(Protocol):
    """The place where one environment runs. Its creation and each `send` are answered by one `receive`."""

    def send(self, method: str, **arguments: Any) -> None: ...

    def receive(self) -> Any: ...

    def hang_up(self) -> None: ...

    def wait(self) -> None: ...


class _Here:
    """An environment in this process; its exceptions are raised as they are."""

    def __init__(self, task: str, settings: EnvSettings, observe: Observe) -> None:
        self._env = make_env(task, settings, observe=observe)
        self._answer: Any = self._env.observation_space, self._env.action_space

    def send(self, method: str, **arguments: Any) -> None:
        self._answer = getattr(self._env, method)(**arguments)

    def receive(self) -> Any:
        return self._answer

    def hang_up(self) -> None:
        self._env.close()

    def wait(self) -> None:
        pass


class _Worker:
    """An environment in a separate process: a new interpreter, which does not load what this one has (TensorFlow)."""

    def __init__(self, task: str, settings: EnvSettings, observe: Observe, index: int) -> None:
        self._name = f"environment {index} of {task}"
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "envs.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        )
        theirs.close()  # so that the worker's end closes with the worker
        self._post((task, settings, observe))

    def send(self, method: str, **arguments: Any) -> None:
        self._post((method, arguments))

    def receive(self) -> Any:
        try:
            failed, value = self._connection.recv()
        except (EOFError, ConnectionError):
            raise WorkerError(f"{self._name} died: {self._cause_of_death()}") from None
        if failed:
            raise WorkerError(f"{self._name} failed:\n{value}")
        return value

    def hang_up(self) -> None:
        self._connection.close()

    def wait(self) -> None:
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _post(self, message: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the worker is gone: `receive` reports why
            self._connection.send(message)

    def _cause_of_death(self) -> str:
        self.wait()
        code = self._process.returncode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
