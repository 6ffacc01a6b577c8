"""A trained agent on fresh episodes: what it reaches with its actor's mode, and how far its model can be trusted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.agent import ActionSpec, Agent
from envs.task import TaskEnv
from runs import atomic
from runs.checkpoint import Checkpoint, Checkpoints
from runs.driver import Trace, action_spec, play
from runs.folder import read_spec
from runs.grouping import settle
from runs.heldout import heldout
from runs.record import gif
from runs.seeds import Stream, derive
from suites.errors import UserError
from suites.plan import RunSpec
from suites.settings import Settings

OWN, RANDOM = "own", "random"


@dataclass(frozen=True)
class Player:
    """Someone who plays episodes; episode `k` of a seed starts alike for every player."""

    agent: Agent
    env: TaskEnv
    actions: ActionSpec

    def play(self, seed: int, episode: int) -> Trace:
        """Plays one episode, of a seed that no training or evaluation during training uses."""
        initial = self.agent.initial_state(1)
        start = derive(seed, Stream.SHOW, episode)
        return play(
            self.env, lambda images, memory: self.agent.policy(images, memory, False), initial, self.actions, start
        )


def evaluate(folder: Path, episodes: int, seed: int, video: Path | None = None) -> list[float]:
    """Plays episodes with the newest checkpoint of a run; the run may be going on.

    Args:
        folder: The run's folder.
        episodes: How many to play.
        seed: What their starts follow from.
        video: Where to write the first episode as a GIF.

    Returns:
        The return of each episode.

    Raises:
        UserError: the folder is no run, has no readable checkpoint, or the video cannot be written there.
    """
    if video is not None:
        _check_video(video)
    with _player(folder) as player:
        returns = []
        for episode in range(episodes):
            trace = player.play(seed, episode)
            returns.append(trace.score)
            if video is not None and episode == 0:
                atomic.write_bytes(video, gif(trace.images))
    return returns


def model_error(folder: Path, policy: str, episodes: int, seed: int) -> dict[str, float]:
    """Measures the error of a run's world model on fresh episodes, with its newest checkpoint.

    Two runs are measured on the same episodes where policy, episodes and seed are the same.

    Args:
        folder: The run's folder.
        policy: Who plays: `own`, `random`, or the folder of another run of the task.
        episodes: How many to play.
        seed: What their starts follow from, and the actions of `random`.

    Returns:
        The report's metrics, and `return`, the mean return of what was played.

    Raises:
        UserError: a folder is no run or has no readable checkpoint, the agent has no model, or the other run is of
            another task or action repeat.
    """
    if policy not in (OWN, RANDOM):
        _check_alike(read_spec(folder), read_spec(Path(policy)), policy)
    with _player(folder) as player:
        other = player
        if policy == RANDOM:
            settings = Settings.model_validate({"agent": "random"})
            other = Player(_make(settings, player.actions, seed), player.env, player.actions)
        elif policy != OWN:
            path = Path(policy)
            other = Player(_load(read_spec(path), path, player.actions), player.env, player.actions)
        traces = [other.play(seed, episode) for episode in range(episodes)]
        metrics = player.agent.report(heldout(traces)).metrics
    if not metrics:
        raise UserError(f"{folder}: its agent has no world model whose error could be measured")
    return {**metrics, "return": sum(trace.score for trace in traces) / len(traces)}


@contextmanager
def _player(folder: Path) -> Iterator[Player]:
    """The agent of a run in an environment of its task."""
    spec = read_spec(folder)
    _newest(folder)  # before the slow imports

    import envs
    from runs.machine import choose_renderer, prepare_tensorflow

    try:
        choose_renderer(spec)
        prepare_tensorflow(spec.seed)
        env = envs.make_env(spec.task, spec.settings)
    except ValueError as error:  # no such renderer here
        raise UserError(f"{folder}: {error}") from error
    try:
        actions = action_spec(env.action_space)
        yield Player(_load(spec, folder, actions), env, actions)
    finally:
        env.close()


def _load(spec: RunSpec, folder: Path, actions: ActionSpec) -> Agent:
    """The agent of a run as its newest checkpoint has it."""
    checkpoint = _newest(folder)
    try:
        agent = _make(settle(spec, folder, lambda _: None), actions, spec.seed)
        agent.load(checkpoint.agent)
    except ValueError as error:  # a checkpoint of another version of the agent
        raise UserError(f"{folder}: {error}") from error
    return agent


def _make(settings: Settings, actions: ActionSpec, seed: int) -> Agent:
    import agents.registry
    from envs.task import SIZE

    return agents.registry.make_agent(settings, (SIZE, SIZE, 3), actions, seed)


def _newest(folder: Path) -> Checkpoint:
    checkpoints = Checkpoints(folder / "checkpoints")
    found = checkpoints.newest()
    if found is None:
        reason = "that can be read" if checkpoints else "yet; one is written every checkpoint.every environment steps"
        raise UserError(f"{folder} has no checkpoint {reason}")
    return found[1]


def _check_alike(spec: RunSpec, other: RunSpec, policy: str) -> None:
    """Refuses a run as the player whose episodes would mean something else to the one that is measured."""
    for name, mine, its in (
        ("task", spec.task, other.task),
        ("action_repeat", spec.settings.action_repeat, other.settings.action_repeat),
    ):
        if mine != its:
            raise UserError(f"--policy {policy}: its {name} is {its}, not {mine}; needed is a run of the same {name}")


def _check_video(video: Path) -> None:
    """Refuses a name that could not be written, before minutes are spent on playing."""
    if video.is_dir():
        raise UserError(f"{video}: a folder; needed is the name of a GIF, say out.gif")
    if video.suffix.lower() != ".gif":
        raise UserError(f"{video}: a video is written as a GIF; name it {video.with_suffix('.gif')}")
    if not video.parent.is_dir():
        raise UserError(f"{video}: there is no folder {video.parent}")
    if not os.access(video.parent, os.W_OK):
        raise UserError(f"{video}: {video.parent} cannot be written to")
