"""A trained agent, played: the newest checkpoint of a run with its actor's mode."""

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
        UserError: the folder is no run, has no readable checkpoint, or the video's name is no GIF's.
    """
    spec = read_spec(folder)
    if video is not None and video.suffix.lower() != ".gif":
        raise UserError(f"{video}: a video is written as a GIF; name it {video.with_suffix('.gif')}")
    if video is not None and not video.parent.is_dir():
        raise UserError(f"{video}: there is no folder {video.parent}")
    found = Checkpoints(folder / "checkpoints").newest()
    if found is None:
        raise UserError(f"{folder} has no checkpoint yet; one is written every checkpoint.every environment steps")

    # Only now, as TensorFlow takes seconds to import.
    import agents.registry
    import envs
    from envs.pixels import SIZE
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
