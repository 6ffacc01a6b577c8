"""Measurements of many runs as one tidy table, with a table of the runs, whatever their source."""

import fnmatch
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from analysis.series import replaced
from common.errors import UserError
from common.text import hint, listed, nearest, shortened

Array = NDArray[np.float64]
RUN = ["task", "variant", "seed"]  # the name of a run
ERROR = [*RUN, "measure", "horizon"]  # the name of a model error of a run
TABLE = ["suite", *RUN, "step", "metric", "value", "episodes"]
CATEGORICAL = ["suite", "task", "variant", "metric"]
MODEL_ERRORS = [*RUN, "step", "measure", "horizon", "value", "sequences"]
# Column of the table of runs -> its value if unknown.
RUNS: Mapping[str, Any] = {
    "suite": "",
    "task": "",
    "variant": "",
    "seed": 0,
    "folder": "",
    "planned": math.nan,
    "state": "",
    "damage": "",
    "unreadable": "",
    "renderer": "",
    "action_repeat": math.nan,
    "settings": "",
    "commit": "",
    "dirty": "",
    "device": "",
    "versions": "",
    "attempts": math.nan,
    "torn": 0,
}
# What steps count, for axes. Frames are environment steps; agent steps are fewer if actions are repeated.
ENVIRONMENT_STEPS, FRAMES, AGENT_STEPS = "environment steps", "frames", "agent steps"
MIXED_STEPS = f"{ENVIRONMENT_STEPS} or {AGENT_STEPS}"
LARGEST_STEP = 1e15  # more than anything takes, and each is exact as a float
LARGEST = 1e100  # of a value: sums and squares of larger ones are no floats
COMMIT = 8  # characters of a commit that are shown
HOURS = "time/hours"
SEQUENCES = "model_error/sequences"
MODEL_ERROR = re.compile(r"model_error/(image|state|reward|kl)/([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class ExpectedRun:
    """A planned run of a suite; its folder may be absent."""

    task: str
    variant: str
    seed: int
    folder: Path
    steps: int  # planned environment steps


class Points(NamedTuple):
    """The values of one metric of a run, in the order of reading: arrays of equal length."""

    steps: Array  # environment steps
    values: Array  # NaN if absent
    episodes: Array  # behind each value, NaN if unknown


class Run(NamedTuple):
    """One run as read."""

    about: Mapping[str, Any]  # its row of `Scores.runs`; absent columns are unknown
    values: Mapping[str, Points]  # metric -> its values


@dataclass(frozen=True)
class Scores:
    """All data as read, nothing left out.

    A run is named by its task, variant and seed. Variants with one name in several suites are one variant, unless two
    of them have a run of the same task and seed: then every variant of that name is called `suite/variant`.

    Attributes:
        table: One row per value: suite, task, variant, seed, step (environment steps), metric, value (NaN if absent,
            infinite if beyond `LARGEST`), episodes (that the value is averaged over, NaN if unknown). Suite, task,
            variant and metric are categorical.
            It has all metrics of a run in the order of reading, including repeated steps and NaN.
        runs: One row per run: suite, task, variant, seed, folder (empty if none), planned (environment steps, NaN if
            unknown), state (`missing` if there is no folder, empty if unknown), damage (what the run has lost of its
            files on the way), unreadable (its records that hold something else), renderer, action_repeat (NaN if
            unknown), settings (JSON object: dotted key -> value), commit, dirty (`clean` or `dirty`), device, versions
            (JSON object: package -> version), attempts (NaN if unknown), torn (number of lines that are not a JSON
            object, or of event files that end within an event). Unknown text is empty.
        source: The name of the source, for captions.
        unplanned: Run folders that the suite does not plan; they are not read.
        renamed: Variants that are called `suite/variant`.
        passed: Run folders that are not read because their place names no task, variant and seed.
        notes: What was assumed about a source: which columns are which, how seeds were numbered.
        unit: What the steps count: environment steps unless the sources say frames or agent steps.
    """

    table: pd.DataFrame
    runs: pd.DataFrame
    source: str
    unplanned: tuple[Path, ...] = ()
    renamed: tuple[str, ...] = ()
    passed: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str = ENVIRONMENT_STEPS


def by_metric(rows: Iterable[tuple[float, str, float, float]]) -> dict[str, Points]:
    """Metric -> its values, from rows step, metric, value, episodes."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for step, metric, value, episodes in rows:
        found.setdefault(metric, []).append((step, value, episodes))
    return {metric: Points(*np.array(points, float).T) for metric, points in found.items()}


def from_runs(runs: Sequence[Run], source: str, unplanned: Iterable[Path] = ()) -> Scores:
    """Scores from runs that were read one by one; names are unique within a suite."""
    about = runs_frame(pd.DataFrame([run.about for run in runs]))
    found = [(i, metric, points) for i, run in enumerate(runs) for metric, points in run.values.items()]
    sizes = [len(points.steps) for *_, points in found]
    index = np.repeat(np.array([i for i, *_ in found], int), sizes)
    metrics = pd.Categorical(np.array([metric for _, metric, _ in found], object))
    steps, values, episodes = (np.concatenate([np.empty(0), *(points[i] for *_, points in found)]) for i in range(3))
    names = {name: pd.Categorical(about[name])[index] for name in ("suite", "task", "variant")}
    table = pd.DataFrame(
        {
            **names,
            "seed": about["seed"].to_numpy()[index],
            "step": steps,
            "metric": metrics[np.repeat(np.arange(len(found)), sizes)],
            "value": _bounded(values),
            "episodes": episodes,
        },
        copy=False,
    )
    return _named(Scores(table, about, source, tuple(unplanned)))


def from_table(table: pd.DataFrame, source: str) -> Scores:
    """Scores from a tidy table with the columns of `Scores.table`."""
    categories = {name: table[name].astype(object).astype("category") for name in CATEGORICAL}
    table = table.assign(**categories).astype({"seed": int, "step": float, "value": float, "episodes": float})[TABLE]
    table = table.assign(value=_bounded(table["value"].to_numpy()))
    runs = table[["suite", *RUN]].drop_duplicates(ignore_index=True).astype(dict.fromkeys(CATEGORICAL[:3], object))
    return _named(Scores(table, runs_frame(runs), source))


def runs_frame(known: pd.DataFrame) -> pd.DataFrame:
    """The table of runs from some of its columns; absent columns and NaN are unknown."""
    frame = known.reindex(columns=list(RUNS)).fillna(
        {name: default for name, default in RUNS.items() if default == default}
    )
    return frame.astype({name: object if default == "" else type(default) for name, default in RUNS.items()})


def join(parts: Iterable[Scores]) -> Scores:
    """Joins several scores; variants are named by the rule of `Scores`.

    A run with the same suite, task, variant and seed in two parts is two runs: the suite of the later part is renamed
    `<suite> (2)`, and so on.
    """
    plain = [_plain(part) for part in parts]
    if not plain:
        return from_runs([], "no source")
    if len(plain) == 1:
        return _named(plain[0])
    tables, runs = [], []
    before: dict[str, set[Any]] = {}
    for part in plain:
        names = _distinct_suites(part.runs, before)
        tables.append(part.table.assign(suite=part.table["suite"].cat.rename_categories(names)))
        runs.append(part.runs.assign(suite=part.runs["suite"].map(names)))
    table = pd.concat([table.drop(columns=CATEGORICAL) for table in tables], ignore_index=True)
    for name in CATEGORICAL:
        table[name] = union_categoricals([table[name] for table in tables])
    unplanned = tuple(folder for part in plain for folder in part.unplanned)
    passed = tuple(folder for part in plain for folder in part.passed)
    notes = tuple(dict.fromkeys(note for part in plain for note in part.notes))
    source = ", ".join(dict.fromkeys(part.source for part in plain))
    runs_of_all = pd.concat(runs, ignore_index=True)
    unit = steps_of({part.unit for part in plain if not part.runs.empty})
    return _named(Scores(table[TABLE], runs_of_all, source, unplanned, passed=passed, notes=notes, unit=unit))


def select(scores: Scores, only: Mapping[str, Sequence[str]]) -> Scores:
    """Selects runs.

    Args:
        scores: All runs.
        only: `task`, `variant` or `seed` -> names or comma-separated shell patterns of the runs to keep.

    Raises:
        UserError: A selector is unknown, or a pattern matches nothing.
    """
    kept = {"table": scores.table, "runs": scores.runs}
    for selector, wanted in only.items():
        if selector not in RUN:
            shown, near = shortened(selector), hint(selector, RUN)
            raise UserError(f"--only: unknown selector {shown}; allowed: {', '.join(RUN)}{near}")
        names = list(dict.fromkeys(scores.runs[selector].astype(str)))
        chosen = {name for entry in wanted for name in _matching(entry, names, selector)}
        kept = {name: frame[frame[selector].astype(str).isin(chosen)] for name, frame in kept.items()}
    return replace(scores, table=kept["table"].reset_index(drop=True), runs=kept["runs"].reset_index(drop=True))


def cut(scores: Scores, until: float | str | None, metric: str) -> Scores:
    """The scores up to a step.

    Args:
        scores: All scores.
        until: The last step; or `common`, for each task the step that every variant reaches with its longest run; None
            for no cut.
        metric: The metric whose steps are common.
    """
    if until is None:
        return scores
    table, runs = scores.table, scores.runs
    if isinstance(until, str):
        found = last(table, lambda name: name == metric)
        ends = found.groupby(["task", "variant"], observed=True)["step"].max().groupby("task", observed=True).min()
        limits = {str(task): float(end) for task, end in ends.items()}
    else:
        limits = dict.fromkeys(map(str, table["task"].cat.categories), until)
    known = np.array([limits.get(str(task), np.inf) for task in table["task"].cat.categories])
    kept = table[table["step"].to_numpy() <= known[table["task"].cat.codes]]
    planned = np.minimum(runs["planned"], runs["task"].map(limits).fillna(np.inf))
    return replace(scores, table=kept.reset_index(drop=True), runs=runs.assign(planned=planned))


def scaled(scores: Scores, factors: Mapping[str, float]) -> Scores:
    """The scores with the steps of some variants multiplied, such as agent steps to frames.

    Args:
        scores: All scores.
        factors: Variant -> factor.

    Raises:
        UserError: There is no such variant.
    """
    variants = list(dict.fromkeys(scores.runs["variant"]))
    for name in factors:
        if name not in variants:
            near = nearest(name, variants, cutoff=0)
            raise UserError(f"--scale-steps {shortened(name)}: no such variant; the nearest is {near}")
    names = scores.table["variant"].cat
    steps = scores.table["step"] * np.array([factors.get(str(name), 1.0) for name in names.categories])[names.codes]
    if not (np.abs(steps) <= LARGEST_STEP).all():
        raise UserError("--scale-steps: steps would be beyond 1e15; give the steps of the environment")
    planned = scores.runs["planned"] * scores.runs["variant"].map(lambda name: factors.get(name, 1.0))
    notes = (*scores.notes, *(f"{name}: steps are multiplied by {factor:g}" for name, factor in factors.items()))
    runs, unit = scores.runs.assign(planned=planned), ENVIRONMENT_STEPS if factors else scores.unit
    return replace(scores, table=scores.table.assign(step=steps), runs=runs, notes=notes, unit=unit)


def usable(scores: Scores, metric: str) -> pd.DataFrame:
    """The evaluations that statistics use.

    An evaluation without a finite value is left out; of several at one step of a run, the last counts; of those before
    a restart, those up to the first step after it.

    Returns:
        Rows task, variant, seed, step, score (the metric's value), episodes, hours (of training, interpolated linearly
        between logged times, NaN after the last), sorted by task, variant, seed and step.
    """
    found = _sorted(last(scores.table, lambda name: name == metric), [*RUN, "step"])
    times = _sorted(last(scores.table, lambda name: name == HOURS), [*RUN, "step"])
    logged_at, logged = times["step"].to_numpy(), times["value"].to_numpy()
    logs_of = times.groupby(RUN).indices
    steps, hours = found["step"].to_numpy(), np.full(len(found), np.nan)
    for run, rows in found.groupby(RUN).indices.items():
        if run in logs_of:
            logs = logs_of[run]
            known = np.append(0, logged_at[logs]), np.append(0, logged[logs])
            hours[rows] = np.interp(steps[rows], *known, right=np.nan)
    return found.rename(columns={"value": "score"}).assign(hours=hours)[[*RUN, "step", "score", "episodes", "hours"]]


def usable_model_errors(scores: Scores) -> pd.DataFrame:
    """The model errors that statistics use, by the same rule.

    Returns:
        Rows task, variant, seed, step, measure (`image`, `state`, `reward` or `kl`), horizon (agent steps ahead),
        value, sequences (that it is averaged over, NaN if unknown), sorted by run, measure, horizon and step. No rows
        if no run measured a world model.
    """
    errors = last(scores.table, lambda name: MODEL_ERROR.fullmatch(name) is not None)
    sequences = last(scores.table, lambda name: name == SEQUENCES).rename(columns={"value": "sequences"})
    found = errors.merge(sequences[[*RUN, "step", "sequences"]], how="left", on=[*RUN, "step"])
    names = found["metric"].cat.categories
    parts = [match.groups() if (match := MODEL_ERROR.fullmatch(name)) else ("", "0") for name in names]
    codes = found["metric"].cat.codes
    found["measure"] = np.array([measure for measure, _ in parts], object)[codes]
    found["horizon"] = np.array([horizon for _, horizon in parts], int)[codes]
    return _sorted(found, [*ERROR, "step"])[MODEL_ERRORS]


@lru_cache(maxsize=4096)
def values_of(text: str) -> Mapping[str, str]:
    """The names and values of a run's settings or versions, from their JSON object; empty if unknown."""
    return {name: _text(value) for name, value in (json.loads(text) if text else {}).items()}


def _matching(entry: str, names: Sequence[str], selector: str) -> list[str]:
    """The names that an entry of the command line selects: the entry itself, or matches of its patterns."""
    found = []
    for pattern in [entry] if entry in names else entry.split(","):
        matches = [pattern] if pattern in names else fnmatch.filter(names, pattern)
        if not matches:
            shown, near = shortened(pattern), hint(pattern, names)
            raise UserError(f"--only {selector}={shown}: no such {selector}; there are {listed(names)}{near}")
        found += matches
    return found


def last(table: pd.DataFrame, wanted: Callable[[str], bool]) -> pd.DataFrame:
    """The finite values of the wanted metrics that count: of several for one run, metric and step, the last.

    What a run logged before it was restarted counts only up to the first step after the restart, in each metric.
    """
    codes = np.flatnonzero([wanted(name) for name in table["metric"].cat.categories])
    rows = table[np.isin(table["metric"].cat.codes, codes) & np.isfinite(table["value"])]
    series = np.zeros(len(rows), np.int64)
    for name in ("task", "variant", "metric"):
        series = series * len(rows[name].cat.categories) + rows[name].cat.codes.to_numpy()
    seeds, known = pd.factorize(rows["seed"])
    gone, _ = replaced(series * len(known) + seeds, rows["step"].to_numpy())
    return rows[~gone].drop_duplicates([*RUN, "metric", "step"], keep="last")


def _bounded(values: Array) -> Array:
    """The values, infinite where they are too large to be summed and squared."""
    return np.where(np.abs(values) > LARGEST, np.copysign(np.inf, values), values)


def _sorted(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The table sorted by the keys; task and variant become plain text."""
    names = {name: table[name].cat.reorder_categories(sorted(table[name].cat.categories)) for name in RUN[:2]}
    ordered = table.assign(**names).sort_values(keys, ignore_index=True)
    return ordered.astype(dict.fromkeys(RUN[:2], object))


def steps_of(units: Set[str]) -> str:
    """What the steps of several sources count, from what those of each count."""
    if len(units) == 1:
        return next(iter(units))
    return ENVIRONMENT_STEPS if units <= {ENVIRONMENT_STEPS, FRAMES} else MIXED_STEPS


def _named(scores: Scores) -> Scores:
    """Names the variants by the rule of `Scores`, from their plain names."""
    runs = scores.runs
    shared = runs[runs.duplicated(RUN, keep=False)]
    renamed = tuple(dict.fromkeys(shared["variant"]))
    if not renamed:
        return scores
    return _relabelled(scores, lambda suite, variant: f"{suite}/{variant}" if variant in renamed else variant, renamed)


def _plain(scores: Scores) -> Scores:
    """The scores with the plain names of the variants."""

    def label(suite: str, variant: str) -> str:
        name = variant.removeprefix(f"{suite}/")
        return name if name in scores.renamed else variant

    return _relabelled(scores, label, ()) if scores.renamed else scores


def _relabelled(scores: Scores, label: Callable[[str, str], str], renamed: tuple[str, ...]) -> Scores:
    runs, table = scores.runs, scores.table
    suites, variants = table["suite"].cat, table["variant"].cat
    pairs, codes = np.unique(
        suites.codes.to_numpy(np.int64) * len(variants.categories) + variants.codes, return_inverse=True
    )
    labels = [
        label(suites.categories[pair // len(variants.categories)], variants.categories[pair % len(variants.categories)])
        for pair in pairs
    ]
    named = [label(suite, variant) for suite, variant in zip(runs["suite"], runs["variant"], strict=True)]
    table = table.assign(variant=pd.Categorical(labels)[codes])
    return replace(scores, table=table, runs=runs.assign(variant=named), renamed=renamed)


def _distinct_suites(runs: pd.DataFrame, before: dict[str, set[Any]]) -> dict[str, str]:
    """Suite -> its name, with a number if `before` has a run of the same name; adds the runs to `before`."""
    names = {}
    for suite, rows in runs.groupby("suite", sort=False):
        found = set(rows[RUN].itertuples(index=False, name=None))
        candidates = (f"{suite} ({number})" if number > 1 else str(suite) for number in itertools.count(1))
        names[str(suite)] = name = next(name for name in candidates if not found & before.get(name, set()))
        before.setdefault(name, set()).update(found)
    return names


def _text(value: Any) -> str:
    """A setting's value; 5.0 and 5 are the same."""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return value if isinstance(value, str) else json.dumps(value)
