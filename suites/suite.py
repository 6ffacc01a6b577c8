"""The suite format: a YAML file, validated against the settings of every package."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents.registry import AGENTS
from analysis.settings import AnalysisSettings
from common.text import hint, shortened
from common.yaml_reader import Key, Node, Place, read
from envs.registry import is_discrete
from suites import blocks, groups
from suites.catalog import Layer, overlay
from suites.grid import Grid, count
from suites.settings import ANALYSIS, SETTINGS, SLURM, Settings, presets

__all__ = ["Settings", "Suite", "load_suite"]

KEYS = {
    "name": "Name of the suite and of its folder under results/",
    "description": "What the suite shows, in one sentence",
    "tasks": "Tasks or names of task lists",
    "seeds": "Number of seeds (0, 1, ...), or a list of seeds",
    "preset": "Named block of settings that the suite starts from",
    "settings": "Settings of all runs, which override the preset's",
    "variants": "Variants to compare: name -> settings, which override the suite's",
    "sweep": "Setting -> list of values, or a range to draw from, crossed with all variants or those named in `of`",
    "sweep_seed": "Seed of the values that the sweep draws (0)",
    "by_task": "Task or task list -> settings of its runs",
    "comparisons": "Name -> variants to draw in separate figures, by name or pattern",
    "optional": "Variants, by name or pattern, that run only after --only has named them once",
    "published": "Methods in results/published to draw with the runs",
    "slurm": "Settings of the suite's Slurm jobs, which override your own defaults",
    "analysis": "Settings for scores and statistics",
}
MAX_RUNS = 100_000


@dataclass(frozen=True)
class Suite:
    """A validated suite. Settings are layers; those of a run combine the layers of its task and variant.

    Attributes:
        name: Name of the suite and of its results folder.
        description: What the suite shows.
        tasks: Names of tasks, with task lists expanded.
        seeds: Seeds of the runs of each task and variant.
        preset: Name of the preset, or None.
        settings: Settings of all runs, which override the preset's.
        grid: Variants crossed with the sweep.
        by_task: Task -> settings.
        comparisons: Name -> names of the grid, in its order.
        optional: Names of the grid that run only when they are asked for.
        published: Names of published methods.
        slurm: The suite's settings for Slurm jobs; `suites.cluster` adds the user's defaults.
        analysis: Settings for scores and statistics.
        overrides: Settings of the command line, which override all others.
        place: The suite's file.
    """

    name: str
    description: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    preset: str | None
    settings: Layer
    grid: Grid
    by_task: Mapping[str, Layer]
    comparisons: Mapping[str, Sequence[str]]
    optional: frozenset[str]
    published: tuple[str, ...]
    slurm: Layer
    analysis: AnalysisSettings
    overrides: Layer
    place: Place
    _resolved: dict[tuple[str | None, str], Settings] = field(default_factory=dict, repr=False, compare=False)

    def resolve(self, task: str, variant: str) -> Settings:
        """Returns the settings of the runs of a task and variant of the grid; equal layers give the same object."""
        which = (task if task in self.by_task else None, variant)
        if which not in self._resolved:
            layer = self.layer(task, variant)
            settings = SETTINGS.build(layer, self.place)
            _check_length(settings, layer, task, variant)
            self._resolved[which] = settings
        return self._resolved[which]

    def layer(self, task: str, variant: str) -> Layer:
        """Returns the settings that the suite gives for a task and variant of the grid."""
        preset = presets()[self.preset] if self.preset else {}
        return overlay(preset, self.settings, self.by_task.get(task, {}), self.grid[variant].settings, self.overrides)


def load_suite(path: Path, overrides: Sequence[str] = ()) -> Suite:
    """Reads and validates a suite.

    Args:
        path: The suite's YAML file.
        overrides: Settings as `key=value`, which override those of the suite.

    Raises:
        UserError: At the first mistake; the message has the place, what is allowed, and the nearest valid name.
    """
    root = read(path)
    given = _top_level(root)
    for key in ("name", "tasks"):
        if key not in given:
            raise root.place.error(f"the key {key} is missing ({KEYS[key].lower()})")
    absent = Node(None, root.place)
    block = {key: given.get(key, absent) for key in KEYS}

    tasks = blocks.read_tasks(block["tasks"])
    preset = blocks.read_preset(block["preset"])
    settings = SETTINGS.layer(block["settings"])
    changed = blocks.read_overrides(overrides)
    variants = blocks.read_variants(block["variants"])
    if not variants:
        agent = SETTINGS.build(overlay(presets()[preset] if preset else {}, settings, changed), root.place).agent
        variants = {Key(agent, root.place): {}}
    sweep = blocks.read_sweep(block["sweep"], variants, blocks.read_sweep_seed(block["sweep_seed"]))
    seeds = blocks.read_seeds(block["seeds"])
    runs = len(tasks) * count(variants, sweep) * len(seeds)
    if runs > MAX_RUNS:
        raise root.place.error(f"{runs:,} runs; allowed: at most {MAX_RUNS:,} (tasks x variants x sweep x seeds)")
    grid = Grid(variants, sweep)
    suite = Suite(
        name=blocks.read_name(block["name"]),
        description=blocks.read_description(block["description"]),
        tasks=tuple(tasks),
        seeds=seeds,
        preset=preset,
        settings=settings,
        grid=grid,
        by_task=blocks.read_by_task(block["by_task"], tasks),
        comparisons=blocks.read_comparisons(block["comparisons"], list(grid)),
        optional=blocks.read_optional(block["optional"], list(grid)),
        published=blocks.read_published(block["published"]),
        slurm=SLURM.layer(block["slurm"]),
        analysis=ANALYSIS.build(ANALYSIS.layer(block["analysis"]), root.place),
        overrides=changed,
        place=root.place,
    )
    for task in suite.tasks:
        for variant in suite.grid:
            _check_groups(suite, task, variant)
            _check_choices(suite, task, variant)
    return suite


def _top_level(root: Node) -> dict[str, Node]:
    """Returns the suite's blocks; a key without a value counts as absent."""
    for key in root.value:
        if key not in KEYS:
            leaf = key in SETTINGS.leaves or key in SETTINGS.groups
            meant = f"; {key!s} is a setting: put it under settings" if leaf else hint(key, [*KEYS, *SETTINGS.leaves])
            raise key.place.error(f"unknown key {shortened(key)}; allowed: {', '.join(KEYS)}{meant}")
    return {key: node for key, node in root.value.items() if node.value is not None}


def _check_choices(suite: Suite, task: str, variant: str) -> None:
    """Checks that a variant allows discrete actions if the task has them."""
    reasons = suite.resolve(task, variant).continuous_only if is_discrete(task) else {}
    for key, reason in reasons.items():
        place = next((node.place for given, node in suite.layer(task, variant).items() if given == key), suite.place)
        raise place.error(f"variant {variant} of {task}, whose actions are discrete: {key}: {reason}")


def _check_groups(suite: Suite, task: str, variant: str) -> None:
    """Checks that a task's actions can be grouped as a variant requires."""
    try:
        groups.check(suite.resolve(task, variant), task)
    except ValueError as error:
        layer = suite.layer(task, variant)
        guilty = ("dynamics.groups", "dynamics.kind", "dynamics.match_parameters")
        place = next(layer[key].place for wanted in guilty for key in layer if key == wanted)
        raise place.error(f"variant {variant} of {task}: {error}") from None


def _check_length(settings: Settings, layer: Layer, task: str, variant: str) -> None:
    """Checks that a sequence fits into an episode; otherwise no batch could be sampled."""
    episode = math.ceil(settings.time_limit / settings.action_repeat)
    if AGENTS[settings.agent].learns_from in ("sequences", "nothing") and settings.train.batch_length > episode:
        guilty = ("train.batch_length", "action_repeat", "time_limit")
        place = next(layer[key].place for wanted in guilty for key in layer if key == wanted)
        raise place.error(
            f"train.batch_length is {settings.train.batch_length} in variant {variant} of {task}, but an episode has "
            f"{episode} agent steps (time_limit {settings.time_limit} / action_repeat {settings.action_repeat}); "
            f"allowed: at most {episode}"
        )
