"""Compared runs that differ not only in their variants: settings, code, renderers or devices."""

from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.checks.data import Data
from analysis.checks.finding import Finding, grouped, listed, mixed, shares
from analysis.scores import COMMIT, values_of
from analysis.statistics import PAIR
from common.text import counted


def check(data: Data) -> Iterator[Finding]:
    """All checks of the origin of compared runs."""
    runs = data.compared
    known = runs[runs["settings"] != ""]
    yield _between_seeds(known)
    yield _between_tasks(known)
    yield _action_repeats(data)
    count, items = mixed(runs, "renderer")
    yield Finding(
        "mixed renderers", "serious", count, f"compared runs used different renderers on {counted(count, 'task')}",
        "kept: the images of two renderers differ slightly", items,
    )  # fmt: skip
    count, items = mixed(runs, "commit", lambda commit: f"commit {commit[:COMMIT]}")
    yield Finding(
        "mixed commits", "minor", count, f"compared runs have different commits on {counted(count, 'task')}",
        "kept: the changes between commits may also affect scores", items,
    )  # fmt: skip
    dirty = runs[runs["dirty"] == "dirty"]
    commits = {str(commit): group for commit, group in dirty.groupby("commit", sort=False)}
    yield Finding(
        "uncommitted changes", "minor", len(dirty), f"{counted(len(dirty), 'run')} with uncommitted changes",
        "kept: the commit alone does not reproduce them; the changes are in provenance.json",
        tuple(f"commit {commit[:COMMIT] or 'unknown'}: {shares(group)}" for commit, group in commits.items()),
    )  # fmt: skip
    count, items = mixed(runs, "device")
    yield Finding(
        "mixed devices", "minor" if data.settings.x == "hours" else "note", count,
        f"compared runs ran on different devices on {counted(count, 'task')}",
        "kept: hours and speeds also depend on the device", items,
    )  # fmt: skip
    unknown = runs[(runs["settings"] == "") | (runs["commit"] == "")]
    yield Finding(
        "unknown origins", "note", len(unknown), f"{counted(len(unknown), 'run')} with unknown settings or commit",
        "kept: other differences than the variant cannot be checked",
        tuple(f"{str(suite) or 'no suite'}: {shares(group)}" for suite, group in unknown.groupby("suite", sort=False)),
    )  # fmt: skip


def _between_seeds(runs: pd.DataFrame) -> Finding:
    """Runs of one task and variant that differ in settings other than the seed."""
    pairs = runs.groupby([*PAIR], sort=False)
    differing = []
    for (task, variant), group in pairs:
        if group["settings"].nunique() > 1:
            for setting, values in _values(group).items():
                if len(values) > 1:
                    listing = ", ".join(f"{value} ({_seeds(seeds)})" for value, seeds in values.items())
                    differing.append((f"{setting}: {listing}", f"{task}, {variant}"))
    count = len({pair for _, pair in differing})
    return Finding(
        "mixed settings", "serious", count,
        f"settings differ between the seeds of {count:,} of {counted(len(pairs), 'pair')} of task and variant",
        "kept and averaged as one variant; check whether the variant uses the setting",
        tuple(f"{difference} of {'; '.join(places)}" for difference, places in grouped(differing).items()),
    )  # fmt: skip


def _between_tasks(runs: pd.DataFrame) -> Finding:
    """Settings of a variant that depend on the task: harmless if equal for all variants, otherwise possibly tuning."""
    found: list[tuple[tuple[str, str], str]] = []
    alternatives: dict[tuple[str, str], set[str]] = {}  # setting and task -> values of all variants
    for variant, group in runs.groupby("variant", sort=False):
        tasks: dict[str, dict[str, list[str]]] = {}  # setting -> value -> tasks
        for task, pair in group.groupby("task"):
            for setting, values in _values(pair).items():
                alternatives.setdefault((setting, str(task)), set()).update(values)
                if len(values) == 1:  # otherwise reported as a difference between seeds
                    tasks.setdefault(setting, {}).setdefault(next(iter(values)), []).append(str(task))
        for setting, by_value in tasks.items():
            if len(by_value) > 1:
                listing = "; ".join(f"{value} on {listed(on)}" for value, on in by_value.items())
                found.append(((setting, listing), str(variant)))
    settings = {setting for (setting, _), _ in found}
    uneven = any(len(values) > 1 for (setting, _), values in alternatives.items() if setting in settings)
    every = runs["variant"].nunique()
    items = (
        f"{setting}: {listing} ({'all variants' if len(variants) == every else listed(variants)})"
        for (setting, listing), variants in grouped(found).items()
    )
    return Finding(
        "settings by task", "minor" if uneven else "note", len(settings),
        f"{counted(len(settings), 'setting')} with values that depend on the task"
        + (", not equal for all variants" if uneven else ""),
        "kept: an average over tasks is also an average over these settings", tuple(items),
    )  # fmt: skip


def _action_repeats(data: Data) -> Finding:
    count, items = mixed(data.compared, "action_repeat", lambda repeat: f"action repeat {repeat:g}")
    rule = "kept and compared by environment steps: the action repeat changes how hard a task is"
    if "action_repeat" in data.swept:
        count, items, rule = 0, (), "none: the action repeat is swept and differs by design"
    return Finding(
        "mixed action repeats", "serious", count,
        f"compared runs have different action repeats on {counted(count, 'task')}", rule, items,
    )  # fmt: skip


def _values(runs: pd.DataFrame) -> Mapping[str, Mapping[str, list[int]]]:
    """Setting -> value -> seeds of the runs; settings that are seeds are left out."""
    found: dict[str, dict[str, list[int]]] = {}
    for text, group in runs.groupby("settings", sort=False)["seed"]:
        seeds = sorted(group)
        for setting, value in values_of(str(text)).items():
            if setting.rpartition(".")[2] != "seed":
                found.setdefault(setting, {}).setdefault(value, []).extend(seeds)
    return found


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {listed(sorted(seeds))}"
