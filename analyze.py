#!/usr/bin/env python3
# PYTHON_ARGCOMPLETE_OK
"""Command line of analysis/: statistics, figures, tables and a report of scores from any source."""

import argparse
import io
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.settings import AnalysisSettings
from common.arguments import Parser, add_results, filled_path
from common.errors import UserError, unwritable
from common.text import printable

if TYPE_CHECKING:
    from analysis.relations import Relations
    from analysis.scores import Scores
    from suites.suite import Suite

EPILOG = """\
A SOURCE is the YAML file of a suite; a folder of runs, <task>/<variant>/<seed> with metrics.jsonl or TensorBoard
events; a score file, a JSON list of {task, method, seed, xs, ys}, plain or gzip; a table of published scores (.json);
a .csv or .parquet of task, variant, seed, step, value; or a folder of SD2's discoveries, shown with the scores.
Options override the `analysis` settings of a suite."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one analysis and returns the exit code: 0, 2 after a reported error, 130 if interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    arguments = _parse(argv)
    try:
        _analyze(arguments, ["analyze.py", *(sys.argv[1:] if argv is None else argv)])
    except UnicodeEncodeError as error:
        print(f"error: {unwritable(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (UserError, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="analyze.py",
        description="Statistics, figures, tables and a report of suites' runs or of scores from other sources.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", type=filled_path, metavar="SOURCE", help="source of scores, see below")
    add_results(parser, "folder of suites' runs")
    parser.add_argument(
        "--out", type=filled_path, metavar="DIR",
        help="folder of the analysis (default, for one suite or folder: `analysis` next to its runs)",
    )  # fmt: skip
    parser.add_argument(
        "--layout", default="", metavar="PATTERN",
        help="what the names of folders and files mean, such as '{variant}/{task}/*_{seed}' or '{variant}/{task}.csv'",
    )  # fmt: skip
    parser.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="select runs by task=..., variant=..., seed=...; commas and * are allowed",
    )  # fmt: skip
    parser.add_argument(
        "--published", nargs="+", action="extend", metavar="NAME",
        help="published scores to show: methods of results/published, or your own .json or .csv files "
        "(default: those of the suites)",
    )  # fmt: skip
    parser.add_argument(
        "--export", nargs="+", action="extend", default=[], type=filled_path, metavar="FILE",
        help="also write the scores: .parquet or .csv with all metrics, .json or .json.gz as a score file, without an "
        "ending as a folder of TensorBoard events",
    )  # fmt: skip
    parser.add_argument(
        "--columns", nargs="+", action="extend", default=[], metavar="NAME=COLUMN",
        help="columns of tables: step=frame value=episode_reward, ...; or one number: panels per row of figures",
    )  # fmt: skip
    parser.add_argument(
        "--scale-steps", nargs="+", action="extend", default=[], metavar="VARIANT=FACTOR",
        help="multiply the steps of a variant, such as agent steps to environment steps; or a column of tables that "
        "has the factor of each row",
    )  # fmt: skip
    settings = parser.add_argument_group("scores, statistics and figures")
    for name, field in AnalysisSettings.model_fields.items():
        if name == "columns":
            continue
        flag, text = f"--{name.replace('_', '-')}", f"{field.description} (default: {field.default})"
        settings.add_argument(flag, metavar=name.split("_")[-1].upper(), help=text.replace("%", "%%"))
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may follow
        from suites.completion import complete

        complete(parser)
    return parser.parse_args(argv)


def _analyze(arguments: argparse.Namespace, command: Sequence[str]) -> None:
    from rich.console import Console

    from analysis import console, export, output, results, sources
    from analysis.inputs import Inputs
    from analysis.paths import shown_command
    from analysis.published import read_published
    from analysis.relations import joined, renamed
    from analysis.results import quality
    from analysis.scores import cut, join, scaled, select
    from analysis.sources import options
    from analysis.sources.columns import FACTOR
    from analysis.sources.layout import find
    from discovery import figures, store
    from suites.plan import selection

    suites = _suites(arguments.sources)
    columns, arguments.columns = options.columns(arguments.columns)
    factors, factor = options.factors(arguments.scale_steps)
    settings = _settings(suites.values(), arguments)
    named = arguments.published or dict.fromkeys(name for suite in suites.values() for name in suite.published)
    published = read_published(list(named))
    folder = _out(arguments, suites)
    terminal = Console()
    with terminal.status("Reading scores"):
        discoveries = {path: store.find(path) for path in arguments.sources if path.is_dir()}
        scores = join(
            _read_suite(suites[path], arguments.results, settings.metric)
            if path in suites
            else sources.read(path, settings.metric, arguments.layout, columns | factor)
            for path in arguments.sources
            if not discoveries.get(path) or find(path) or arguments.layout
        )
        scores = select(scores, selection(arguments.only))
    if scores.runs.empty and any(discoveries.values()):
        raise UserError("the sources have only discoveries of SD2, which are shown with scores: add scores")
    if factor and not any(sources.is_tabular(path, arguments.layout) for path in arguments.sources):
        raise UserError(f"--scale-steps {factor[FACTOR]}: no source has columns; expected VARIANT=FACTOR")
    scores = scaled(scores, factors)
    for path in arguments.export:
        export.write(scores, settings.metric, path)
    scores = cut(scores, settings.until, settings.metric)
    relations = joined({each.name: renamed(_relations(each), each.name, scores.renamed) for each in suites.values()})
    found = [store.read(place) for places in discoveries.values() for place in places]
    plots = [plot for each in found for plot in figures.for_analysis(each)]
    inputs = Inputs(scores, settings, relations, published, plots, shown_command(command))
    with terminal.status(f"Statistics and figures of {scores.source}"):
        made = results.make(inputs)
        paths = output.write(inputs, made, folder)
    tables = [table for result in made for table in result.tables]
    console.show(quality.findings(inputs), tables, paths, terminal)


def _suites(sources: Sequence[Path]) -> dict[Path, "Suite"]:
    """Path -> suite, for the sources that are suites."""
    suites: dict[Path, Suite] = {}
    for path in sources:
        if path.suffix in (".yaml", ".yml"):
            from suites.suite import load_suite

            suites[path] = load_suite(path)
    return suites


def _out(arguments: argparse.Namespace, suites: Mapping[Path, "Suite"]) -> Path:
    """The folder of the analysis.

    Raises:
        UserError: `--out` is missing, and the sources imply no folder.
    """
    if arguments.out:
        return arguments.out
    places = [arguments.results / suites[path].name if path in suites else path for path in arguments.sources]
    if len(places) > 1 or not (places[0].is_dir() or suites):
        raise UserError("--out DIR is missing: these sources imply no folder for the analysis")
    return places[0] / "analysis"


def _read_suite(suite: "Suite", results: Path, metric: str) -> "Scores":
    """The scores of a suite's planned runs."""
    from analysis import sources
    from analysis.scores import ExpectedRun
    from suites.plan import plan

    root = results / suite.name
    if not root.is_dir():
        raise UserError(f"{root}: no results of suite {suite.name}; run it first: launch.py run {suite.place.source}")
    expected = [
        ExpectedRun(spec.task, spec.variant, spec.seed, spec.folder(results), spec.settings.steps)
        for spec in plan(suite, results=results)
    ]
    return sources.read_expected(expected, suite.name, root, metric)


def _relations(suite: "Suite") -> "Relations":
    """How the suite's variants relate, in types of the analysis, which does not import suites."""
    from analysis.relations import Point, Relations

    grid = suite.grid
    families = {name: entry.variant for name, entry in grid.items()}
    sweeps: dict[str, dict[str, Point]] = {}
    for key, sweep in grid.sweep.items():
        if not all(type(node.value) in (int, float) for node in sweep.values):
            continue
        for name, entry in grid.items():
            if key in entry.swept:
                others = {other: node for other, node in entry.swept.items() if other not in grid.drawn_with(key)}
                line = grid.name(entry.variant, others)
                families[line] = entry.variant
                sweeps.setdefault(grid.short[key], {})[name] = Point(line, entry.swept[key].value)
    sampled = frozenset(grid.short[key] for key, sweep in grid.sweep.items() if sweep.sampled)
    return Relations(families, sweeps, suite.comparisons, sampled)


def _settings(suites: Collection["Suite"], arguments: argparse.Namespace) -> AnalysisSettings:
    """The suites' settings, overridden by the command line.

    Raises:
        UserError: Suites differ in a setting that the command line does not set, or a value is not allowed.
    """
    from pydantic import ValidationError

    given = {name: getattr(arguments, name) for name in AnalysisSettings.model_fields}
    given = {name: value for name, value in given.items() if value is not None}
    own: dict[str, Any] = {}
    for suite in suites:
        for name, value in suite.analysis.model_dump().items():
            if own.setdefault(name, value) != value and name not in given:
                flag = f"--{name.replace('_', '-')}"
                raise UserError(f"suites differ in analysis.{name}, {own[name]} and {value}: choose with {flag}")
    try:
        return AnalysisSettings.model_validate(own | given)
    except ValidationError as error:
        field, wrong = error.errors()[0]["loc"][0], error.errors()[0]["input"]
        messages = [each["msg"].removeprefix("Value error, ") for each in error.errors() if each["loc"][0] == field]
        message = " or ".join(text[0].lower() + text[1:] for text in messages)
        raise UserError(f"--{str(field).replace('_', '-')} {wrong}: {message}") from None


if __name__ == "__main__":
    sys.exit(main())
