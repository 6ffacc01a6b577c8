"""The environments: dm_control with the CPU ray caster that draws it, Atari, Gymnasium's, and toy tasks."""

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from envs.registry import family
from envs.settings import EnvSettings

if TYPE_CHECKING:
    from envs.task import Observe, TaskEnv


def make_env(task: str, settings: EnvSettings, seed: int = 0, observe: "Observe | None" = None) -> "TaskEnv":
    """Build the environment of a task; imports only the library that this task needs.

    Args:
        task: A name in `envs.registry.TASKS`, or of the form that a family gives.
        settings: Action repeat, time limit, renderer and so on.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: The entries of an observation, by default that of the settings: `image`, `state` or both. Without
            `image`, no renderer is needed.

    Raises:
        UserError: No task has this name; the message contains the nearest one.
        ValueError: `observe` contains another name.
        envs.renderer.RendererError: The renderer of the settings cannot be loaded.
    """
    env: TaskEnv = resolve_name(family(task).environment)(
        task, settings, seed, (settings.observation,) if observe is None else observe
    )
    return env
