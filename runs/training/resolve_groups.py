"""The action groups and widths of a run: settled before its first step, then kept in its checkpoints."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.agent import ObservationSpec
from common.errors import UserError
from common.seeds import Stream, generator
from discovery.search import discover
from envs.registry import action_size
from suites import groups
from suites.plan import RunSpec
from suites.settings import Settings

logger = logging.getLogger(__name__)

SETTLED = ("groups", "deterministic", "input_units")  # settings of the dynamics


def settle(spec: RunSpec, observations: ObservationSpec, folder: Path, tick: Callable[[int], None]) -> Settings:
    """The settings of a run with action groups as lists of indices, and with the widths that follow from them.

    Args:
        spec: The run.
        observations: The specification of observations: encoders and decoders count as parameters.
        folder: Its folder; discoveries are stored next to the suites' folders, for all runs.
        tick: Called during a discovery with the number of environment steps taken; may raise to stop.

    Raises:
        UserError: the groups do not fit the task's actions, or no width matches the parameter count.
    """
    settings = spec.settings
    dynamics = settings.dynamics
    try:
        groups.check(settings, spec.task)
        if not settings.grouped:
            return settings
        found = dynamics.model_copy(update={"groups": _groups(spec, folder, tick)})
        settled = settings.model_copy(update={"dynamics": found})
        if dynamics.match_parameters:
            from agents.cost import match_parameters  # TensorFlow takes seconds to import

            settled = match_parameters(settled, observations, action_size(spec.task))
    except ValueError as error:
        raise UserError(f"{spec.task}, {spec.variant}: {error}") from error
    logger.info("settled: %s", ", ".join(f"{name} {value}" for name, value in kept(settled).items()))
    return settled


def kept(settings: Settings) -> dict[str, Any]:
    """The settled settings that a checkpoint keeps: without them, its weights cannot be used."""
    return {name: getattr(settings.dynamics, name) for name in SETTLED}


def recall(settings: Settings, settled: Mapping[str, Any]) -> Settings:
    """A run's settings with the settled ones from its checkpoint."""
    dynamics = settings.dynamics.model_copy(update={**settled, "match_parameters": False})
    return settings.model_copy(update={"dynamics": dynamics})


def random_groups(sizes: list[int], seed: int) -> groups.Groups:
    """A random partition of 0..sum(sizes)-1 into groups of these sizes, in the order drawn, by the run's seed."""
    order = generator(seed, Stream.GROUPS).permutation(sum(sizes))
    return [sorted(part.tolist()) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _groups(spec: RunSpec, folder: Path, tick: Callable[[int], None]) -> groups.Groups:
    settings, published = spec.settings, groups.published(spec.task)
    setting = settings.dynamics.groups
    if setting == "published":
        assert published is not None  # checked
        return published
    if setting == "random" and published is not None:
        return random_groups([len(group) for group in published], spec.seed)
    if setting in ("sd2", "random"):
        found = discover(spec.task, settings.discovery, _results(spec, folder), tick, settings.renderer).groups
        return found if setting == "sd2" else random_groups([len(group) for group in found], spec.seed)
    return settings.dynamics.partition(action_size(spec.task))


def _results(spec: RunSpec, folder: Path) -> Path:
    """The root of all results, where runs share discoveries; for a run outside of one, the run's own folder."""
    roots = folder.absolute().parents[3:4]
    return next((root for root in roots if spec.folder(root) == folder.absolute()), folder)
