"""Readers for the blocks of a suite; every mistake is an error with its place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.text import hint, listed, shortened
from common.yaml_reader import Key, Node, Place, own, parse
from envs.registry import canonical
from suites import sampling
from suites.catalog import Catalog, Layer, overlay
from suites.grid import Sweep
from suites.names import check_apart, check_name, matching
from suites.settings import SETTINGS, presets
from suites.tasks import expand, expand_all, task_lists

PUBLISHED = Path(__file__).parent.parent / "results" / "published"
RESERVED = ("published", "sd2", "showcase")  # folders under results/ that belong to the repository
SAMPLED = (*sampling.DISTRIBUTIONS, sampling.SAMPLES)  # the keys of a setting whose values are drawn
SWEPT = ("of", "values", *SAMPLED)
MAX_SEED = 2**32 - 1  # numpy's limit
MAX_SEEDS = 100_000


def read_name(node: Node) -> str:
    """Returns the suite's name, which is safe as a folder name."""
    name = check_name(_text(node, "name"), "name", node.place)
    if name.casefold() in RESERVED:
        raise node.place.error(f"results/{name} does not hold runs; allowed: names other than {', '.join(RESERVED)}")
    return name


def read_description(node: Node) -> str:
    """Returns the description, empty if there is none."""
    return "" if node.value is None else _text(node, "description")


def read_tasks(node: Node) -> dict[str, Place]:
    """Returns the suite's tasks, each with the place where it is named."""
    return expand_all(_entries(node, "tasks", "names of tasks or task lists"))


def _text(node: Node, key: str) -> str:
    if not isinstance(node.value, str):
        raise node.place.error(f"{key} is {node.described()}; allowed: text (numbers and true or false in quotes)")
    return node.value


def _entries(node: Node, key: str, what: str) -> list[Node]:
    """Returns a list's entries; a single text counts as a list of one entry."""
    entries = [node] if isinstance(node.value, str) else node.value
    if not isinstance(entries, list) or not entries:
        raise node.place.error(f"{key} is {node.described()}; allowed: a list of {what}")
    return entries


def read_seeds(node: Node) -> tuple[int, ...]:
    """Returns the seeds of a count or list; only 0 if neither is given."""
    if node.value is None:
        return (0,)
    rule = f"allowed: a count from 1 to {MAX_SEEDS}, or a list of different integers from 0 to {MAX_SEED}"
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 1 <= node.value <= MAX_SEEDS:
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


def read_preset(node: Node) -> str | None:
    """Returns the name of a known preset, or None."""
    if node.value is None:
        return None
    name = _text(node, "preset")
    if name not in presets():
        allowed = ", ".join(presets())
        raise node.place.error(f"unknown preset {shortened(name)}; allowed: {allowed}{hint(name, presets())}")
    return name


def _mapping(node: Node, key: str, what: str) -> dict[Key, Node]:
    if node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise node.place.error(f"{key} is {node.described()}; allowed: a mapping of {what}")
    return node.value


def read_variants(node: Node) -> dict[Key, Layer]:
    """Returns the settings of each variant; empty if there is no such block."""
    variants: dict[Key, Layer] = {}
    for name, block in _mapping(node, "variants", "name: settings").items():
        check_name(name, "variant", name.place)
        variants[name] = SETTINGS.layer(block)
    if node.value is not None and not variants:
        raise node.place.error("variants is empty, so there is nothing to run; allowed: name: settings, or no variants")
    return variants


def read_sweep(node: Node, variants: Mapping[Key, Layer], seed: int) -> dict[Key, Sweep]:
    """Returns the values of each swept setting and the variants that sweep it, which must not also set it."""
    listed_: dict[Key, Sequence[Node]] = {}
    ranges: dict[frozenset[str], list[sampling.Range]] = {}
    names: dict[Key, frozenset[str]] = {}
    for key, block in SETTINGS.flatten(node).items():
        values_, names[key] = _read_swept(key, block, variants)
        if isinstance(values_, sampling.Range):
            ranges.setdefault(names[key], []).append(values_)
        else:
            listed_[key] = values_
        for name, layer in variants.items():
            if name in names[key] and (fixed := own(layer, key)):
                raise key.place.error(
                    f"{key!s} is swept, but variant {name!s} sets it at {fixed.place}; remove one of the two"
                )
    drawn = {key: values_ for group in ranges.values() for key, values_ in sampling.together(group, seed).items()}
    return {key: Sweep({**listed_, **drawn}[key], of, key in drawn) for key, of in names.items()}


def read_sweep_seed(node: Node) -> int:
    """Returns the seed of sampled sweeps, 0 if none is given."""
    if node.value is None:
        return 0
    if type(node.value) is not int or not 0 <= node.value <= MAX_SEED:
        raise node.place.error(f"sweep_seed is {node.described()}; allowed: an integer from 0 to {MAX_SEED}")
    return node.value


def _read_swept(
    key: Key, block: Node, variants: Mapping[Key, Layer]
) -> tuple[Sequence[Node] | sampling.Range, frozenset[str]]:
    """Returns the values of a swept setting, listed or to be drawn, and the variants that sweep it."""
    everywhere = frozenset(map(str, variants))
    if not isinstance(block.value, dict):
        return _read_values(key, block), everywhere
    for part in block.value:
        if part not in SWEPT:
            raise part.place.error(f"unknown key {shortened(part)}; allowed: {', '.join(SWEPT)}{hint(part, SWEPT)}")
    drawn = [part for part in SAMPLED if part in block.value]
    needed = () if drawn else ("of", "values")
    for part in needed:
        if part not in block.value:
            raise block.place.error(
                f"sweep of {key!s} has no {part}; allowed: a list of values, of and values, or a range and samples"
            )
    if drawn and "values" in block.value:
        raise block.place.error(f"sweep of {key!s} has values and {drawn[0]}; give one of the two")
    of = _read_of(key, block.value["of"], list(variants)) if "of" in block.value else everywhere
    return (sampling.read(key, block) if drawn else _read_values(key, block.value["values"])), of


def _read_values(key: Key, node: Node) -> Sequence[Node]:
    """Returns the listed values of a swept setting."""
    if not isinstance(node.value, list) or not node.value:
        raise node.place.error(f"sweep of {key!s} is {node.described()}; allowed: a list of values")
    for value in node.value:
        SETTINGS.leaves[key].check(value)
    return node.value


def _read_of(key: Key, node: Node, variants: Sequence[str]) -> frozenset[str]:
    """Returns the variants that sweep a setting."""
    of: dict[str, Place] = {}
    for entry in _entries(node, f"of {key!s}", "variants"):
        name = _text(entry, "a swept variant")
        if name not in variants:
            raise entry.place.error(
                f"unknown variant {shortened(name)}; allowed: {listed(variants)}{hint(name, variants)}"
            )
        if name in of:
            raise entry.place.error(f"{name} is given twice, first at {of[name]}; name it once")
        of[name] = entry.place
    return frozenset(of)


def read_comparisons(node: Node, names: Sequence[str]) -> dict[str, list[str]]:
    """Returns the grid's names in each comparison, in the grid's order; every entry must add at least one."""
    comparisons: dict[str, list[str]] = {}
    seen: dict[str, Key] = {}
    for name, block in _mapping(node, "comparisons", "name: variants").items():
        check_name(name, "comparison", name.place)
        check_apart(seen, name, "comparison")
        comparisons[str(name)] = _chosen(block, f"comparison {name!s}", names)
    return comparisons


def read_optional(node: Node, names: Sequence[str]) -> frozenset[str]:
    """Returns the grid's names that run only when they are asked for."""
    return frozenset() if node.value is None else frozenset(_chosen(node, "optional", names))


def _chosen(node: Node, key: str, names: Sequence[str]) -> list[str]:
    """Returns the grid's names that a list selects, in the grid's order; every entry must add at least one."""
    chosen: set[str] = set()
    for entry in _entries(node, key, "variants"):
        found = {*matching(pattern := _text(entry, f"a variant in {key}"), names)}
        if not found:
            raise entry.place.error(
                f"no such variant {shortened(pattern)}; allowed: {listed(names)}{hint(pattern, names)}"
            )
        if found <= chosen:
            raise entry.place.error(f"{pattern} adds no variant to {key}; name each once")
        chosen |= found
    return [known for known in names if known in chosen]


def read_by_task(node: Node, tasks: Mapping[str, Place]) -> dict[str, Layer]:
    """Returns the settings of each task; those under the task's name override those under a task list's."""
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
                if first := own(mine, key):
                    raise key.place.error(f"{key!s} of {task} is given twice, first at {first.place}; give it once")
            mine.update(layer)
    return {task: overlay(lists.get(task, {}), singles.get(task, {})) for task in tasks if task in {**lists, **singles}}


def read_published(node: Node) -> tuple[str, ...]:
    """Returns the names of published methods; the folder that contains them may be missing."""
    if node.value is None or node.value == []:
        return ()
    methods: dict[str, Place] = {}
    known = sorted(path.stem for path in PUBLISHED.glob("*.json"))
    for entry in _entries(node, "published", "methods under results/published"):
        name = _text(entry, "a published method")
        if PUBLISHED.is_dir() and name not in known:
            raise entry.place.error(
                f"unknown published method {shortened(name)}; allowed: {', '.join(known)}{hint(name, known)}"
            )
        if name in methods:
            raise entry.place.error(f"{name} is given twice, first at {methods[name]}; name it once")
        methods[name] = entry.place
    return tuple(methods)


def read_overrides(items: Sequence[str], option: str = "--set", catalog: Catalog[Any] = SETTINGS) -> Layer:
    """Reads the `key=value` settings of a command-line option."""
    block: dict[Key, Node] = {}
    for item in items:
        key, equals, value = item.partition("=")
        place = Place(f"{option} {shortened(item)}")
        if not equals:
            raise place.error(f"no value; expected key=value (the suite's file goes before {option})")
        if key in block:
            raise place.error(f"{key} is set twice; set it once")
        block[Key(key.strip(), place)] = _at(parse(value or "null", place.source), place)
    return catalog.layer(Node(block, Place(option)))


def _at(node: Node, place: Place) -> Node:
    """Returns a node with all its parts at one place, because an option has no lines and columns."""
    value = node.value
    if isinstance(value, dict):
        value = {Key(key, place): _at(part, place) for key, part in value.items()}
    elif isinstance(value, list):
        value = [_at(part, place) for part in value]
    return Node(value, place, node.size)
