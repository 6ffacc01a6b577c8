"""A trained agent on fresh episodes: what it reaches with its actor's mode, and how far its model can be trusted."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.agent import CONTEXT, ActionSpec, Agent
from envs.settings import EnvSettings
from envs.task import SIZE, TaskEnv
from runs import atomic
from runs.checkpoint import Checkpoint, Checkpoints
from runs.driver import Trace, action_spec, play
from runs.folder import read_spec
from runs.grouping import recall
from runs.heldout import heldout
from runs.record import gif
from runs.seeds import Stream, derive
from suites.errors import UserError
from suites.plan import RunSpec
from suites.settings import Settings

OWN, RANDOM = "own", "random"


@dataclass(frozen=True)
class Player:
    """Someone who plays episodes; episode `k` of a seed starts alike for every player.

    Attributes:
        agent: Who acts.
        step: Environment steps that it had been trained for.
        env: Where it plays.
        actions: What its actions are.
    """

    agent: Agent
    step: int
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


@dataclass(frozen=True)
class ModelError:
    """How far a world model can be trusted.

    Attributes:
        step: Environment steps that the measured agent had been trained for.
        policy: Who played: `own`, `random`, or a run's folder.
        policy_step: Environment steps that the player had been trained for; 0 for `random`.
        metrics: The report's.
        mean_return: Of the episodes played.
        episodes: Fingerprint of what was played: equal where agents were measured on the same episodes.
    """

    step: int
    policy: str
    policy_step: int
    metrics: dict[str, float]
    mean_return: float
    episodes: str


def model_error(folder: Path, policy: str, episodes: int, seed: int) -> ModelError:
    """Measures the error of a run's world model on fresh episodes, with its newest checkpoint.

    Two runs are measured on the same episodes where the player, its step, the environments' settings, the number of
    episodes and the seed are the same; the fingerprint shows it. The models' own draws differ with the runs' seeds.

    Args:
        folder: The run's folder.
        policy: Who plays: `own`, `random`, or the folder of another run of the task.
        episodes: How many to play.
        seed: What their starts follow from, and the actions of `random`.

    Raises:
        UserError: a folder is no run or has no readable checkpoint, the agent has no model, the episodes are too short
            for any prediction, or the other run is of another task or its environment is set otherwise.
    """
    spec = read_spec(folder)
    if spec.settings.agent == RANDOM:
        raise UserError(f"{folder}: the agent {spec.settings.agent} has no world model whose error could be measured")
    if policy not in (OWN, RANDOM):
        _check_alike(spec, read_spec(Path(policy)), policy)
        _newest(Path(policy))
    with _player(folder) as player:
        other = _other_player(player, policy, seed)
        traces = [other.play(seed, episode) for episode in range(episodes)]
        sequences = heldout(traces)
        if sequences is None:
            raise UserError(f"{folder}: episodes of at most {CONTEXT} steps leave nothing to predict")
        metrics = player.agent.report(sequences).metrics
    return ModelError(
        step=player.step,
        policy=policy,
        policy_step=other.step,
        metrics=metrics,
        mean_return=sum(trace.score for trace in traces) / len(traces),
        episodes=_fingerprint(traces),
    )


def _other_player(player: Player, policy: str, seed: int) -> Player:
    """Who plays by a policy's name, in a player's environment."""
    if policy == OWN:
        return player
    if policy == RANDOM:
        settings = Settings.model_validate({"agent": RANDOM})
        return Player(_make(settings, player.actions, seed), 0, player.env, player.actions)
    return _load(read_spec(Path(policy)), Path(policy), player.env, player.actions)


def _fingerprint(traces: Sequence[Trace]) -> str:
    """16 hexadecimal digits that change with every image, action and reward."""
    digest = hashlib.sha256()
    for trace in traces:
        for array in trace.episode().values():
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


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
    with closing(env):
        yield _load(spec, folder, env, action_spec(env.action_space))


def _load(spec: RunSpec, folder: Path, env: TaskEnv, actions: ActionSpec) -> Player:
    """The agent of a run as its newest checkpoint has it."""
    step, checkpoint = _newest(folder)
    try:
        agent = _make(recall(spec.settings, checkpoint.progress.get("settled", {})), actions, spec.seed)
        agent.load(checkpoint.agent)
    except ValueError as error:  # a checkpoint of another version of the agent
        raise UserError(f"{folder}: {error}") from error
    return Player(agent, step, env, actions)


def _make(settings: Settings, actions: ActionSpec, seed: int) -> Agent:
    import agents.registry

    return agents.registry.make_agent(settings, (SIZE, SIZE, 3), actions, seed)


def _newest(folder: Path) -> tuple[int, Checkpoint]:
    checkpoints = Checkpoints(folder / "checkpoints")
    found = checkpoints.newest()
    if found is None:
        reason = "that can be read" if checkpoints else "yet; one is written every checkpoint.every environment steps"
        raise UserError(f"{folder} has no checkpoint {reason}")
    return found


def _check_alike(spec: RunSpec, other: RunSpec, policy: str) -> None:
    """Refuses a run as the player whose episodes would mean something else to the one that is measured."""
    alike = [name for name in EnvSettings.model_fields if name != "envs"]
    for name, mine, its in (
        ("task", spec.task, other.task),
        *((name, getattr(spec.settings, name), getattr(other.settings, name)) for name in alike),
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
