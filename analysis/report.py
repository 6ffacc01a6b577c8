"""From a study to the files of its folder: numbers, tables, figures and the page that shows them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis import checks, files, latex, page, tables
from analysis.document import page as compose
from analysis.exhibits import exhibits
from analysis.published import Published
from analysis.study import Study


def write(study: Study, folder: Path) -> list[Path]:
    """Writes every table, every figure and the report in place of those of an earlier analysis; returns their paths."""
    source = study.scores.source
    shown = list(exhibits(study))
    rendered = [exhibit.render() for exhibit in shown]
    contents: dict[str, str | bytes] = {f"{name}.csv": _csv(frame) for name, frame in _frames(study).items()}
    contents |= {
        "tables.md": "\n".join([f"# {source}\n", *map(tables.to_markdown, study.tables.values()), *_sources(study)]),
        "tables.tex": latex.latex_document(list(study.tables.values())),
        "checks.md": checks.to_markdown(study.findings, study.protocol),
        "captions.md": "\n".join(f"## {each.name}: {each.title}\n\n{each.caption}\n" for each in shown),
    }
    for exhibit, kinds in zip(shown, rendered, strict=True):
        contents |= {f"{exhibit.name}.{kind}": kinds[kind] for kind in ("pdf", "png")}
    drawn = [(exhibit, kinds["svg"]) for exhibit, kinds in zip(shown, rendered, strict=True)]
    contents["report.html"] = page.render(compose(study, source, drawn))
    return files.write_all(folder, contents)


def _frames(study: Study) -> dict[str, pd.DataFrame]:
    """The numbers in full, by the name of their file."""
    frames = {
        "aggregates": study.aggregates,
        "profiles": study.profiles,
        "improvement": study.improvement,
        "efficiency": study.efficiency,
        "tasks": study.tasks,
        "appendix": tables.appendix(study.tasks, study.context.published),
        "sweeps": study.sweeps,
        "compute": study.compute,
        "model_errors": study.model_errors.finals if study.model_errors else pd.DataFrame(),
    }
    return {name: frame for name, frame in frames.items() if not frame.empty}


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, na_rep="nan")


def _sources(study: Study) -> Sequence[str]:
    """Where the drawn baselines come from, and what to know of them, as a section of Markdown."""
    return ["## Published scores\n", *map(_source, study.context.published), ""] if study.context.published else []


def _source(method: Published) -> str:
    return f"- {method.label}: {method.unit}, from {method.source}. {method.note}".rstrip()
