"""The report of a study: what stands on its page, in which order."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.colors import to_hex

from analysis import checks, model_errors, provenance
from analysis.exhibits import Exhibit
from analysis.page import Page, Picture, RunCurve, Section
from analysis.protocol import FEW_SEEDS, seeds
from analysis.sources.events import last_video
from analysis.study import Study
from analysis.tables import Table

HEADINGS = {
    "overview": "Over all tasks",
    "tasks": "Task by task",
    "ablations": "Ablations",
    "predictions": "Predictions of the world models",
    "compute": "What it costs",
    "discovery": "Groups of actions",
    "quality": "Data quality",
    "provenance": "Provenance",
}
PLACES = {
    "aggregates": "overview",
    "improvement": "overview",
    "tasks": "tasks",
    "appendix": "tasks",
    "compute": "compute",
}
NAMED = 3  # variants in a sentence
VIDEOS, VIDEO_BYTES = 40, 15_000_000  # that a page can hold and still open at once


def page(study: Study, title: str, drawn: Iterable[tuple[Exhibit, bytes]]) -> Page:
    """Puts figures, tables, single runs, data quality and provenance on one page.

    Args:
        study: What the page tells.
        title: What stands at its top.
        drawn: The figures with their SVG files.
    """
    pictures: list[tuple[str, Picture | Table]] = [
        (each.section, Picture(each.name, each.title, svg, each.caption)) for each, svg in drawn
    ]
    tables: list[tuple[str, Picture | Table]] = [
        (PLACES.get(name, "predictions"), table) for name, table in study.tables.items()
    ]
    tables += [("quality", checks.quality_table(study.findings))]
    tables += [("provenance", table) for table in _provenance(study)]
    sections = []
    for id, heading in HEADINGS.items():
        parts: list[Picture | Table] = [part for place, part in [*pictures, *tables] if place == id]
        if parts:
            sections.append(Section(id, heading, _intro(study, id), parts))
    runs = list(_runs(study))
    return Page(title, _lead(study), _facts(study), study.context.command, sections, runs, study.settings.metric)


def _provenance(study: Study) -> Iterator[Table]:
    runs = study.scores.runs
    yield provenance.settings_difference(runs, study.variants)
    yield provenance.shared_settings(runs)
    yield provenance.origins(runs)


def _lead(study: Study) -> str:
    """The answer in one or two sentences, in numbers."""
    iqm = study.aggregates[study.aggregates["statistic"] == "iqm"].sort_values("value", ascending=False, kind="stable")
    ranked = ", ".join(f"{row['variant']} {_interval(row)}" for row in iqm.head(3).to_dict("records"))
    lead = f"Interquartile mean of normalised scores{', highest first' if len(iqm) > 1 else ''}: {ranked}."
    if not study.improvement.empty:
        reference = study.improvement["reference"].iloc[0]
        better = study.improvement[study.improvement["low"] > 0.5]
        worse = study.improvement[study.improvement["high"] < 0.5]
        told = [
            f"{_several(list(rows['variant']))} {word} {reference}"
            for rows, word in ((better, "probably improve on"), (worse, "probably fall behind"))
            if not rows.empty
        ]
        undecided = f"no variant is told apart from {reference}"
        lead += f" By the interval of the probability of improvement, {'; '.join(told) or undecided}."
        if study.finals.groupby(["task", "variant"]).size().min() < FEW_SEEDS:
            lead += " With so few seeds that is a hint, not a proof."
    return lead


def _several(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) <= NAMED else f"{len(names)} variants"


def _interval(row: Mapping[Hashable, Any]) -> str:
    value, low, high = (f"{row[key]:.3f}" for key in ("value", "low", "high"))
    return value if low == "nan" else f"{value} [{low}, {high}]"


def _facts(study: Study) -> list[tuple[str, str]]:
    found = sum(finding.count > 0 for finding in study.findings)
    return [
        ("runs", f"{len(study.scores.runs):,}"),
        ("tasks", str(study.finals["task"].nunique())),
        ("variants", str(len(study.variants))),
        ("seeds", seeds(study.finals)),
        ("environment steps", f"{study.evaluations['step'].max():,.0f}"),
        ("checks with findings", f"{found} of {len(study.findings)}"),
    ]


def _intro(study: Study, section: str) -> str:
    if section == "predictions":
        return f"{model_errors.METHOD} {model_errors.CAUTION}"
    if section == "quality":
        return "What was looked for in the data, what was found, and what the analysis does about it."
    return ""


def _runs(study: Study) -> Iterator[RunCurve]:
    """Every run's curve, with its last evaluation's video as long as the page can hold them: lowest seeds first."""
    table = study.evaluations
    curves = {
        name: (run["step"].tolist(), run["score"].tolist()) for name, run in table.groupby(["task", "variant", "seed"])
    }
    runs = study.scores.runs.to_dict("records")
    videos = _videos([run for run in sorted(runs, key=lambda run: run["seed"]) if run["folder"]])
    for run in runs:
        steps, values = curves.get((run["task"], run["variant"], run["seed"]), ([], []))
        step, video = videos.get(run["folder"], (None, None))
        color = to_hex(study.looks[run["variant"]].color)
        yield RunCurve(
            run["task"],
            run["variant"],
            run["seed"],
            steps,
            values,
            run["state"],
            _shown(run["folder"]),
            color,
            video,
            step,
        )


def _shown(folder: str) -> str:
    """A run's folder as one would type it here: a report is read on other machines, too."""
    here = Path.cwd()
    return str(Path(folder).relative_to(here)) if folder and Path(folder).is_relative_to(here) else folder


def _videos(runs: Sequence[Mapping[Hashable, Any]]) -> dict[str, tuple[int, bytes]]:
    videos: dict[str, tuple[int, bytes]] = {}
    size = 0
    for run in runs[:VIDEOS]:
        if (found := last_video(Path(run["folder"]))) and size + len(found[1]) <= VIDEO_BYTES:
            videos[run["folder"]] = found
            size += len(found[1])
    return videos
