"""What is wrong with the data, said before any statistic is shown, with the rule that was applied."""

import math
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass

import pandas as pd

from analysis.protocol import NORMALIZATIONS, lacking, scale
from analysis.scores import ERROR, RUN, Scores, usable
from analysis.settings import AnalysisSettings
from analysis.statistics import PAIR, compared_tasks


@dataclass(frozen=True)
class Finding:
    """One kind of defect in the data.

    Attributes:
        title: What was found, with its count.
        rule: What the analysis does about it.
        items: Where it was found.
    """

    title: str
    rule: str
    items: tuple[str, ...] = ()


def check(scores: Scores, settings: AnalysisSettings) -> list[Finding]:
    """Looks for everything that makes a comparison weaker than it seems; an empty list is good news."""
    table = usable(scores)
    findings = [*_runs(scores, table, settings), *_evaluations(scores), *_model_errors(scores)]
    if not table.empty:
        findings += [*_seeds(table), *_comparison(scores, table, settings)]
    return findings


def to_markdown(findings: Iterable[Finding], protocol: str) -> str:
    """All findings with all their items, as a document."""
    parts = ["# Checks of the data", protocol]
    for finding in findings:
        parts += [f"## {finding.title}", f"Rule: {finding.rule}", "\n".join(f"- {item}" for item in finding.items)]
    if len(parts) == 2:
        parts.append("Nothing was found: all runs are there, finished, equally long, and free of NaN.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _runs(scores: Scores, table: pd.DataFrame, settings: AnalysisSettings) -> Iterator[Finding]:
    """Runs that are not there, not finished, or of unequal length."""
    runs = scores.runs.merge(table.groupby(RUN, as_index=False)["step"].max(), on=RUN, how="left")
    missing = runs["state"] == "missing"
    if items := _names(runs[missing]):
        yield Finding(f"{len(items)} of {len(runs)} runs are missing", "they have no folder and are left out", items)
    if items := _names(runs[runs["step"].isna() & ~missing]):
        yield Finding(f"{_count(items, 'run')} without any evaluation", "left out", items)
    short = (runs["state"] == "") & (runs["step"] <= (1 - settings.final_window) * runs["planned"])
    unfinished = runs[(short | ~runs["state"].isin(["done", "missing", ""])) & runs["step"].notna()]
    if not unfinished.empty:
        items = tuple(
            f"{name}: {state or 'state unknown'}, evaluated up to step {step:,.0f} of {planned:,.0f}"
            for name, state, step, planned in zip(
                _names(unfinished), unfinished["state"], unfinished["step"], unfinished["planned"], strict=True
            )
        )
        rule = "they count with the last evaluations that they have, so their scores are those of younger agents"
        yield Finding(f"{_count(items, 'run')} unfinished", rule, items)
    ends = runs.groupby("task")["step"].agg(["min", "max"])
    ragged = ends[ends["min"] <= (1 - settings.final_window) * ends["max"]]
    if not ragged.empty:
        items = tuple(f"{task}: from {low:,.0f} to {high:,.0f} steps" for task, low, high in ragged.itertuples())
        rule = "each run's final score is taken at its own end; a curve is dotted where it rests on fewer seeds"
        yield Finding(f"ragged runs, of unequal length, on {_count(items, 'task')}", rule, items)
    if scores.unplanned:
        items = tuple(str(folder) for folder in scores.unplanned)
        yield Finding(f"{_count(items, 'run folder')} that the suite does not plan", "not read", items)


def _evaluations(scores: Scores) -> Iterator[Finding]:
    """Evaluations that cannot be used."""
    bad = scores.table[~(scores.table["score"].abs() < math.inf)]
    if not bad.empty:
        yield Finding(f"{_count(bad, 'evaluation')} without a finite return (NaN)", "left out", _counts(bad))
    twice = scores.table[scores.table.duplicated([*RUN, "step"], keep="last")]
    if not twice.empty:
        rule = "the last evaluation at a step counts"
        yield Finding(f"{_count(twice, 'evaluation')} at a step that a run reached again", rule, _counts(twice))
    torn = scores.runs[scores.runs["torn"] > 0]
    if not torn.empty:
        items = tuple(f"{name}: {lines}" for name, lines in zip(_names(torn), torn["torn"], strict=True))
        yield Finding(f"torn lines in the metrics of {_count(items, 'run')}", "passed over", items)


def _model_errors(scores: Scores) -> Iterator[Finding]:
    """Model errors that cannot be used, or are not there though other evaluations of the task and variant have them."""
    errors = scores.model_errors
    bad = errors[~(errors["value"].abs() < math.inf)]
    if not bad.empty:
        yield Finding(f"{_count(bad, 'model error')} without a finite value (NaN)", "left out", _counts(bad))
    series = errors[[*PAIR, "measure", "horizon"]].drop_duplicates().groupby([*PAIR], as_index=False).size()
    found = errors.drop_duplicates([*ERROR, "step"]).groupby([*RUN, "step"], as_index=False).size()
    evaluations = scores.table.drop_duplicates([*RUN, "step"]).merge(series, on=[*PAIR])
    evaluations = evaluations.merge(found, on=[*RUN, "step"], how="left", suffixes=("_expected", "")).fillna(
        {"size": 0}
    )
    evaluations["lacking"] = evaluations["size"] < evaluations["size_expected"]
    runs = evaluations.groupby(RUN, as_index=False)["lacking"].agg(["sum", "size"])
    lacking = runs[runs["sum"] > 0]
    if not lacking.empty:
        items = tuple(
            f"{name}: {some} of {all_}"
            for name, some, all_ in zip(_names(lacking), lacking["sum"], lacking["size"], strict=True)
        )
        rule = "left out: a final error is that of the last evaluations which have it"
        yield Finding(f"model errors are missing at some evaluations of {_count(items, 'run')}", rule, items)


def _seeds(table: pd.DataFrame) -> Iterator[Finding]:
    """Seeds that are too few, or not the same."""
    seeds = {
        f"{task}, {variant}": sorted(set(runs["seed"])) for (task, variant), runs in table.groupby(["task", "variant"])
    }
    single = tuple(f"{pair}: seed {found[0]}" for pair, found in seeds.items() if len(found) == 1)
    if single:
        rule = "no interval is given (nan): one seed does not show how much seeds differ"
        yield Finding(f"a single seed on {len(single)} of {len(seeds)} pairs of task and variant", rule, single)
    if len(set(map(tuple, seeds.values()))) > 1:
        items = (*_left_out(table), *(f"{pair}: seeds {_list(found)}" for pair, found in seeds.items()))
        rule = (
            "means by task use all seeds; an aggregate takes equally many of each task, the lowest, "
            "as many as the variant's poorest task has"
        )
        yield Finding("seeds are missing or differ between variants or tasks", rule, items)


def _comparison(scores: Scores, table: pd.DataFrame, settings: AnalysisSettings) -> Iterator[Finding]:
    """What makes variants differ besides their settings."""
    tasks, variants = sorted(set(table["task"])), list(dict.fromkeys(scores.runs["variant"]))
    present = set(zip(table["task"], table["variant"], strict=True))
    items = tuple(f"{task}: no {v}" for task in tasks for v in variants if (task, v) not in present)
    if items:
        common = compared_tasks(table)
        rule = (
            f"aggregates are over the {len(common)} of {len(tasks)} tasks that every variant with a score has"
            if common
            else "no task is common to all variants: each aggregate is over its variant's own tasks, "
            "and they must not be compared"
        )
        yield Finding(f"scores are missing for {_count(items, 'pair')} of task and variant", rule, items)
    renderers = scores.runs[scores.runs["renderer"] != ""].groupby("renderer")
    if len(renderers) > 1:
        items = tuple(f"{renderer}: {_count(_names(runs), 'run')}" for renderer, runs in renderers)
        rule = "they are compared all the same: pixels of two renderers are not quite alike"
        yield Finding("compared runs used different renderers", rule, items)
    if settings.normalization == "none":
        return
    if unknown := tuple(task for task in tasks if scale(task, settings) is None):
        rule = f"left out of the aggregates; {NORMALIZATIONS}"
        yield Finding(f"{_count(unknown, 'task')} of unknown {lacking(settings)}", rule, unknown)
    if settings.normalization == "dmc":  # on the scale of random play and a human, agents may well lie beyond both
        best = table["task"].map({task: ends.high for task in tasks if (ends := scale(task, settings))})
        beyond = table[best.notna() & ((table["score"] < 0) | (table["score"] > best))]
        if not beyond.empty:
            rule = "kept, though normalised they lie outside [0, 1]; the optimality gap cuts them at 1"
            yield Finding(f"{_count(beyond, 'return')} below 0 or above the best of their task", rule, _counts(beyond))


def _left_out(table: pd.DataFrame) -> Iterator[str]:
    """How many runs of each variant do not fit into the matrix of its aggregates."""
    common = compared_tasks(table)
    for variant, evaluations in table[table["task"].isin(common)].groupby("variant", sort=False):
        seeds = evaluations.groupby("task")["seed"].nunique()
        if surplus := int((seeds - seeds.min()).sum()):
            yield f"{variant}: {surplus} of {seeds.sum()} runs are left out of its aggregates"


def _names(runs: pd.DataFrame) -> tuple[str, ...]:
    return tuple("/".join(map(str, name)) for name in zip(*(runs[key] for key in RUN), strict=True))


def _counts(evaluations: pd.DataFrame) -> tuple[str, ...]:
    """How many evaluations of each run."""
    counts = evaluations.groupby(RUN, as_index=False).size()
    return tuple(f"{name}: {size}" for name, size in zip(_names(counts), counts["size"], strict=True))


def _count(items: Sized, noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _list(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
