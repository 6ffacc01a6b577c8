"""A result: the numbers of one statistic with its figures, captions and tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.style import KINDS, render
from analysis.tables import Table

Section = Literal["overview", "tasks", "ablations", "predictions", "compute", "discovery", "quality", "provenance"]
CAPTIONS = "captions.md"  # the file of the full captions, next to the figures
HEADINGS: Mapping[Section, str] = {  # in the order of the report
    "overview": "Over all tasks",
    "tasks": "Results by task",
    "ablations": "Ablations",
    "predictions": "Prediction errors of the world models",
    "compute": "Computational cost",
    "discovery": "Discovered action groups",
    "quality": "Data quality",
    "provenance": "Provenance",
}


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn, also in another process.

    Attributes:
        name: The stem of its files.
        title: What it shows.
        shows: What marks, lines, bars and bands are, in sentences.
        brief: A caption of at most three lines, for the PNG.
        draw: Draws it.
        notes: How it was made: data, scoring and command. Figures share notes, so a report says them once.
    """

    name: str
    title: str
    shows: str
    brief: str
    draw: Callable[[], Figure]
    notes: Sequence[str] = ()

    @property
    def caption(self) -> str:
        """The full caption."""
        return " ".join([self.shows, *self.notes])

    def render(self) -> dict[str, bytes]:
        """Kind of file -> the file."""
        figure = self.draw()
        return {kind: render(figure, kind, self.brief) for kind in KINDS}


def captions(plots: Iterable[Plot]) -> str:
    """The full captions of figures as Markdown."""
    return "\n".join(f"## {plot.name}: {plot.title}\n\n{plot.caption}\n" for plot in plots)


@dataclass(frozen=True)
class Result:
    """The numbers, figures and tables of one statistic.

    Attributes:
        section: Its section of the report.
        numbers: Name of a CSV file -> its numbers; an empty table has no file.
        plots: Its figures.
        tables: Tables of all outputs.
        report_tables: Tables of the report only.
        documents: Name of another file -> its text.
        intro: Introduction of its section of the report.
    """

    section: Section
    numbers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    report_tables: Sequence[Table] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    intro: str = ""
