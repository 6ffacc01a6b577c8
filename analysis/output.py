"""Files of an analysis: numbers, tables, figures and the report."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import files, latex, markdown, page, report
from analysis.inputs import Inputs
from analysis.published import Published
from analysis.result import CAPTIONS, Result, captions

FORMULA = re.compile(r"[=+@\t\r]|-(?![\d.])")  # how formulas begin in spreadsheets; a negative number is none


def write(inputs: Inputs, results: Sequence[Result], folder: Path) -> list[Path]:
    """Writes the files of all results, replacing those of an earlier analysis; returns their paths."""
    plots = [plot for result in results for plot in result.plots]
    tables = [table for result in results for table in result.tables]
    rendered = {plot.name: plot.render() for plot in plots}
    svgs = {name: kinds["svg"] for name, kinds in rendered.items()}
    title = f"# {markdown.literal(inputs.scores.source)}\n"
    contents: dict[str, str | bytes] = {
        f"{name}.csv": _csv(frame) for result in results for name, frame in result.numbers.items() if not frame.empty
    }
    contents["tables.md"] = "\n".join([title, *map(markdown.to_markdown, tables), *_sources(inputs.published)])
    contents["tables.tex"] = latex.latex_document(tables)
    contents |= {name: text for result in results for name, text in result.documents.items()}
    contents[CAPTIONS] = captions(plots)
    contents |= {f"{name}.{kind}": kinds[kind] for name, kinds in rendered.items() for kind in ("pdf", "png")}
    contents["report.html"] = page.render(report.page(inputs, results, svgs))
    return files.write_all(folder, contents)


def _csv(table: pd.DataFrame) -> str:
    text = table.select_dtypes(exclude="number").columns  # mapping integers with gaps would make them floats
    neutral = table.assign(**{name: table[name].map(_neutral) for name in text})
    return neutral.to_csv(index=False, na_rep="nan")


def _neutral(cell: object) -> object:
    """A cell that a spreadsheet takes as text, not as a formula."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def _sources(published: Sequence[Published]) -> Sequence[str]:
    """The sources of the published scores, with notes, as a section of Markdown."""
    return ["## Published scores\n", *map(_source, published), ""] if published else []


def _source(method: Published) -> str:
    return markdown.literal(f"- {method.label}: {method.unit}, from {method.source}. {method.note}".rstrip())
