"""A trained agent on new episodes: its returns with the actor's mode, and the prediction errors of its model."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import gymnasium

import agents.registry
from agents.agent import CONTEXT, ActionSpec, Agent
from agents.registry import AGENTS
from common import files
from common.errors import UserError
from common.seeds import Stream, derive
from common.settings import values
from envs.settings import EnvSettings
from envs.task import TaskEnv
from runs.store.checkpoint import Checkpoint, Checkpoints
from runs.store.run_folder import read_spec
from runs.training.actions import action_spec
from runs.training.driver import play
from runs.training.episode import EpisodeBuilder
from runs.training.evaluation_sequences import evaluation_sequences
from runs.training.film import Filmed
from runs.training.observations import observation_spec
from runs.training.predictions import by_dimension, unexplained
from runs.training.recorder import gif
from runs.training.resolve_groups import recall
from suites.identity import effective
from suites.settings import Settings

OWN = "own"


@dataclass(frozen=True)
class Player:
    """An agent that plays episodes; episode `k` of a seed has the same initial state for every player.

    Attributes:
        agent: The agent.
        step: Environment steps of its training.
        env: The environment.
        actions: The specification of its actions.
    """

    agent: Agent
    step: int
    env: gymnasium.Env
    actions: ActionSpec

    def play(self, seed: int, episode: int) -> EpisodeBuilder:
        """Plays one episode; no training or evaluation during training uses its seed."""
        initial = self.agent.initial_state(1)
        start = derive(seed, Stream.SHOW, episode)
        return play(self.env, lambda seen, memory: self.agent.policy(seen, memory, False), initial, self.actions, start)


def evaluate(folder: Path, episodes: int, seed: int, video: Path | None = None) -> list[float]:
    """Plays episodes with the newest checkpoint of a run, which may be running.

    Args:
        folder: The run's folder.
        episodes: Number of episodes.
        seed: Seed of their initial states.
        video: Where to write the first episode as a GIF.

    Returns:
        The return of each episode.

    Raises:
        UserError: the folder is not a run, has no readable checkpoint, or the video cannot be written.
    """
    if video is not None:
        _check_video(video)
    with _environment(folder) as env:
        player, film, returns = _player(folder, env), Filmed(env), []
        for episode in range(episodes):
            filmed = video if episode == 0 else None
            played = (replace(player, env=film) if filmed else player).play(seed, episode)
            returns.append(played.score)
            if filmed:
                files.write_bytes(filmed, gif(film.frames))
    return returns


@dataclass(frozen=True)
class ModelError:
    """The prediction errors of a run's world model.

    Attributes:
        folder: The run's folder.
        step: Environment steps of the agent's training.
        policy: The player: `own`, an agent that does not learn, such as `random`, or a run's folder.
        policy_step: Environment steps of the player's training.
        metrics: The metrics of the agent's report, and the variance unexplained of state vectors.
        dimensions: `model_errors/<name>/<horizon>` -> name of a dimension -> its mean squared error.
        mean_return: Mean return of the episodes.
        fingerprint: Fingerprint of the episodes: equal if agents were measured on the same ones.
    """

    folder: str
    step: int
    policy: str
    policy_step: int
    metrics: dict[str, float]
    dimensions: dict[str, dict[str, float]]
    mean_return: float
    fingerprint: str


def model_errors(folders: Sequence[Path], policy: str, episodes: int, seed: int) -> Iterator[ModelError]:
    """Measures the errors of runs' world models on new episodes, with their newest checkpoints.

    All are measured on the same episodes, unless each plays its own. The models' samples depend on the runs' seeds.

    Args:
        folders: The runs' folders.
        policy: The player: `own`, an agent that does not learn, such as `random`, or the folder of a run.
        episodes: Number of episodes.
        seed: Seed of their initial states, and of the samples of an agent that does not learn.

    Raises:
        UserError: a folder is not a run or has no readable checkpoint, an agent has no model, the episodes are too
            short for any prediction, or not all runs have the same task and environment.
    """
    untrained = policy in AGENTS and not AGENTS[policy].learns
    player_folder = None if policy == OWN or untrained else Path(policy)
    _check_models(folders)
    _check_alike([*folders, *([player_folder] if player_folder else [])])
    with _environment(folders[0]) as env:
        player = _untrained(policy, env, seed) if untrained else _player(player_folder, env) if player_folder else None
        shared = [player.play(seed, number) for number in range(episodes)] if player else []
        for folder in folders:
            measured = _player(folder, env)
            played = shared or [measured.play(seed, number) for number in range(episodes)]
            sequences = evaluation_sequences(played)
            if sequences is None:
                raise UserError(f"{folder}: episodes of at most {CONTEXT} steps leave nothing to predict")
            report = measured.agent.report(sequences)
            yield ModelError(
                str(folder),
                measured.step,
                policy,
                (player or measured).step,
                report.metrics | unexplained(report.predictions),
                {
                    name: dict(zip(env.state_names, errors, strict=True))
                    for name, errors in by_dimension(report.predictions).items()
                },
                sum(episode.score for episode in played) / len(played),
                _fingerprint(played),
            )


def _fingerprint(played: Sequence[EpisodeBuilder]) -> str:
    """16 hexadecimal digits that change with every observation, action and reward."""
    digest = hashlib.sha256()
    for episode in played:
        for array in episode.arrays().values():
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def _environment(folder: Path) -> Iterator[TaskEnv]:
    """An environment of a run's task, with TensorFlow prepared for its agent."""
    spec = read_spec(folder)
    _newest(folder)  # before the slow imports

    import envs
    from runs.training.runtime import prepare_tensorflow

    try:
        prepare_tensorflow(spec.seed)
        env = envs.make_env(spec.task, spec.settings.for_evaluation())
    except ValueError as error:  # the renderer is missing on this machine
        raise UserError(f"{folder}: {error}") from error
    with closing(env):
        yield env


def _player(folder: Path, env: TaskEnv) -> Player:
    """The agent of a run, from its newest checkpoint."""
    spec, (step, checkpoint) = read_spec(folder), _newest(folder)
    try:
        agent = _make(recall(spec.settings, checkpoint.progress.get("settled", {})), env, spec.seed)
        agent.load(checkpoint.agent)
    except ValueError as error:  # a checkpoint of another version of the agent
        raise UserError(f"{folder}: {error}") from error
    return Player(agent, step, env, action_spec(env.action_space))


def _untrained(agent: str, env: TaskEnv, seed: int) -> Player:
    """An agent that does not learn, by its name."""
    return Player(_make(Settings(agent=agent), env, seed), 0, env, action_spec(env.action_space))


def _make(settings: Settings, env: TaskEnv, seed: int) -> Agent:
    observations, actions = observation_spec(env.observation_space), action_spec(env.action_space)
    return agents.registry.make_agent(settings, observations, actions, seed)


def _newest(folder: Path) -> tuple[int, Checkpoint]:
    checkpoints = Checkpoints(folder / "checkpoints")
    found = checkpoints.newest()
    if found is None:
        reason = "that can be read" if checkpoints else "yet; one is written every checkpoint.every environment steps"
        raise UserError(f"{folder} has no checkpoint {reason}")
    return found


def _check_models(folders: Sequence[Path]) -> None:
    """Refuses runs without a world model."""
    for folder in folders:
        name = read_spec(folder).settings.agent
        if not AGENTS[name].has_world_model:
            as_player = "" if AGENTS[name].learns else f"; as a player it is --policy {name}"
            raise UserError(f"{folder}: the agent {name} has no world model{as_player}")


def _check_alike(folders: Sequence[Path]) -> None:
    """Refuses runs without a checkpoint, and runs whose tasks or environments differ."""
    specs = [read_spec(folder) for folder in folders]
    first = specs[0]
    # What an evaluation's environment of this observation reads, whatever else a run draws.
    read = effective(first.task, Settings(observation=first.settings.observation)).keys() - {"envs", "atari.life_loss"}
    compared = [key for key in values(EnvSettings()) if key in read]
    for folder, spec in zip(folders, specs, strict=True):
        _newest(folder)
        for key in ("task", *compared):
            expected, actual = (one.task if key == "task" else one.settings.flat[key] for one in (first, spec))
            if expected != actual:
                raise UserError(
                    f"{folder}: its {key} is {actual}, but that of {folders[0]} is {expected}; they must be equal"
                )


def _check_video(video: Path) -> None:
    """Refuses a file that cannot be written, before minutes are spent on playing."""
    if video.is_dir():
        raise UserError(f"{video}: a folder; expected the name of a GIF, such as out.gif")
    if video.suffix.lower() != ".gif":
        raise UserError(f"{video}: a video is written as a GIF; name it {video.with_suffix('.gif')}")
    if not video.parent.is_dir():
        raise UserError(f"{video}: there is no folder {video.parent}")
    if not os.access(video.parent, os.W_OK):
        raise UserError(f"{video}: {video.parent} cannot be written to")
