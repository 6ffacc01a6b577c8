"""In which world: dm_control with the CPU ray caster that draws it, Atari, and toy tasks."""

import difflib
from typing import TYPE_CHECKING

from envs.settings import TASKS, EnvSettings

if TYPE_CHECKING:
    from envs.task import Observe, TaskEnv


def make_env(task: str, settings: EnvSettings, seed: int = 0, observe: "Observe" = "pixels") -> "TaskEnv":
    """Build the environment of a task; imports only the library that this task needs.

    Args:
        task: A name of `envs.settings.TASKS`.
        settings: Action repeat, time limit and renderer.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: What an observation is: an image, or the state behind it, for which no renderer is needed.

    Raises:
        ValueError: No task has this name; the message holds the nearest one.
        envs.renderer.RendererError: The renderer of the settings cannot be loaded.
    """
    if task not in TASKS:
        nearest = difflib.get_close_matches(task, TASKS, n=1, cutoff=0)[0]
        raise ValueError(f"unknown task {task!r}; the nearest name is {nearest!r}")
    if task.startswith("dmc_"):
        from envs.dmc import DmcEnv

        return DmcEnv(task, settings, seed, observe)
    if task.startswith("atari_"):
        from envs.atari import AtariEnv

        return AtariEnv(task, settings, seed, observe)
    from envs.toy import make_toy

    return make_toy(task, settings, seed, observe)
