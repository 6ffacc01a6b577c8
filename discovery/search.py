"""The discovery of action groups by SD2: random interaction with a task, kept for whoever asks for the same again."""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.settings import DiscoverySettings
from common.errors import UserError
from common.origin import now, origin
from common.seeds import Stream, derive, generator
from discovery import sd2, store
from discovery.discovery import IMAGE_SHAPE, Discovery, pixel_names
from envs.registry import canonical, family, is_discrete
from envs.settings import EnvSettings

LENGTH = {"state": 1000, "pixels": 500}  # environment steps of an episode, as in ED2's code
CHUNK = 250  # samples that are taken in at once; 12,288 numbers each with pixels


def discover(
    task: str,
    settings: DiscoverySettings,
    results: Path,
    tick: Callable[[int], None] = lambda steps: None,
    renderer: str = "auto",
) -> Discovery:
    """Finds the action groups of a task, or reads what an equal call has found.

    Args:
        task: A task with continuous actions.
        settings: What to look at, for how long, and when to stop merging.
        results: Root of all results.
        tick: Called with the number of environment steps taken; may raise, then nothing is written.
        renderer: What draws dm_control's pixels, where pixels are looked at.

    Raises:
        UserError: there is no such task, its actions are discrete, nothing in it ever changes, the renderer cannot be
            loaded, or something that is no folder is in its place.
    """
    if is_discrete(task):
        raise UserError(f"{task} has discrete actions; SD2 groups the dimensions of continuous ones")
    task = canonical(task)
    folder = results / store.ROOM / task / store.key(settings)
    for path in (folder, *folder.parents):
        if os.path.lexists(path) and not path.is_dir():
            raise UserError(f"{path}: is in the place of a folder of discoveries; remove it")
    found = store.cached(task, settings, folder)
    if found is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known now
    start = now()
    found, drawn_by = play(task, settings, folder, tick, renderer)
    came_from = {**origin(family(task).packages), "renderer": drawn_by, "start": start, "end": now()}
    return store.write(found, came_from)


def play(
    task: str, settings: DiscoverySettings, folder: Path, tick: Callable[[int], None], renderer: str
) -> tuple[Discovery, str | None]:
    """Acts at random and correlates; also returns what drew the pixels, if they were looked at and not the task's own.

    Actions come from one random stream of the seed, and each episode from a seed of its own. A change is that of one
    environment step; none leads from an episode's end to the next one's start.
    """
    from envs import make_env
    from envs.renderer import RendererError

    world = EnvSettings.model_validate({"action_repeat": 1, "time_limit": LENGTH[settings.input], "renderer": renderer})
    try:
        env = make_env(task, world, observe=("image",) if settings.input == "pixels" else ())
    except RendererError as error:
        raise UserError(str(error)) from error
    with closing(env):
        (size,), names = np.shape(env.action_space.sample()), list(env.action_names)
        pixels = settings.input == "pixels"
        states = pixel_names(IMAGE_SHAPE) if pixels else list(env.state_names)

        def seen(observation: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
            return observation["image"] if pixels else env.measured()

        correlation = sd2.Correlation(size, len(states))
        random = generator(settings.seed, Stream.DISCOVERY)
        actions, changes = np.empty((CHUNK, size)), np.empty((CHUNK, len(states)))
        episode, over = 0, True
        for step in range(settings.steps):
            if over:
                before = seen(env.reset(seed=derive(settings.seed, Stream.DISCOVERY, episode))[0])
                episode += 1
            row = step % CHUNK
            actions[row] = random.uniform(-1.0, 1.0, size)
            observation, _, terminated, truncated, _ = env.step(actions[row])
            after = seen(observation)
            changes[row] = np.subtract(after, before, dtype=float).ravel()
            before, over = after, terminated or truncated
            if row == CHUNK - 1 or step == settings.steps - 1:
                correlation.update(actions[: row + 1], changes[: row + 1])
                tick(step + 1)
        drawn_by = getattr(env, "renderer", None)
    varying = [name for name, varies in zip(states, correlation.varying, strict=True) if varies]
    if not varying:
        raise UserError(f"{task}: nothing that is seen changed in {settings.steps:,} random steps")
    found = correlation.absolute()
    return Discovery(task, settings, folder, names, varying, found, sd2.merge_path(found)), drawn_by
