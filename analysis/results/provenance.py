"""Provenance of scores: the settings, code and machines of the runs."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from analysis.inputs import Inputs
from analysis.result import Result
from analysis.scores import COMMIT, values_of
from analysis.tables import ABSENT, Table

UNKNOWN = "unknown"
# The packages that matter most for a result, listed first.
MAIN = (
    "tensorflow",
    "tensorflow-probability",
    "tf-keras",
    "keras",
    "numpy",
    "dm_control",
    "mujoco",
    "ale-py",
    "gymnasium",
)

LISTED = 3  # most tasks that a cell names; it counts more

Places = Mapping[str, Mapping[str, Counter[str]]]  # variant -> value -> runs by task


def result(inputs: Inputs) -> Result:
    """Settings, code and machines of the runs, as tables of the report."""
    runs = inputs.scores.runs
    tables = [settings_difference(runs, inputs.variants), shared_settings(runs), origins(runs)]
    return Result("provenance", report_tables=tables)


def settings_difference(runs: pd.DataFrame, variants: Sequence[str]) -> Table:
    """The settings that differ between variants: one row per setting, one column per variant.

    A setting that depends only on the task is excluded. If a variant has several values, each is followed by its tasks
    in brackets or, if runs of one task differ, by its number of runs.

    Args:
        runs: `scores.runs`.
        variants: The columns.
    """
    runs = runs[runs["variant"].isin(variants)]
    known = _known(runs)
    places = _places(known)
    differing = {setting: found for setting, found in places.items() if not _by_task_alone(found)}
    having = set(known["variant"])
    rows = [
        [setting, *(_cell(found.get(variant, {})) if variant in having else UNKNOWN for variant in variants)]
        for setting, found in differing.items()
    ]
    equal = _count(len(places) - len(differing), "other setting")
    notes = [f"Without differences between variants on any task: {equal}."] if places else []
    heading = "Settings that differ between variants"
    return Table(heading, [*notes, *_unrecorded(runs)], ["setting", *variants], rows, names=1 + len(variants))


def shared_settings(runs: pd.DataFrame) -> Table:
    """The settings that do not differ between variants: one row per setting, with tasks if it depends on them.

    Args:
        runs: `scores.runs`.
    """
    known = _known(runs)
    shared = {setting: _merged(found) for setting, found in _places(known).items() if _by_task_alone(found)}
    some = sum(sum(on.total() for on in values.values()) < len(known) for values in shared.values())
    notes = [f"Not recorded for every run: {_count(some, 'setting')}."] if some else []
    rows = [[setting, _cell(values)] for setting, values in shared.items()]
    return Table(
        "Settings without differences between variants",
        [*notes, *_unrecorded(runs)],
        ["setting", "value"],
        rows,
        names=2,
    )


def origins(runs: pd.DataFrame) -> Table:
    """Code and machines: one row per suite and variant; if its runs differ, each value has its number of runs.

    Args:
        runs: `scores.runs`.
    """
    there = runs[runs["state"] != "missing"]
    versions = there["versions"].map(values_of)
    differing, common = _packages(versions)
    columns = ["suite", "variant", "runs", "commit", "uncommitted", "device", "renderer", "attempts"]
    rows = []
    for (suite, variant), group in runs.groupby(["suite", "variant"], sort=False):
        found = group[group["state"] != "missing"]
        row = [
            str(suite) or UNKNOWN,
            str(variant),
            str(len(group)) if len(found) == len(group) else f"{len(found)} of {len(group)}",
            _tally(commit[:COMMIT] for commit in found["commit"]),
            _tally({"clean": "no", "dirty": "yes"}.get(state, "") for state in found["dirty"]),
            _tally(found["device"]),
            _tally(found["renderer"]),
            _tally("" if math.isnan(count) else f"{count:.0f}" for count in found["attempts"]),
        ]
        if differing:
            own = [_named(packages, differing) for packages in versions[found.index]]
            row.append(_tally(own))
        rows.append(row)
    notes = [f"Versions, equal in all runs that record them: {_named(common, common)}."] if common else []
    columns += ["versions that differ"] if differing else []
    return Table("Origin of the runs", notes, columns, rows, names=len(columns))


def _known(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[(runs["settings"] != "") & (runs["state"] != "missing")]


def _places(runs: pd.DataFrame) -> Mapping[str, Places]:
    """Setting -> variants, values and tasks; in the order of the runs' records."""
    found: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    sizes = Counter(zip(runs["variant"], runs["task"], runs["settings"], strict=True))
    for (variant, task, text), size in sizes.items():
        for setting, value in values_of(text).items():
            values = found.setdefault(setting, {}).setdefault(variant, {})
            values.setdefault(value, Counter())[task] += size
    return found


def _by_task_alone(places: Places) -> bool:
    """Whether the value depends only on the task."""
    values: dict[str, set[str]] = {}
    for found in places.values():
        for value, tasks in found.items():
            for task in tasks:
                values.setdefault(task, set()).add(value)
    return all(len(ones) == 1 for ones in values.values())


def _merged(places: Places) -> Mapping[str, Counter[str]]:
    """Value -> runs by task, over all variants."""
    merged: dict[str, Counter[str]] = {}
    for found in places.values():
        for value, tasks in found.items():
            merged.setdefault(value, Counter()).update(tasks)
    return merged


def _cell(values: Mapping[str, Counter[str]]) -> str:
    if len(values) < 2:
        return next(iter(values), ABSENT)
    tasks = [task for on in values.values() for task in on]
    if len(tasks) == len(set(tasks)):  # no task has two values
        return " / ".join(
            f"{value} ({', '.join(on) if len(on) <= LISTED else f'{len(on)} tasks'})" for value, on in values.items()
        )
    return " / ".join(f"{value} ({_count(on.total(), 'run')})" for value, on in values.items())


def _packages(versions: Iterable[Mapping[str, str]]) -> tuple[list[str], Mapping[str, str]]:
    """The packages whose versions differ between runs, and the versions of the others."""
    found: dict[str, dict[str, None]] = {}
    for packages in versions:
        for name, version in packages.items():
            found.setdefault(name, {})[version] = None
    ordered = sorted(found, key=lambda name: (MAIN.index(name) if name in MAIN else len(MAIN), name))
    differing = [name for name in ordered if len(found[name]) > 1]
    return differing, {name: next(iter(found[name])) for name in ordered if len(found[name]) == 1}


def _named(packages: Mapping[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{name} {packages[name]}" for name in names if name in packages)


def _tally(values: Iterable[str]) -> str:
    """The value of some runs, or each value with its number of runs."""
    counts = Counter(value or UNKNOWN for value in values)
    if len(counts) < 2:
        return next(iter(counts), ABSENT)
    return " / ".join(f"{value} ({_count(count, 'run')})" for value, count in counts.most_common())


def _unrecorded(runs: pd.DataFrame) -> list[str]:
    """A note on runs whose settings are unknown."""
    count = int(((runs["settings"] == "") & (runs["state"] != "missing")).sum())
    return [f"The settings of {_count(count, 'run')} are unknown."] if count else []


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
