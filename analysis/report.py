"""The report of an analysis: the content of its page, in order."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.colors import to_hex

from analysis.inputs import Inputs
from analysis.page import Page, Picture, RunCurve, Section
from analysis.paths import shown
from analysis.result import HEADINGS, Result
from analysis.results import aggregates, captions, improvement, quality
from analysis.scoring import FEW_SEEDS, seeds
from analysis.sources.events import last_video

NAMED = 3  # variants in a sentence
FOLDER = 4  # last parts of a run's folder: suite, task, variant, seed
VIDEOS, VIDEO_BYTES = 40, 15_000_000  # limits of a page that opens without delay


def page(inputs: Inputs, results: Sequence[Result], svgs: Mapping[str, bytes]) -> Page:
    """Puts figures, tables and single runs on one page, whose head says the notes that most of them share.

    Args:
        inputs: The inputs of the results.
        results: The results on the page.
        svgs: Name of a figure -> its SVG file.
    """
    said = " ".join(captions.notes(inputs))
    sections = []
    for id, heading in HEADINGS.items():
        found = [result for result in results if result.section == id]
        pictures = [
            Picture(plot.name, plot.title, svgs[plot.name], " ".join([plot.shows, *_unsaid(plot.notes, said)]))
            for result in found
            for plot in result.plots
        ]
        tables = [
            replace(table, notes=_unsaid(table.notes, said))
            for result in found
            for table in (*result.tables, *result.report_tables)
        ]
        if pictures or tables:
            intro = " ".join(result.intro for result in found if result.intro)
            sections.append(Section(id, heading, intro, [*pictures, *tables]))
    runs = list(_runs(inputs))
    title = inputs.scores.source
    method = f"{captions.data(inputs)} {inputs.scoring}"
    return Page(title, _lead(inputs), _facts(inputs), method, inputs.command, sections, runs, inputs.settings.metric)


def _unsaid(notes: Sequence[str], said: str) -> list[str]:
    """The notes that the head of the page does not say."""
    return [note for note in notes if note not in said]


def _lead(inputs: Inputs) -> str:
    """The main result in one to three sentences."""
    statistics, probabilities = aggregates.numbers(inputs), improvement.numbers(inputs)
    iqm = statistics[statistics["statistic"] == "iqm"].sort_values("value", ascending=False, kind="stable")
    ranked = ", ".join(f"{row['variant']} {_interval(row)}" for row in iqm.head(3).to_dict("records"))
    lead = f"Interquartile mean (IQM) of {inputs.settings.score}s{', highest first' if len(iqm) > 1 else ''}: {ranked}."
    if not probabilities.empty:
        reference = probabilities["reference"].iloc[0]
        better = probabilities[probabilities["low"] > 0.5]
        worse = probabilities[probabilities["high"] < 0.5]
        sides = [
            f"{side} 0.5 for {_several(list(rows['variant']))}"
            for rows, side in ((better, "above"), (worse, "below"))
            if not rows.empty
        ]
        where = " and ".join(sides) or "neither above nor below 0.5 for any variant"
        lead += f" The interval of the probability of improvement over {reference} is {where}."
        if inputs.finals.groupby(["task", "variant"]).size().min() < FEW_SEEDS:
            lead += f" With fewer than {FEW_SEEDS} seeds, this is weak evidence."
    return lead


def _several(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) <= NAMED else f"{len(names)} variants"


def _interval(row: Mapping[Hashable, Any]) -> str:
    value, low, high = (f"{row[key]:.3f}" for key in ("value", "low", "high"))
    return value if low == "nan" else f"{value} [{low}, {high}]"


def _facts(inputs: Inputs) -> list[tuple[str, str]]:
    findings = quality.findings(inputs)
    found = sum(finding.count > 0 for finding in findings)
    return [
        ("runs", f"{len(inputs.scores.runs):,}"),
        ("tasks", str(inputs.finals["task"].nunique())),
        ("variants", str(len(inputs.variants))),
        ("seeds", seeds(inputs.finals)),
        (inputs.scores.unit, f"{inputs.evaluations['step'].max():,.0f}"),
        ("checks with findings", f"{found} of {len(findings)}"),
    ]


def _runs(inputs: Inputs) -> Iterator[RunCurve]:
    """The curve of every run, and the last video of the runs with the lowest seeds, up to the limits of the page."""
    table = inputs.evaluations
    curves = {
        name: (run["step"].tolist(), run["score"].tolist()) for name, run in table.groupby(["task", "variant", "seed"])
    }
    runs = inputs.scores.runs.to_dict("records")
    videos = _videos([run for run in sorted(runs, key=lambda run: run["seed"]) if run["folder"]])
    for run in runs:
        steps, values = curves.get((run["task"], run["variant"], run["seed"]), ([], []))
        step, video = videos.get(run["folder"], (None, None))
        color = to_hex(inputs.looks[run["variant"]].color)
        yield RunCurve(
            run["task"], run["variant"], run["seed"], steps, values, run["state"],
            shown(run["folder"], FOLDER) if run["folder"] else "",
            color, video, step,
        )  # fmt: skip


def _videos(runs: Sequence[Mapping[Hashable, Any]]) -> dict[str, tuple[int, bytes]]:
    videos: dict[str, tuple[int, bytes]] = {}
    size = 0
    for run in runs[:VIDEOS]:
        if (found := last_video(Path(run["folder"]))) and size + len(found[1]) <= VIDEO_BYTES:
            videos[run["folder"]] = found
            size += len(found[1])
    return videos
