"""A trained agent, played: the newest checkpoint of a run with its actor's mode."""

import os
from pathlib import Path

from runs import atomic
from runs.checkpoint import Checkpoints
from runs.folder import read_spec
from runs.seeds import Stream, derive
from suites.errors import UserError


def evaluate(folder: Path, episodes: int, video: Path | None = None) -> list[float]:
    """Plays episodes with the newest checkpoint of a run; the run may be going on.

    Args:
        folder: The run's folder.
        episodes: How many to play; their seeds are none that training or its evaluations use.
        video: Where to write the first episode as a GIF.

    Returns:
        The return of each episode.

    Raises:
        UserError: the folder is no run, has no readable checkpoint, or the video cannot be written there.
    """
    spec = read_spec(folder)
    if video is not None:
        _check_video(video)
    checkpoints = Checkpoints(folder / "checkpoints")
    found = checkpoints.newest()
    if found is None:
        reason = "that can be read" if checkpoints else "yet; one is written every checkpoint.every environment steps"
        raise UserError(f"{folder} has no checkpoint {reason}")

    # Only now, as TensorFlow takes seconds to import.
    import agents.registry
    import envs
    from envs.task import SIZE
    from runs.driver import action_spec, play
    from runs.machine import choose_renderer, prepare_tensorflow
    from runs.record import gif

    try:
        choose_renderer(spec)
        prepare_tensorflow(spec.seed)
        env = envs.make_env(spec.task, spec.settings)
        actions = action_spec(env.action_space)
        agent = agents.registry.make_agent(spec.settings, (SIZE, SIZE, 3), actions, spec.seed)
        agent.load(found[1].agent)
    except ValueError as error:  # no such renderer here, or a checkpoint of another version of the agent
        raise UserError(f"{folder}: {error}") from error
    try:
        returns = []
        for episode in range(episodes):
            trace = play(
                env,
                lambda images, memory: agent.policy(images, memory, False),
                agent.initial_state(1),
                actions,
                derive(spec.seed, Stream.SHOW, episode),
            )
            returns.append(trace.score)
            if video is not None and episode == 0:
                atomic.write_bytes(video, gif(trace.images))
    finally:
        env.close()
    return returns


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
