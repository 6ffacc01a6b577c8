"""Problems of comparing variants: few or different seeds, different tasks, unknown scales, shared names."""

from collections.abc import Iterator

import numpy as np

from analysis.checks.data import Data
from analysis.checks.finding import Finding, grouped, listed, names
from analysis.figures.style import without_glyph
from analysis.scoring import NORMALIZATIONS, lacking, scale
from analysis.statistics import PAIR, compared_tasks
from common.text import counted


def check(data: Data) -> Iterator[Finding]:
    """All checks of seeds, tasks and names."""
    yield from _seeds(data)
    yield _absent_pairs(data)
    yield from _scales(data)
    yield from _names(data)


def _seeds(data: Data) -> Iterator[Finding]:
    """Seeds that are single, missing or different."""
    seeds = {
        f"{task}, {variant}": frozenset(group) for (task, variant), group in data.compared.groupby([*PAIR])["seed"]
    }
    single = tuple(f"{pair}: seed {next(iter(found))}" for pair, found in seeds.items() if len(found) == 1)
    yield Finding(
        "single seeds", "serious", len(single),
        f"a single seed on {len(single):,} of {counted(len(seeds), 'pair')} of task and variant",
        "no interval (nan): one seed does not show the variation between seeds; it adds nothing to the interval of an "
        "aggregate, which is too narrow", single,
    )  # fmt: skip
    every = frozenset().union(*seeds.values())
    missing = sum(len(every - found) for found in seeds.values())
    places = grouped((tuple(sorted(every - found)), pair) for pair, found in seeds.items() if found != every)
    items = (
        f"without seed{'s' if len(absent) > 1 else ''} {listed(absent)}: {'; '.join(pairs)}"
        for absent, pairs in places.items()
    )
    yield Finding(
        "missing seeds", "serious", missing,
        f"seeds are missing or differ between variants or tasks: {missing:,} of "
        f"{len(every) * len(seeds):,} are missing",
        "all runs are used, resampled within their task; mean, median and probability of improvement weigh tasks "
        "alike, IQM, optimality gap, profiles and efficiency weigh runs alike: a task with more runs weighs more",
        tuple(items),
    )  # fmt: skip


def _absent_pairs(data: Data) -> Finding:
    """Tasks on which a variant has no score."""
    runs, variants = data.compared, list(dict.fromkeys(data.runs["variant"]))
    present = set(zip(runs["task"], runs["variant"], strict=True))
    absent = [[variant for variant in variants if (task, variant) not in present] for task in data.tasks]
    common = compared_tasks(runs) if present else []
    rule = (
        f"aggregates use the tasks that every variant with a score has, {len(common)} of {len(data.tasks)}"
        if common
        else "no task is common to all variants: aggregates use the tasks of each variant and are not comparable"
    )
    count = sum(map(len, absent))
    return Finding(
        "missing tasks", "serious", count, f"scores are missing for {counted(count, 'pair')} of task and variant", rule,
        tuple(f"{task}: no {listed(without)}" for task, without in zip(data.tasks, absent, strict=True) if without),
    )  # fmt: skip


def _scales(data: Data) -> Iterator[Finding]:
    """Tasks without a known scale, and returns outside their scale."""
    settings = data.settings
    scales = {task: scale(task, settings) for task in data.tasks} if settings.normalization != "none" else {}
    unknown = tuple(task for task, ends in scales.items() if ends is None)
    yield Finding(
        "unknown scales", "serious", len(unknown), f"{counted(len(unknown), 'task')} with unknown {lacking(settings)}",
        f"left out of the aggregates; {NORMALIZATIONS}", unknown,
    )  # fmt: skip
    # A human's score, or the high of a file, is not the highest possible return.
    bounded = settings.normalization in ("dmc", "random")
    best = {task: ends.high for task, ends in scales.items() if ends and bounded}
    rows = data.usable
    high = data.runs["task"].map(best).to_numpy(float)[rows["run"]]
    beyond = data.count(rows[~np.isnan(high) & ((rows["value"] < 0) | (rows["value"] > high))])
    yield Finding(
        "returns beyond their scale", "minor", int(beyond.sum()),
        f"{counted(int(beyond.sum()), 'return')} below 0 or above the best return of their task",
        "kept, with normalised values outside [0, 1]; the optimality gap clips them at 1",
        tuple(f"{name}: {size}" for name, size in zip(names(data.runs.loc[beyond.index]), beyond, strict=True)),
    )  # fmt: skip


def _names(data: Data) -> Iterator[Finding]:
    """Variants with the same name in several suites."""
    suites = data.runs.groupby("variant", sort=False)["suite"].unique()
    pooled = tuple(f"{variant}: {listed(sorted(found))}" for variant, found in suites.items() if len(found) > 1)
    yield Finding(
        "pooled variants", "minor", len(pooled), f"{counted(len(pooled), 'variant')} with runs from several suites",
        "treated as one variant: no task and seed has two runs", pooled,
    )  # fmt: skip
    shown = dict.fromkeys([*data.tasks, *suites.index])
    boxes = tuple(f"{name}: {lacking_glyphs}" for name in shown if (lacking_glyphs := without_glyph(str(name))))
    yield Finding(
        "unknown characters", "minor", len(boxes), f"{counted(len(boxes), 'name')} with characters that the font lacks",
        "boxes in figures; tables and the report have the names as they are", boxes,
    )  # fmt: skip
    renamed = data.scores.renamed
    yield Finding(
        "renamed variants", "note", len(renamed), f"{counted(len(renamed), 'name')} shared by different variants",
        "renamed to suite/variant: two suites have a run of the same task and seed",
        tuple(
            f"{name}: {listed(variant for variant in suites.index if str(variant).endswith(f'/{name}'))}"
            for name in renamed
        ),
    )  # fmt: skip
