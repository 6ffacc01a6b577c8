"""What a shell completes on the command lines: verbs and options, suites, settings and tasks.

argcomplete asks the parser itself, in a new process for each press of Tab. Only then is this module imported.
"""

import argparse
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import argcomplete
from argcomplete.completers import DirectoriesCompleter, FilesCompleter

from common.errors import UserError
from envs.registry import TASKS
from suites.catalog import Catalog
from suites.plan import SELECTORS
from suites.settings import SETTINGS, SLURM
from suites.suite import Suite, load_suite

Completer = Callable[..., Iterable[str]]


def complete(parser: argparse.ArgumentParser) -> None:
    """Prints what may follow the words of the command line, and ends the process."""
    for child in _parsers(parser):
        for action in child._actions:
            if action.dest in COMPLETERS:
                action.completer = COMPLETERS[action.dest]  # type: ignore[attr-defined]  # where argcomplete looks
    argcomplete.autocomplete(parser, always_complete_options="long")


def settings(prefix: str, catalog: Catalog[Any] = SETTINGS, **rest: Any) -> list[str]:
    """Settings as `key=`, or those of a key with each of its choices: `behavior.value=critic`."""
    key, equals, _ = prefix.partition("=")
    if not equals or key not in catalog.leaves:
        return [f"{each}=" for each in catalog.leaves]
    options = catalog.leaves[key].schema
    choices = [choice for option in options.get("anyOf", [options]) for choice in option.get("enum", [])]
    boolean = ["true", "false"] if "boolean" in catalog.leaves[key].types else []
    return [f"{key}={choice}" for choice in (*choices, *boolean)]


def slurm_settings(prefix: str, **rest: Any) -> list[str]:
    """Settings of Slurm jobs."""
    return settings(prefix, SLURM)


def selectors(prefix: str, parsed_args: argparse.Namespace, **rest: Any) -> list[str]:
    """Selectors as `task=`, or one with each of the names in the given suites: `task=dmc_walker_walk`."""
    key, equals, _ = prefix.partition("=")
    if not equals:
        return [f"{each}=" for each in SELECTORS]
    given = [getattr(parsed_args, dest, None) or [] for dest in ("suite", "suites", "sources")]
    names: list[str] = []
    for path in chain(*([each] if isinstance(each, Path) else each for each in given)):
        with suppress(UserError):  # no suite, or one with a mistake
            names += _names(load_suite(path), key)
    return [f"{key}={name}" for name in dict.fromkeys(names)]


def _names(suite: Suite, selector: str) -> list[str]:
    every = {"task": suite.tasks, "variant": tuple(suite.grid), "seed": tuple(map(str, suite.seeds))}
    return list(every.get(selector, ()))


def tasks(**rest: Any) -> Iterable[str]:
    """All listed tasks."""
    return TASKS


def _parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser, and those of its verbs."""
    verbs = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [parser, *(child for choices in verbs for child in choices.values())]


SUITES = FilesCompleter(["yaml", "yml"])
COMPLETERS: dict[str, Any] = {
    "suite": SUITES,
    "suites": SUITES,
    "sources": FilesCompleter(),
    "folder": DirectoriesCompleter(),
    "folders": DirectoriesCompleter(),
    "results": DirectoriesCompleter(),
    "task": tasks,
    "set": settings,
    "slurm": slurm_settings,
    "only": selectors,
}
