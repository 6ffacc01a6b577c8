"""A result: the numbers of one statistic with the figures, captions and tables that show them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.style import KINDS, render
from analysis.tables import Table

Section = Literal["overview", "tasks", "ablations", "predictions", "compute", "discovery", "quality", "provenance"]
HEADINGS: Mapping[Section, str] = {  # of the report, in order
    "overview": "Over all tasks",
    "tasks": "Task by task",
    "ablations": "Ablations",
    "predictions": "Predictions of the world models",
    "compute": "What it costs",
    "discovery": "Groups of actions",
    "quality": "Data quality",
    "provenance": "Provenance",
}


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn, in another process too.

    Attributes:
        name: Of its files.
        title: What it shows.
        caption: In full: what is to be seen, and what it rests on.
        brief: The caption in two or three lines, for a PNG that travels alone.
        draw: Draws it.
    """

    name: str
    title: str
    caption: str
    brief: str
    draw: Callable[[], Figure]

    def render(self) -> dict[str, bytes]:
        """Kind of file -> the file."""
        figure = self.draw()
        return {kind: render(figure, kind, self.brief) for kind in KINDS}


@dataclass(frozen=True)
class Result:
    """What one question gives.

    Attributes:
        section: Where it belongs in the report.
        numbers: Name of a CSV file -> the numbers in full; an empty table has no file.
        plots: Its figures.
        tables: Its tables, which all outputs have.
        report_tables: Tables that only the report has.
        documents: Name of any other file -> its text.
        intro: What to know before reading its section of the report.
    """

    section: Section
    numbers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    report_tables: Sequence[Table] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    intro: str = ""
