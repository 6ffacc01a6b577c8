"""The report as one HTML file that asks nothing of a network: figures, tables and the curves of single runs.

Works without its script too, but for sorting, filtering and the single runs. Text that comes from data is escaped by
jinja2, and pictures are embedded as images, so that nothing in them can run or clash.
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

POINTS = 100  # of a run's curve; more could not be told apart in a panel
DIGITS = 5  # of a curve's numbers
FILTERED = 5  # rows of a table above which it can be filtered
NOTHING = {"", "-", "nan"}  # cells without a value
# A number, and then nothing, punctuation or a unit: not a name that begins with a digit. script.js sorts by it.
NUMBER = re.compile(
    r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?=$|[\s,;:%()\[\]/-]|[kKMGTPE](?:\b|FLOP))"
)
DETAIL = re.compile(r" \[|, n=| \(")  # where what belongs to a value begins

Curve = tuple[tuple[float, ...], list[float]]


@dataclass(frozen=True)
class Picture:
    """A figure: its file's name, what it shows, the SVG file, and the caption beneath."""

    name: str
    title: str
    svg: bytes
    caption: str


@dataclass(frozen=True)
class RunCurve:
    """One run's evaluations.

    Attributes:
        task: What was learnt.
        variant: Who learnt it.
        seed: Of the run.
        steps: Where the run was evaluated, increasing.
        values: The evaluations; those that are not finite are not drawn.
        state: How the run ended, '' if unknown.
        folder: Where it is, '' if nowhere.
        color: Of the variant, as #rrggbb.
        video: A GIF, if there is one.
        video_step: When it was taken, if known.
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
    """Figures and tables of one question; the id is its anchor."""

    id: str
    heading: str
    intro: str
    parts: Sequence[Picture | Table]


@dataclass(frozen=True)
class Page:
    """All that the report shows.

    Attributes:
        title: Of the page.
        lead: What was compared and what came out, in a few sentences.
        facts: Label and value of each number worth telling at once.
        command: The command line that makes the report again, '' if unknown.
        sections: In order.
        runs: In order; without any there is no section of single runs.
        metric: Name of what the runs' curves show.
    """

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
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
    # Our own files, and so not escaped.
    style, script = (Markup((here / name).read_text(encoding="utf-8")) for name in ("style.css", "script.js"))
    return environment.get_template("page.html.j2").render(
        page=page, runs=_embedded(page), style=style, script=script, points=POINTS, filtered=FILTERED
    )


def number_columns(table: Table) -> set[int]:
    """The columns, other than those of names, whose cells begin with a number or are without a value."""
    return {
        column
        for column in range(table.names, len(table.columns))
        if (cells := [row[column] for row in table.rows if row[column] not in NOTHING])
        and all(map(NUMBER.match, cells))
    }


def value_and_rest(cell: str) -> tuple[str, str]:
    """A value, and what belongs to it: `1.5 [1.2, 1.9], n=5` -> `1.5`, ` [1.2, 1.9], n=5`."""
    found = DETAIL.search(cell)
    return (cell[: found.start()], cell[found.start() :]) if found else (cell, "")


def thin(steps: ArrayLike, values: ArrayLike) -> Curve:
    """At most `POINTS` of a curve's finite points, evenly by number, the first and the last among them."""
    points = np.column_stack([np.asarray(steps, float), np.asarray(values, float)])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) > POINTS:
        points = points[np.linspace(0, len(points) - 1, POINTS).round().astype(int)]
    return tuple(map(_short, points[:, 0])), list(map(_short, points[:, 1]))


def _short(number: float) -> float:
    """The number with few digits, whole ones without a point."""
    short = float(f"{number:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def _embedded(page: Page) -> dict[str, Any]:
    """What the script draws; runs with the same steps share them."""
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
