"""`launch.py discover`: its options, and its result as text or JSON."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.settings import DiscoverySettings
from common.errors import UserError
from common.text import counted, shortened
from common.yaml_reader import Key, Node, Place, parse
from discovery import sd2
from discovery.discovery import Discovery, stability
from discovery.search import discover
from discovery.store import stability_file
from suites.catalog import Catalog

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# A Rela closer than this to eta is a close decision: at 20,000 steps, it varies about as much between seeds.
CLOSE = 0.05
DECIMALS = range(3, 17)  # that a Rela is printed with


def read_options(options: Mapping[str, str], seeds: Sequence[str]) -> list[DiscoverySettings]:
    """The settings of a discovery for each seed, from the options of the command line.

    Raises:
        UserError: for a value that is not allowed, or a seed given twice.
    """
    catalog = Catalog(DiscoverySettings, "option")
    settings = []
    for seed in seeds or [str(DiscoverySettings().seed)]:
        block = {}
        for name, text in {**options, "seed": seed}.items():
            place = Place(f"--{name} {shortened(text)}")
            block[Key(name, place)] = Node(parse(text or "null", place.source).value, place)
        requested = catalog.build(catalog.layer(Node(block, Place("discover"))), Place("discover"))
        if requested in settings:
            raise UserError(f"--seed {shortened(seed)}: given twice; give each seed once")
        settings.append(requested)
    return settings


def discover_all(task: str, settings: Sequence[DiscoverySettings], results: Path) -> list[Discovery]:
    """Runs a discovery with each of the settings, which differ in their seeds.

    Shows a progress bar on standard error if that is a terminal.

    Raises:
        UserError: see `discovery.search.discover`.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    found = []
    with Progress(console=console, disable=not console.is_terminal) as progress:
        for each in settings:
            bar = progress.add_task(f"{task}, seed {each.seed}", total=each.steps)
            found.append(discover(task, each, results, partial(_advance, progress, bar)))
            progress.update(bar, completed=each.steps)  # also if it was cached
    return found


def to_json(found: Sequence[Discovery]) -> str:
    """A discovery as JSON; several, which differ in their seeds, also with the stability of their groups."""
    results = [_result(each) for each in found]
    if len(found) == 1:
        return json.dumps(results[0])
    shares = stability(found)
    seeds = [each.settings.seed for each in found]
    return json.dumps({"seeds": seeds, "results": results, "stability": shares.tolist()})


def describe(found: Sequence[Discovery]) -> str:
    """Discoveries as text: groups, merge paths, how close the decisions were, file paths, and stability."""
    texts = [f"{_describe(each)}\nfiles: {each.folder}" for each in found]
    if len(found) > 1:
        texts.append(f"{_shares(found)}\nfile: {stability_file(found)}")
    return "\n\n".join(texts)


def _result(found: Discovery) -> dict[str, Any]:
    return {
        "groups": found.groups,
        "names": found.names,
        "merges": [{"a": list(merge.a), "b": list(merge.b), "rela": merge.rela} for merge in found.merges],
        "correlations": found.correlations.tolist(),
    }


def _describe(found: Discovery) -> str:
    settings = found.settings
    lines = [
        f"{found.task}: {counted(len(found.groups), 'group')} of {counted(len(found.action_names), 'action')}, from "
        f"{settings.steps:,} random steps, {settings.input}, seed {settings.seed}",
        *(f"  {group}  {', '.join(names)}" for group, names in zip(found.groups, found.names, strict=True)),
    ]
    if found.merges:
        lines.append("merge path, by Rela")
    form = f"{_decimals(found) + 3}.{_decimals(found)}f"
    stopped = False
    for merge in found.merges:
        if merge.rela < settings.eta and not stopped:
            lines.append(f"  {settings.eta:{form}}  eta: merging stops here")
            stopped = True
        lines.append(f"  {merge.rela:{form}}  {list(merge.a)} + {list(merge.b)}")
    return "\n".join([*lines, *_decision(found)])


def _decimals(found: Discovery) -> int:
    """The fewest decimals, at least three, that distinguish eta from every other Rela of the path and from 0."""
    eta = found.settings.eta
    others = {0.0, *(merge.rela for merge in found.merges)} - {eta}
    distinct = (digits for digits in DECIMALS if all(round(rela, digits) != round(eta, digits) for rela in others))
    return next(distinct, DECIMALS[-1])


def _shares(found: Sequence[Discovery]) -> str:
    """A table of how often each pair of actions is in one group."""
    names = found[0].action_names
    width = max(map(len, names))
    head = " " * width + "".join(f"{index:>5}" for index in range(len(names)))
    rows = [
        f"{name:<{width}}" + "".join(f"{share:5.2f}" for share in row)
        for name, row in zip(names, stability(found), strict=True)
    ]
    return "\n".join([f"share of {len(found)} seeds in which two actions are in one group", head, *rows])


def _decision(found: Discovery) -> list[str]:
    """How close the decision to stop merging was; for a close one, also the groups on the other side of it."""
    eta, margins = found.settings.eta, found.margins
    form = f".{_decimals(found)}f"
    made = "nothing merged" if margins.accepted is None else f"merged down to Rela {margins.accepted:{form}}"
    left = "nothing is left to merge" if margins.rejected is None else f"the next would be {margins.rejected:{form}}"
    lines = [f"{made}, {left}; eta {eta:g}"]
    for side, rela in (("above", margins.accepted), ("below", margins.rejected)):
        if rela is not None and abs(rela - eta) < CLOSE:
            beyond = np.nextafter(rela, np.inf if side == "above" else -np.inf)
            other = sd2.groups(found.merges, len(found.action_names), beyond)
            lines.append(f"close decision: eta {side} {rela:{form}} would give {other}")
    return lines


def _advance(progress: "Progress", bar: "TaskID", steps: int) -> None:
    progress.update(bar, completed=steps)
