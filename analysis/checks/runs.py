"""Runs that are missing, unfinished, of unequal length, unplanned or resumed, or that have torn lines."""

from collections.abc import Iterator

import pandas as pd

from analysis.checks.data import Data
from analysis.checks.finding import Finding, grouped, listed, names
from analysis.paths import shown
from analysis.scores import AGENT_STEPS, ENVIRONMENT_STEPS, MIXED_STEPS
from common.text import counted

FOLDER = 4  # last parts of a run's folder: suite, task, variant, seed


def check(data: Data) -> Iterator[Finding]:
    """All checks of single runs."""
    runs = data.runs
    yield _budgets(data)
    mixed = int(data.scores.unit == MIXED_STEPS)
    yield Finding(
        "mixed steps", "serious", mixed, f"some sources count {ENVIRONMENT_STEPS}, others {AGENT_STEPS}",
        "kept; `--scale-steps` multiplies the steps of a variant, or by a column",
    )  # fmt: skip
    missing = runs["state"] == "missing"
    gone = names(runs[missing])
    yield Finding(
        "missing runs", "serious", len(gone), f"{len(gone):,} of {counted(len(runs), 'run')} are missing",
        "no folder; left out", gone,
    )  # fmt: skip
    silent = runs[~missing & (runs["evaluations"] == 0)]
    yield Finding(
        "runs without an evaluation", "serious", len(silent), f"{counted(len(silent), 'run')} without any evaluation",
        "left out", names(silent),
    )  # fmt: skip
    untrained = runs[runs["untrained"]]
    yield Finding(
        "untrained runs", "serious", len(untrained),
        f"{counted(len(untrained), 'run')} never got past the first evaluation, while others did",
        "left out of all scores and curves, unless `untrained: keep`",
        tuple(f"{name}: only step {end:,.0f}" for name, end in zip(names(untrained), untrained["end"], strict=True)),
    )  # fmt: skip
    yield _unfinished(data)
    yield _ragged(data)
    unplanned = tuple(shown(folder, FOLDER) for folder in data.scores.unplanned)
    yield Finding(
        "unplanned runs", "minor", len(unplanned),
        f"{counted(len(unplanned), 'run folder')} not planned by the suite", "not read", unplanned,
    )  # fmt: skip
    passed = tuple(shown(folder, FOLDER) for folder in data.scores.passed)
    yield Finding(
        "folders passed over", "minor", len(passed),
        f"{counted(len(passed), 'run folder')} whose place names no task, variant and seed",
        "not read; `--layout` says what the names of folders mean", passed,
    )  # fmt: skip
    yield Finding(
        "assumptions", "note", len(data.scores.notes), f"{counted(len(data.scores.notes), 'assumption')} about sources",
        "`--columns` and `--layout` say otherwise", data.scores.notes,
    )  # fmt: skip
    torn = runs[runs["torn"] > 0]
    lines = int(torn["torn"].sum())
    yield Finding(
        "torn lines", "minor", lines, f"{counted(lines, 'torn line')} in the metrics of {counted(len(torn), 'run')}",
        "ignored", tuple(f"{name}: {lines}" for name, lines in zip(names(torn), torn["torn"], strict=True)),
    )  # fmt: skip
    damaged = runs[runs["damage"] != ""]
    losses = zip(names(damaged), damaged["damage"], strict=True)
    yield Finding(
        "damaged runs", "serious", len(damaged), f"{counted(len(damaged), 'run')} lost files on the way",
        "kept: it has fewer values, or has learnt from fewer episodes",
        tuple(f"{name}: {what}" for name, what in losses),
    )  # fmt: skip
    odd = runs[runs["unreadable"] != ""]
    yield Finding(
        "unreadable records", "minor", len(odd), f"{counted(len(odd), 'run')} with records that cannot be read",
        "taken as unknown", tuple(f"{name}: {what}" for name, what in zip(names(odd), odd["unreadable"], strict=True)),
    )  # fmt: skip
    resumed = runs[runs["attempts"] > 1]
    attempts = zip(names(resumed), resumed["attempts"], strict=True)
    yield Finding(
        "resumed runs", "note", len(resumed), f"{counted(len(resumed), 'run')} interrupted and resumed",
        "kept: a run resumes from its last checkpoint; commit and device are those of its last attempt",
        tuple(f"{name}: {count:.0f} attempts" for name, count in attempts),
    )  # fmt: skip


def _unfinished(data: Data) -> Finding:
    runs = data.compared
    short = (runs["state"] == "") & (runs["end"] <= (1 - data.settings.final_window) * runs["planned"])
    found = runs[short | ~runs["state"].isin(["done", "missing", ""])]
    columns = (names(found), found["state"], found["end"], found["planned"])
    items = (
        f"{name}: {state or 'state unknown'}, evaluated up to step {end:,.0f}"
        + (f" of {planned:,.0f}" if planned == planned else "")
        for name, state, end, planned in zip(*columns, strict=True)
    )
    return Finding(
        "unfinished runs", "serious", len(found), f"{counted(len(found), 'run')} unfinished",
        "kept: the final score is from the last evaluations so far, after less training",
        tuple(items),
    )  # fmt: skip


def _budgets(data: Data) -> Finding:
    """Tasks on which a variant's longest run ends before the final window of another variant's."""
    ends = data.compared.groupby(["task", "variant"], sort=False)["end"].max()
    shortest, longest = ends.groupby("task").min(), ends.groupby("task").max()
    uneven = shortest.index[shortest <= (1 - data.settings.final_window) * longest]
    places = grouped(
        (listed(f"{variant} {end:,.0f}" for variant, end in ends[task].items()), str(task)) for task in uneven
    )
    return Finding(
        "unequal budgets", "serious", len(uneven),
        f"variants were trained for different numbers of steps on {counted(len(uneven), 'task')}",
        "kept: final scores are after different training; `--until common` or a number of steps cuts all runs",
        tuple(f"{budgets} steps on {listed(tasks)}" for budgets, tasks in places.items()),
    )  # fmt: skip


def _ragged(data: Data) -> Finding:
    """Runs that end before the final window of the longest run of their task and variant."""
    runs = data.compared
    longest = runs.groupby(["task", "variant"])["end"].transform("max")
    short = runs[runs["end"] <= (1 - data.settings.final_window) * longest]
    items = []
    for task, group in short.groupby("task"):
        ends = runs.loc[runs["task"] == task, "end"]
        items.append(
            f"{task}: from {ends.min():,.0f} to {ends.max():,.0f} steps; {len(group):,} of {counted(len(ends), 'run')} "
            f"end early: {_ends(group)}"
        )
    return Finding(
        "unequal lengths", "serious", len(short),
        f"runs of unequal length: {len(short):,} of {counted(len(runs), 'run')} end before the longest of their task "
        "and variant",
        "each run's final score is from its own end; a curve is dotted where it averages fewer runs", tuple(items),
    )  # fmt: skip


def _ends(runs: pd.DataFrame) -> str:
    """Where each run ends: `dreamer/0 at 1,000`."""
    columns = (runs["variant"], runs["seed"], runs["end"])
    return listed(f"{variant}/{seed} at {end:,.0f}" for variant, seed, end in zip(*columns, strict=True))
