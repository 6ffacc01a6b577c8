"""The suite format: a YAML file, validated against the settings of every room."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from agents.settings import AgentSettings
from analysis.settings import AnalysisSettings
from envs.settings import EnvSettings
from runs.settings import NO_EFFECT, RunSettings, SlurmSettings
from suites.catalog import Catalog, Layer, text, values
from suites.document import Key, Node, Place, parse, read
from suites.errors import hint
from suites.names import check_apart, check_name
from suites.tasks import canonical, expand, expand_all, task_lists

HERE = Path(__file__).parent
PUBLISHED = HERE.parent / "results" / "published"

__all__ = ["NO_EFFECT", "Settings", "Suite", "load_suite", "presets"]
KEYS = {
    "name": "Name of the suite, and of its folder under results/",
    "description": "What the suite shows, in a sentence",
    "tasks": "Tasks, or names of task lists",
    "seeds": "How many seeds (0, 1, ...), or a list of them",
    "preset": "Named block of settings that the suite starts from",
    "settings": "Settings of all runs, over the preset's",
    "variants": "What is compared: name -> settings, over the suite's own",
    "sweep": "Setting -> list of values, crossed with the variants",
    "by_task": "Task or task list -> settings of its runs",
    "published": "Methods under results/published to draw beside the runs",
    "slurm": "What a run asks of a Slurm cluster",
    "analysis": "How returns become scores, and scores statistics",
}
MAX_SEED = 2**32 - 1  # numpy's
MAX_RUNS = 100_000


class Settings(AgentSettings, EnvSettings, RunSettings):
    """All settings of one run: who learns, in which world, and how the run goes."""

    @cached_property
    def identity(self) -> str:
        """Canonical JSON of the settings that affect the result."""
        effective = {key: value for key, value in values(self).items() if key not in NO_EFFECT}
        return json.dumps(effective, sort_keys=True, separators=(",", ":"))


SETTINGS = Catalog(Settings, "setting")
SLURM = Catalog(SlurmSettings, "slurm setting")
ANALYSIS = Catalog(AnalysisSettings, "analysis setting")


@dataclass(frozen=True)
class Suite:
    """A validated suite. Settings are layers, and a run's are those of its task and variant laid over each other.

    Attributes:
        name: Name of the suite and of its results folder.
        description: What it shows.
        tasks: Names of tasks, lists resolved.
        seeds: Seeds of the runs of a task and variant.
        preset: Name of the preset, or None.
        settings: Settings of all runs, over the preset's.
        variants: Variant -> settings.
        sweep: Setting -> values.
        by_task: Task -> settings.
        published: Names of published baselines.
        slurm: What a run asks of a cluster.
        analysis: How scores are computed.
        overrides: Settings of the command line; they win over all others.
        place: Where the suite stands.
    """

    name: str
    description: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    preset: str | None
    settings: Layer
    variants: Mapping[Key, Layer]
    sweep: Mapping[Key, Sequence[Node]]
    by_task: Mapping[str, Layer]
    published: tuple[str, ...]
    slurm: SlurmSettings
    analysis: AnalysisSettings
    overrides: Layer
    place: Place
    _resolved: dict[tuple[str | None, str], Settings] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def grid(self) -> dict[str, Layer]:
        """Variants crossed with the sweep: name -> settings of the variant and of the sweep's point."""
        short = _short(self.sweep)
        named = len(self.variants) > 1 or not self.sweep
        grid: dict[str, Layer] = {}
        seen: dict[str, Key] = {}
        for variant, layer in self.variants.items():
            for point in itertools.product(*self.sweep.values()):
                swept = dict(zip(self.sweep, point, strict=True))
                parts: list[str] = [variant] if named else []
                parts += [f"{short[key]}={text(node.plain())}" for key, node in swept.items()]
                name = Key("+".join(parts), point[-1].place if point else variant.place)
                check_name(name, "variant", name.place)
                check_apart(seen, name, "variant")
                grid[name] = {**layer, **swept}
        return grid

    def resolve(self, task: str, variant: str) -> Settings:
        """Returns the settings of the runs of a task and variant of the grid; the same object for equal layers."""
        which = (task if task in self.by_task else None, variant)
        if which not in self._resolved:
            preset = presets()[self.preset] if self.preset else {}
            layer = _over(preset, self.settings, self.by_task.get(task, {}), self.grid[variant], self.overrides)
            settings = SETTINGS.build(layer, self.place)
            _check_together(settings, layer, task, variant)
            self._resolved[which] = settings
        return self._resolved[which]


def load_suite(path: Path, overrides: Sequence[str] = ()) -> Suite:
    """Reads and validates a suite.

    Args:
        path: The suite's YAML file.
        overrides: Settings as `key=value`; they win over all of the suite's.

    Raises:
        UserError: With the place of the first mistake, what is allowed, and the nearest right name.
    """
    root = read(path)
    given = _top_level(root)
    missing = [key for key in ("name", "tasks") if key not in given]
    if missing:
        raise root.place.error(f"the key {missing[0]} is missing ({KEYS[missing[0]].lower()})")
    absent = Node(None, root.place)

    tasks = expand_all(_entries(given["tasks"], "tasks", "names of tasks or task lists"))
    preset = _preset(given.get("preset", absent))
    settings = SETTINGS.layer(given.get("settings", absent))
    variants = _variants(given.get("variants", absent))
    set_ = _overrides(overrides)
    if not variants:
        agent = next(
            (
                layer[key].value
                for layer in (set_, settings, presets().get(preset or "", {}))
                for key in layer
                if key == "agent"
            ),
            Settings().agent,
        )
        variants = {Key(agent, given["name"].place): {}}
    suite = Suite(
        name=_name(given["name"]),
        description=_text(given["description"], "description") if "description" in given else "",
        tasks=tuple(tasks),
        seeds=_seeds(given["seeds"]) if "seeds" in given else (0,),
        preset=preset,
        settings=settings,
        variants=variants,
        sweep=_sweep(given.get("sweep", absent), variants),
        by_task=_by_task(given.get("by_task", absent), tasks),
        published=_published(given.get("published", absent)),
        slurm=SLURM.build(SLURM.layer(given.get("slurm", absent)), root.place),
        analysis=ANALYSIS.build(ANALYSIS.layer(given.get("analysis", absent)), root.place),
        overrides=set_,
        place=root.place,
    )
    _check_grid(suite)
    return suite


@cache
def presets() -> Mapping[str, Layer]:
    """Returns the named blocks of settings in presets.yaml."""
    return {str(name): SETTINGS.layer(block) for name, block in read(HERE / "presets.yaml").value.items()}


def _top_level(root: Node) -> dict[str, Node]:
    """Returns the suite's blocks; one without a value counts as absent."""
    for key in root.value:
        if key not in KEYS:
            leaf = key in SETTINGS.leaves or key in SETTINGS.groups
            meant = f"; {key!s} is a setting: put it under settings" if leaf else hint(key, KEYS)
            raise key.place.error(f"unknown key {key!s}; allowed: {', '.join(KEYS)}{meant}")
    return {key: node for key, node in root.value.items() if node.value is not None}


def _name(node: Node) -> str:
    name = check_name(_text(node, "name"), "name", node.place)
    if name.casefold() == PUBLISHED.name:
        raise node.place.error(f"results/{PUBLISHED.name} holds published scores; allowed: any other name")
    return name


def _text(node: Node, key: str) -> str:
    if not isinstance(node.value, str):
        raise node.place.error(f"{key} is {node.described()}; allowed: text (numbers and true or false in quotes)")
    return node.value


def _entries(node: Node, key: str, what: str) -> list[Node]:
    """Returns a list's entries; a single text stands for a list of one."""
    entries = [node] if isinstance(node.value, str) else node.value
    if not isinstance(entries, list) or not entries:
        raise node.place.error(f"{key} is {node.described()}; allowed: a list of {what}")
    return entries


def _seeds(node: Node) -> tuple[int, ...]:
    rule = f"allowed: a count from 1 to {MAX_RUNS}, or a list of different integers from 0 to {MAX_SEED}"
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 1 <= node.value <= MAX_RUNS:
        return tuple(range(node.value))
    if not isinstance(node.value, list) or not node.value:
        raise node.place.error(f"seeds is {node.described()}; {rule}")
    seeds: dict[int, Place] = {}
    for entry in node.value:
        if not isinstance(entry.value, int) or isinstance(entry.value, bool) or not 0 <= entry.value <= MAX_SEED:
            raise entry.place.error(f"a seed is {entry.described()}; {rule}")
        if entry.value in seeds:
            raise entry.place.error(f"seed {entry.value} is given twice, first at {seeds[entry.value]}; {rule}")
        seeds[entry.value] = entry.place
    return tuple(seeds)


def _preset(node: Node) -> str | None:
    if node.value is None:
        return None
    name = _text(node, "preset")
    if name not in presets():
        raise node.place.error(f"unknown preset {name}; allowed: {', '.join(presets())}{hint(name, presets())}")
    return name


def _mapping(node: Node, key: str, what: str) -> dict[Key, Node]:
    if node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise node.place.error(f"{key} is {node.described()}; allowed: a mapping of {what}")
    return node.value


def _variants(node: Node) -> dict[Key, Layer]:
    variants: dict[Key, Layer] = {}
    for name, block in _mapping(node, "variants", "name: settings").items():
        check_name(name, "variant", name.place)
        variants[name] = SETTINGS.layer(block)
    if node.value is not None and not variants:
        raise node.place.error("variants is empty, so there is nothing to run; allowed: name: settings, or no variants")
    return variants


def _sweep(node: Node, variants: Mapping[Key, Layer]) -> dict[Key, list[Node]]:
    sweep: dict[Key, list[Node]] = {}
    for key, values_ in SETTINGS.flatten(node).items():
        if not isinstance(values_.value, list) or not values_.value:
            raise values_.place.error(f"sweep of {key!s} is {values_.described()}; allowed: a list of values")
        for value in values_.value:
            SETTINGS.leaves[key].check(value)
        for name, layer in variants.items():
            own = next((mine for mine in layer if mine == key), None)
            if own is not None:
                raise key.place.error(
                    f"{key!s} is swept, but variant {name!s} sets it at {own.place}; do one of the two"
                )
        sweep[key] = values_.value
    return sweep


def _by_task(node: Node, tasks: Mapping[str, Place]) -> dict[str, Layer]:
    """Returns the settings of each task; those under its own name win over those under a list's."""
    named = {canonical(task): task for task in tasks}
    lists: dict[str, dict[Key, Node]] = {}
    singles: dict[str, dict[Key, Node]] = {}
    for name, block in _mapping(node, "by_task", "task or task list: settings").items():
        members = [named[canonical(task)] for task in expand(Node(str(name), name.place)) if canonical(task) in named]
        if not members:
            raise name.place.error(f"{name!s} is not among the suite's tasks{hint(name, tasks)}")
        layer = SETTINGS.layer(block)
        into = lists if name in task_lists() else singles
        for task in members:
            mine = into.setdefault(task, {})
            for key in layer:
                first = next((known for known in mine if known == key), None)
                if first is not None:
                    raise key.place.error(f"{key!s} of {task} is given twice, first at {first.place}; give it once")
            mine.update(layer)
    return {
        task: _over(lists.get(task, {}), singles.get(task, {})) for task in tasks if task in lists or task in singles
    }


def _published(node: Node) -> tuple[str, ...]:
    methods: dict[str, Place] = {}
    if not node.value and isinstance(node.value, list | None):
        return ()
    known = sorted(path.stem for path in PUBLISHED.glob("*.json"))
    for entry in _entries(node, "published", "methods under results/published"):
        name = _text(entry, "a published method")
        if PUBLISHED.is_dir() and name not in known:
            raise entry.place.error(f"unknown published method {name}; allowed: {', '.join(known)}{hint(name, known)}")
        if name in methods:
            raise entry.place.error(f"{name} is given twice, first at {methods[name]}; name it once")
        methods[name] = entry.place
    return tuple(methods)


def _overrides(items: Sequence[str]) -> Layer:
    """Reads the command line's `key=value` settings."""
    block: dict[Key, Node] = {}
    for item in items:
        key, equals, value = item.partition("=")
        place = Place(f"--set {item}")
        if not equals:
            raise place.error("no value; needed is key=value (the suite's file goes before --set)")
        if key in block:
            raise place.error(f"{key} is set twice; set it once")
        block[Key(key.strip(), place)] = _at(parse(value or "null", place.source), place)
    return SETTINGS.layer(Node(block, Place("--set")))


def _at(node: Node, place: Place) -> Node:
    """Returns a node with all its parts at one place, as lines and columns say nothing of an option."""
    value = node.value
    if isinstance(value, dict):
        value = {Key(key, place): _at(part, place) for key, part in value.items()}
    elif isinstance(value, list):
        value = [_at(part, place) for part in value]
    return Node(value, place, node.size)


def _over(*layers: Layer) -> dict[Key, Node]:
    """Lays settings over each other; each keeps the place of the one that won."""
    over: dict[Key, Node] = {}
    for layer in layers:
        for key, node in layer.items():
            over.pop(key, None)
            over[key] = node
    return over


def _short(keys: Mapping[Key, object]) -> dict[str, str]:
    """Returns the shortest dotted suffix of each key that no other key ends with."""

    def suffix(key: str, parts: int) -> str:
        return ".".join(key.split(".")[-parts:])

    short = {}
    for key in keys:
        others = [other for other in keys if other != key]
        lengths = range(1, key.count(".") + 2)
        short[str(key)] = next(
            (suffix(key, n) for n in lengths if all(suffix(key, n) != suffix(other, n) for other in others)), str(key)
        )
    return short


def _check_grid(suite: Suite) -> None:
    """Checks what only shows when the suite's blocks are put together.

    Raises:
        UserError: For too many runs, colliding variants, or settings that contradict each other.
    """
    points = math.prod(len(values_) for values_ in suite.sweep.values())
    runs = len(suite.tasks) * len(suite.variants) * points * len(suite.seeds)
    if runs > MAX_RUNS:
        raise suite.place.error(f"{runs:,} runs; allowed: at most {MAX_RUNS:,} (tasks x variants x sweep x seeds)")
    for task in suite.tasks:
        for variant in suite.grid:
            suite.resolve(task, variant)


def _check_together(settings: Settings, layer: Layer, task: str, variant: str) -> None:
    """Checks that a sequence fits into an episode, or else no batch could ever be drawn."""
    episode = math.ceil(settings.time_limit / settings.action_repeat)
    if settings.train.batch_length > episode:
        guilty = ("train.batch_length", "action_repeat", "time_limit")
        place = next(layer[key].place for wanted in guilty for key in layer if key == wanted)
        raise place.error(
            f"train.batch_length is {settings.train.batch_length} in variant {variant} of {task}, but an episode has "
            f"{episode} agent steps (time_limit {settings.time_limit} / action_repeat {settings.action_repeat}); "
            f"allowed: at most {episode}"
        )
