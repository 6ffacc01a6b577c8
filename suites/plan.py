"""The plan of a suite: the list of its runs, as immutable data that can be counted, compared and stored."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.text import hint, listed, shortened
from common.yaml_reader import Key, Node, dump, parse
from suites import identity
from suites.catalog import overlay
from suites.identity import Identity
from suites.names import matching
from suites.settings import SETTINGS, Settings
from suites.suite import Suite

SEED = "0|[1-9][0-9]{0,9}"
SELECTORS = ("task", "variant", "seed")
# Group and old name of a setting -> new name, for reading older runs.
RENAMED = {("exploration", "noise"): "amount"}


@dataclass(frozen=True)
class RunName:
    """What distinguishes a run from all others.

    Attributes:
        suite: Name of the suite.
        task: Name of the task.
        variant: Name of the variant, including the point of the sweep.
        seed: Seed of all random numbers in the run.
    """

    suite: str
    task: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """The run's name within its suite, which is also its folder within the suite's folder."""
        return _name(self.task, self.variant, self.seed)

    def folder(self, results: Path) -> Path:
        """Returns the run's folder under the root of all results."""
        return results / self.suite / self.name


@dataclass(frozen=True)
class RunSpec(RunName):
    """The specification of one run: everything that determines what it learns.

    Attributes:
        settings: All settings, defaults included.
    """

    settings: Settings = field(hash=False)  # they may hold lists

    @property
    def identity(self) -> Identity:
        """The identity, which depends only on the task, the seed, the agent and the settings that affect the result."""
        return identity.identify(self.task, self.seed, self.settings)

    def is_same(self, recorded: Identity) -> bool:
        """Whether the identity recorded in a file is certainly that of this run."""
        return identity.is_same(recorded, self.task, self.seed, self.settings)

    def to_yaml(self) -> str:
        """Returns the run as the text of its spec.yaml."""
        names = {"suite": self.suite, "task": self.task, "variant": self.variant, "seed": self.seed}
        settings = self.settings.model_dump(mode="json", by_alias=True)
        return dump({**names, **self.identity.to_json(), "settings": settings})

    @classmethod
    def from_yaml(cls, text: str) -> "RunSpec":
        """Returns the run of a spec.yaml, which an earlier version of the program may have written.

        Settings that did not exist then get their first defaults; renamed settings keep their values.

        Raises:
            UserError: For a text that `to_yaml` cannot have written.
        """
        root = parse(text, "spec.yaml")
        keys: dict[str, type] = {"suite": str, "task": str, "variant": str, "seed": int, "hash": str, "settings": dict}
        if not isinstance(root.value, dict):
            raise root.place.error(f"a run is {root.described()}; allowed: a mapping of {', '.join(keys)}")
        for key, type_ in keys.items():
            node: Node | None = root.value.get(key)
            if node is None or not isinstance(node.value, type_):
                found = "missing" if node is None else node.described()
                raise (node or root).place.error(f"{key} is {found}; this program did not write the file")
        missing = SETTINGS.layer(parse(dump(dict(identity.FIRST_DEFAULTS)), "first defaults"))
        settings = SETTINGS.build(overlay(missing, SETTINGS.layer(_renamed(root.value["settings"]))), root.place)
        return cls(
            **{key: root.value[key].value for key in SELECTORS}, suite=root.value["suite"].value, settings=settings
        )


def _renamed(settings: Node) -> Node:
    """Returns a run's settings by their present names."""
    for (group, old), new in RENAMED.items():
        block = settings.value.get(group)
        if block is not None and isinstance(block.value, dict) and old in block.value:
            key = next(key for key in block.value if key == old)
            block.value[Key(new, key.place)] = block.value.pop(old)
    return settings


def plan(suite: Suite, only: Mapping[str, Sequence[str]] = {}, results: Path | None = None) -> list[RunSpec]:
    """Returns the runs of a suite, ordered by task, variant and seed.

    Optional variants are left out unless they are selected or have begun.

    Args:
        suite: The suite.
        only: Selector (task, variant or seed) -> names or shell-style patterns of those to keep.
        results: The root of all results, where optional variants may have begun.

    Raises:
        UserError: For an unknown selector, or a pattern that matches nothing.
    """
    for selector in only:
        if selector not in SELECTORS:
            near = hint(selector, SELECTORS)
            raise UserError(f"--only: unknown selector {shortened(selector)}; allowed: {', '.join(SELECTORS)}{near}")
    tasks = _select(suite.tasks, only.get("task"), "task")
    variants = _select(list(suite.grid), only.get("variant"), "variant")
    seeds = _select([str(seed) for seed in suite.seeds], only.get("seed"), "seed")
    if "variant" not in only:
        homes = [results / suite.name / task for task in suite.tasks] if results else []
        begun = {name for name in suite.optional if any((home / name).is_dir() for home in homes)}
        variants = [name for name in variants if name in begun or name not in suite.optional]
    return [
        RunSpec(suite.name, task, variant, int(seed), settings)
        for task in tasks
        for variant in variants
        for settings in [suite.resolve(task, variant)]
        for seed in seeds
    ]


def named(suite: str, name: str) -> RunName | None:
    """Returns the run of a suite with a name; None if no run has such a name, as in a damaged file."""
    task, variant, seed = parts if len(parts := name.split("/")) == 3 else ("", "", "")
    if not task or not variant or ".." in parts or not re.fullmatch(SEED, seed):
        return None
    return RunName(suite, task, variant, int(seed))


def names(suite: Suite) -> frozenset[str]:
    """Returns the names of all runs that a suite names, optional ones too."""
    return frozenset(
        _name(task, variant, seed) for task in suite.tasks for variant in suite.grid for seed in suite.seeds
    )


def selection(items: Iterable[str]) -> dict[str, list[str]]:
    """Reads the command line's selectors: `task=a,b`, `variant=horizon=*`, `seed=0`.

    Raises:
        UserError: For a selector that does not have this form.
    """
    only: dict[str, list[str]] = {}
    for item in items:
        selector, equals, wanted = item.partition("=")
        if not equals:
            raise UserError(
                f"--only {shortened(item)}: no value; expected one of {', '.join(f'{name}=NAME' for name in SELECTORS)}"
            )
        only.setdefault(selector, []).append(wanted)
    return only


def difference(one: RunSpec, other: RunSpec) -> dict[str, tuple[Any, Any]]:
    """Returns the differences between two runs that affect the result: dotted key -> both values."""
    left = {"task": one.task, "seed": one.seed, **one.settings.flat}
    right = {"task": other.task, "seed": other.seed, **other.settings.flat}
    read = {"task", "seed", *(key for run in (one, other) for key in identity.effective(run.task, run.settings))}
    return {key: (left[key], right[key]) for key in left if left[key] != right[key] and key in read}


def _name(task: str, variant: str, seed: int) -> str:
    return f"{task}/{variant}/{seed}"


def _select(names: Sequence[str], wanted: Sequence[str] | None, selector: str) -> list[str]:
    """Returns the names that match any pattern, in their original order.

    An entry that equals a name selects that name; any other is a comma-separated list of patterns.
    """
    if wanted is None:
        return list(names)
    known = set(names)
    chosen: set[str] = set()
    for entry in wanted:
        for pattern in [entry] if entry in known else entry.split(","):
            found = matching(pattern, names)
            if not found:
                raise UserError(
                    f"--only {selector}={shortened(pattern)}: no such {selector}; allowed: {listed(names)}"
                    f"{hint(pattern, names)}"
                )
            chosen |= {*found}
    return [name for name in names if name in chosen]
