"""The discovery of action groups by SD2: random interaction with a task, with a cache on disk."""

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
from discovery.discovery import Discovery, pixel_names
from envs.registry import IMAGE_SHAPE, action_size, canonical, family, is_discrete
from envs.settings import EnvSettings

LENGTH = {"state": 1000, "pixels": 500}  # environment steps of an episode, as in ED2's code
FIRST = 2**32 - 1  # counter of the first episode: with 0, numpy's key would be that of the actions
CHUNK = 250  # samples per update; with pixels, each has 12,288 numbers


def discover(
    task: str,
    settings: DiscoverySettings,
    results: Path,
    tick: Callable[[int], None] = lambda steps: None,
    renderer: str = "auto",
) -> Discovery:
    """Finds the action groups of a task, or reads the cached result of an equal call.

    Args:
        task: A task with continuous actions.
        settings: Input, number of steps, eta and seed.
        results: Root of all results.
        tick: Called with the number of environment steps taken; if it raises, nothing is written.
        renderer: Renderer of dm_control's pixels; matters only if the input is pixels.

    Raises:
        UserError: there is no such task, its actions are discrete, nothing observed changes, the renderer cannot be
            loaded, or a file exists where the folder belongs.
    """
    if is_discrete(task):
        raise UserError(f"{task} has discrete actions; SD2 groups the dimensions of continuous ones")
    action_size(task)  # refuses a task of which nothing is known
    task = canonical(task)
    folder = results / store.FOLDER / task / store.key(settings)
    for path in (folder, *folder.parents):
        if os.path.lexists(path) and not path.is_dir():
            raise UserError(f"{path}: exists where the folder of a discovery belongs; remove it")
    found = store.cached(task, settings, folder)
    if found is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)  # fails before the steps if nothing can be written
    start = now()
    found, used_renderer = play(task, settings, folder, tick, renderer)
    provenance = {**origin(family(task).packages), "renderer": used_renderer, "start": start, "end": now()}
    return store.write(found, provenance)


def play(
    task: str, settings: DiscoverySettings, folder: Path, tick: Callable[[int], None], renderer: str
) -> tuple[Discovery, str | None]:
    """Acts at random and correlates actions with changes; also returns the renderer, None if none was used.

    All actions come from one random stream of the seed, and each episode has its own seed. A change is that of one
    environment step; the step from the end of an episode to the start of the next does not count.
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

        def measured(observation: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
            return observation["image"] if pixels else env.measured()

        correlation = sd2.Correlation(size, len(states))
        random = generator(settings.seed, Stream.DISCOVERY)
        actions, changes = np.empty((CHUNK, size)), np.empty((CHUNK, len(states)))
        episode, over = 0, True
        for step in range(settings.steps):
            if over:
                before = measured(env.reset(seed=derive(settings.seed, Stream.DISCOVERY, episode or FIRST))[0])
                episode += 1
            row = step % CHUNK
            actions[row] = random.uniform(-1.0, 1.0, size)
            observation, _, terminated, truncated, _ = env.step(actions[row])
            after = measured(observation)
            changes[row] = np.subtract(after, before, dtype=float).ravel()
            before, over = after, terminated or truncated
            if row == CHUNK - 1 or step == settings.steps - 1:
                correlation.update(actions[: row + 1], changes[: row + 1])
                tick(step + 1)
        used_renderer = getattr(env, "renderer", None)
    varying = [name for name, varies in zip(states, correlation.varying, strict=True) if varies]
    if not varying:
        raise UserError(f"{task}: nothing observed changed in {settings.steps:,} random steps")
    found = correlation.absolute()
    return Discovery(task, settings, folder, names, varying, found, sd2.merge_path(found)), used_renderer
