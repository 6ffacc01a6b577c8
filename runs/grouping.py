"""Which action groups a run has: settled before its first step, and kept in its folder ever after."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agents.cost import match_parameters
from agents.settings import DynamicsSettings
from envs.settings import ACTIONS
from runs import atomic
from runs.discovery import discover
from runs.seeds import Stream, generator
from suites import groups
from suites.plan import RunSpec
from suites.settings import Settings

logger = logging.getLogger(__name__)

NAME = "groups.json"


def settle(spec: RunSpec, folder: Path, tick: Callable[[int], None]) -> Settings:
    """The settings of a run with its action groups as lists of indices, and the widths that follow from them.

    Args:
        spec: The run.
        folder: Its folder; groups that stand in its groups.json are the run's, new ones are written there.
        tick: Called while groups are discovered, with the number of environment steps taken; may raise to stop.

    Raises:
        ValueError: the task's actions cannot be grouped so, or no width matches the number of weights.
        UserError: what discovery refuses.
    """
    settings = spec.settings
    dynamics = settings.dynamics
    groups.check(dynamics, spec.task)
    if dynamics.kind == "rssm" and not dynamics.match_parameters:
        return settings
    found = (atomic.read_json(folder / NAME) or {}).get("groups")
    if found is None:
        found = _groups(spec, folder, tick)
        atomic.write_json(folder / NAME, {"setting": dynamics.groups, "groups": found})
    settled = DynamicsSettings.model_validate({**dynamics.model_dump(), "groups": found})
    settled.partition(ACTIONS[spec.task])  # a file may hold anything
    logger.info("action groups (%s): %s", dynamics.groups, settled.groups)
    matched = match_parameters(settings.model_copy(update={"dynamics": settled}), ACTIONS[spec.task])
    if dynamics.match_parameters:
        logger.info(
            "matched: %d units before each GRU, %d in it", matched.dynamics.input_units, matched.dynamics.deterministic
        )
    return matched


def random_groups(sizes: list[int], seed: int) -> groups.Groups:
    """A random partition of 0..sum(sizes)-1 into groups of these sizes, a function of the run's seed.

    The groups stand in the order drawn, so that even where all partitions are one, no weight starts as in another run.
    """
    order = generator(seed, Stream.GROUPS).permutation(sum(sizes))
    return [sorted(part.tolist()) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _groups(spec: RunSpec, folder: Path, tick: Callable[[int], None]) -> groups.Groups:
    dynamics, published = spec.settings.dynamics, groups.published(spec.task)
    if dynamics.groups == "published":
        assert published is not None  # checked
        return published
    if dynamics.groups == "random" and published is not None:
        return random_groups([len(group) for group in published], spec.seed)
    if dynamics.groups in ("sd2", "random"):
        settings = spec.settings
        found = discover(spec.task, settings.discovery, _results(spec, folder), tick, settings.renderer).groups
        return found if dynamics.groups == "sd2" else random_groups([len(group) for group in found], spec.seed)
    return dynamics.partition(ACTIONS[spec.task])


def _results(spec: RunSpec, folder: Path) -> Path:
    """The root of all results, for discoveries to be shared; a run outside of any keeps them to itself."""
    root = folder.absolute().parents[3]
    return root if spec.folder(root) == folder.absolute() else folder
