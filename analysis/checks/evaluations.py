"""Evaluations that cannot be used, or that are less reliable than others."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.checks.data import Data
from analysis.checks.finding import Finding, mixed, names
from analysis.scoring import final_scores
from common.text import counted


def check(data: Data) -> Iterator[Finding]:
    """All checks of evaluations, including model errors."""
    bad = data.raw[~data.finite]
    yield Finding(
        "NaN", "minor", len(bad), f"{counted(len(bad), 'evaluation')} without a finite value (NaN)", "left out",
        _by_run(data, bad),
    )  # fmt: skip
    yield _restarts(data)
    unordered = names(data.runs.loc[np.unique(data.raw["run"][data.unordered])])
    yield Finding(
        "unordered steps", "note", len(unordered), f"{counted(len(unordered), 'run')} with evaluations in no order",
        "sorted by step: a restart, if there was one, cannot be told", unordered,
    )  # fmt: skip
    again = data.raw[data.again]
    yield Finding(
        "repeated steps", "minor", len(again), f"{counted(len(again), 'evaluation')} repeated later at the same step",
        "the last evaluation at each step counts", _by_run(data, again),
    )  # fmt: skip
    errors = data.model_errors[~np.isfinite(data.model_errors["value"])]
    yield Finding(
        "NaN model errors", "minor", len(errors), f"{counted(len(errors), 'model error')} without a finite value (NaN)",
        "left out", _by_run(data, errors),
    )  # fmt: skip
    yield _missing_model_errors(data)
    yield _episodes(data)
    yield _single(data)
    yield _hours(data)


def _restarts(data: Data) -> Finding:
    """Runs whose steps go back: evaluations from before a restart."""
    gone = data.raw[data.gone]
    steps = gone.groupby("run")["step"].agg(["min", "max", "size"])
    columns = (names(data.runs.loc[steps.index]), steps["size"], steps["min"], steps["max"])
    return Finding(
        "steps that go back", "minor", len(gone),
        f"the steps of {counted(len(steps), 'run')} go back: {counted(len(gone), 'evaluation')} from before a restart",
        "what came later replaces what came before, from its first step on",
        tuple(
            f"{name}: {size} from step {low:,.0f} to {high:,.0f} left out"
            for name, size, low, high in zip(*columns, strict=True)
        ),
    )  # fmt: skip


def _missing_model_errors(data: Data) -> Finding:
    """Evaluations without model errors that other evaluations of their task and variant have."""
    errors, runs = data.model_errors, data.runs
    metrics = len(errors["metric"].cat.categories)
    pair = runs.groupby(["task", "variant"]).ngroup().to_numpy()
    series = pd.unique(pair[errors["run"]] * metrics + errors["metric"].cat.codes)
    expected = np.bincount(series // metrics, minlength=len(runs))[pair]
    evaluations = data.raw.loc[expected[data.raw["run"]] > 0, ["run", "step"]].drop_duplicates()
    # One integer for each run, step and metric: for ten million errors, tuples would take seconds.
    steps, known = pd.factorize(errors["step"])
    measured = pd.unique((errors["run"].to_numpy() * len(known) + steps) * metrics + errors["metric"].cat.codes)
    found = pd.Series(measured // max(metrics, 1)).value_counts(sort=False)
    at = known.get_indexer(pd.Index(evaluations["step"]))
    found = found.reindex(np.where(at < 0, -1, evaluations["run"] * len(known) + at), fill_value=0)
    lacking = data.count(evaluations[found.to_numpy() < expected[evaluations["run"]]])
    of = data.count(evaluations)[lacking.index]
    return Finding(
        "missing model errors", "minor", int(lacking.sum()),
        f"model errors are missing at {counted(int(lacking.sum()), 'evaluation')} of {counted(len(lacking), 'run')}",
        "left out: a final error is from the last evaluations that have it",
        tuple(
            f"{name}: {some} of {all_}"
            for name, some, all_ in zip(names(runs.loc[lacking.index]), lacking, of, strict=True)
        ),
    )  # fmt: skip


def _episodes(data: Data) -> Finding:
    """Compared runs whose evaluations average different numbers of episodes."""
    episodes = data.usable.groupby("run")["episodes"].agg(["min", "max"])
    known = data.compared.join(episodes).dropna(subset=["max"])
    text = [
        f"{low:g}" if low == high else f"{low:g} to {high:g}"
        for low, high in zip(known["min"], known["max"], strict=True)
    ]
    count, items = mixed(known.assign(episodes=text), "episodes", "{} per evaluation".format)
    return Finding(
        "mixed numbers of episodes", "minor", count,
        f"compared runs differ in the number of episodes per evaluation on {counted(count, 'task')}",
        "kept: an evaluation with fewer episodes is noisier, not biased", items,
    )  # fmt: skip


def _single(data: Data) -> Finding:
    """Runs whose final score is a single evaluation."""
    scores = final_scores(data.usable.rename(columns={"value": "score"}), data.settings, ["run"])
    runs = data.runs.loc[scores.loc[scores["evaluations"] == 1, "run"]]
    rule = (
        "as set by `final: last`; the mean over a window has less variance"
        if data.settings.final == "last"
        else "kept; a wider `final_window` would average over more"
    )
    return Finding(
        "scores of one evaluation", "note", len(runs),
        f"the final score of {len(runs):,} of {counted(len(data.compared), 'run')} is a single evaluation", rule,
        tuple(f"{task}: {counted(size, 'run')}" for task, size in runs.groupby("task").size().items()),
    )  # fmt: skip


def _hours(data: Data) -> Finding:
    """Runs with unknown hours, if curves against hours are requested or other runs have them."""
    asked = data.settings.x == "hours"
    lacking = pd.Series(dtype=int)
    if asked or not data.hours.empty:
        ends = data.hours.groupby("run")["step"].max().reindex(range(len(data.runs)))
        lacking = data.count(data.usable[~(data.usable["step"] <= ends.to_numpy()[data.usable["run"]])])
    runs = data.runs.loc[lacking.index]
    return Finding(
        "unknown hours", "minor" if asked else "note", len(runs),
        f"{counted(len(runs), 'run')} with evaluations at unknown hours",
        "these evaluations are left out of curves against hours",
        tuple(
            f"{name}: {some} of {all_} evaluations"
            for name, some, all_ in zip(names(runs), lacking, runs["evaluations"], strict=True)
        ),
    )  # fmt: skip


def _by_run(data: Data, rows: pd.DataFrame) -> tuple[str, ...]:
    counts = data.count(rows)
    return tuple(f"{name}: {count}" for name, count in zip(names(data.runs.loc[counts.index]), counts, strict=True))
