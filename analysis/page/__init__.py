"""The report as one HTML file without external resources: figures, tables and the curves of single runs.

Without scripts, only sorting, filtering and the single runs are missing. Text from data is escaped by jinja2, and
pictures are embedded as images, so that nothing in them can run or clash.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike

from analysis.tables import Table

POINTS = 100  # of a run's curve; a panel cannot show more
DIGITS = 5  # significant digits of a curve's numbers
FILTERED = 5  # a table with more rows has a filter
NOTHING = {"", "-", "nan"}  # cells without a value
# A number followed by the end, punctuation or a unit, not a name that begins with a digit. script.js sorts by it.
NUMBER = re.compile(
    r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?=$|[\s,;:%()\[\]/-]|[kKMGTPE](?:\b|FLOP))"
)
DETAIL = re.compile(r" \[|, n=| \(")  # where the detail of a value begins

Curve = tuple[tuple[float, ...], list[float]]


@dataclass(frozen=True)
class Picture:
    """A figure: the stem of its file, its title, the SVG file and the caption."""

    name: str
    title: str
    svg: bytes
    caption: str


@dataclass(frozen=True)
class RunCurve:
    """One run's evaluations.

    Attributes:
        task: The run's task.
        variant: The run's variant.
        seed: The run's seed.
        steps: Environment steps of the evaluations, increasing.
        values: The evaluations; values that are not finite are not drawn.
        state: The state of the run, '' if unknown.
        folder: The folder of the run, '' if none.
        color: The colour of the variant, as #rrggbb.
        video: A GIF, if any.
        video_step: The environment step of the video, if known.
    """

    task: str
    variant: str
    seed: int
    steps: ArrayLike
    values: ArrayLike
    state: str
    folder: str
    color: str
    video: bytes | None = None
    video_step: int | None = None


@dataclass(frozen=True)
class Section:
    """Figures and tables under one heading; the id is the anchor."""

    id: str
    heading: str
    intro: str
    parts: Sequence[Picture | Table]


@dataclass(frozen=True)
class Page:
    """The content of the report.

    Attributes:
        title: The title of the page.
        lead: The main result in a few sentences.
        facts: Label and value of the key numbers.
        method: The data, and how scores and intervals are computed.
        command: The command line that made the report, '' if unknown.
        sections: The sections in order.
        runs: The single runs in order; without runs, their section is absent.
        metric: The name of the metric of the runs' curves.
    """

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    method: str
    command: str
    sections: Sequence[Section]
    runs: Sequence[RunCurve]
    metric: str


def render(page: Page) -> str:
    """The HTML file; equal pages give equal text."""
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {"data_url": _data_url, "number_columns": number_columns, "value_and_rest": value_and_rest}
    # Files of this package, not escaped.
    style, script = (Markup((here / name).read_text(encoding="utf-8")) for name in ("style.css", "script.js"))
    return environment.get_template("page.html.j2").render(
        page=page, runs=_embedded(page), style=style, script=script, points=POINTS, filtered=FILTERED
    )


def number_columns(table: Table) -> set[int]:
    """The columns, other than names, in which every cell begins with a number or has no value."""
    return {
        column
        for column in range(table.names, len(table.columns))
        if (cells := [row[column] for row in table.rows if row[column] not in NOTHING])
        and all(map(NUMBER.match, cells))
    }


def value_and_rest(cell: str) -> tuple[str, str]:
    """Splits a cell into value and detail: `1.5 [1.2, 1.9], n=5` -> `1.5`, ` [1.2, 1.9], n=5`."""
    found = DETAIL.search(cell)
    return (cell[: found.start()], cell[found.start() :]) if found else (cell, "")


def thin(steps: ArrayLike, values: ArrayLike) -> Curve:
    """At most `POINTS` of a curve's finite points, evenly spaced by index, with the first and the last."""
    points = np.column_stack([np.asarray(steps, float), np.asarray(values, float)])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) > POINTS:
        points = points[np.linspace(0, len(points) - 1, POINTS).round().astype(int)]
    return tuple(map(_short, points[:, 0])), list(map(_short, points[:, 1]))


def _short(number: float) -> float:
    """The number rounded to `DIGITS` digits; an integer if it is whole."""
    short = float(f"{number:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def _embedded(page: Page) -> dict[str, Any]:
    """The data of the script; runs with equal steps share one list of steps."""
    grids: dict[tuple[float, ...], int] = {}
    runs = []
    for run in page.runs:
        steps, values = thin(run.steps, run.values)
        entry: dict[str, Any] = {
            "task": run.task,
            "variant": run.variant,
            "seed": int(run.seed),
            "state": run.state,
            "folder": run.folder,
            "color": run.color,
            "steps": grids.setdefault(steps, len(grids)),
            "values": values,
        }
        if run.video is not None:
            entry |= {"video": _data_url(run.video, "image/gif"), "videoStep": run.video_step}
        runs.append(entry)
    return {"metric": page.metric, "grids": list(grids), "runs": runs}


def _data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
