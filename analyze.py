#!/usr/bin/env python3
"""What came out? The command line over analysis/: statistics, figures and tables from run folders or score files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import AnalysisError
from analysis.settings import AnalysisSettings
from suites.errors import UserError

if TYPE_CHECKING:
    from analysis.design import Design
    from analysis.scores import Scores
    from suites.schema import Suite


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one analysis and returns the exit code: 0, or 2 for a mistake that was explained, or 130 interrupted."""
    arguments = _parse(argv)
    try:
        _analyze(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (AnalysisError, UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="analyze.py",
        description="Statistics, figures and tables of a suite's runs, or of score files.",
        epilog="A suite's analysis goes to RESULTS/<suite>/analysis/. What stands on the command line overrides "
        "the suite's own `analysis` settings.",
    )
    parser.add_argument("suite", nargs="?", type=Path, metavar="SUITE", help="the YAML file of a suite")
    parser.add_argument("--results", type=Path, metavar="DIR", help="where its runs are (default: results)")
    parser.add_argument(
        "--scores", type=Path, nargs="+", action="extend", metavar="FILE",
        help="score files instead: a JSON list of {task, method, seed, xs, ys}, plain or gzip",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the analysis of score files goes")
    parser.add_argument(
        "--published", nargs="+", action="extend", metavar="NAME",
        help="published scores to draw as lines, from results/published (default: those that the suite names)",
    )  # fmt: skip
    settings = parser.add_argument_group("protocol")
    for name, field in AnalysisSettings.model_fields.items():
        flag, text = f"--{name.replace('_', '-')}", f"{field.description} (default: {field.default})"
        settings.add_argument(flag, metavar=name.split("_")[-1].upper(), help=text.replace("%", "%%"))
    arguments = parser.parse_args(argv)
    if (arguments.suite is None) == (arguments.scores is None):
        parser.error("give either a SUITE or --scores FILE...")
    if arguments.scores and (arguments.out is None or arguments.results is not None):
        parser.error("--scores goes with --out DIR, and without --results")
    if arguments.suite and arguments.out is not None:
        parser.error("--out goes with --scores; a suite's analysis is written to RESULTS/<suite>/analysis/")
    return arguments


def _analyze(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from analysis import report
    from analysis.design import Design
    from analysis.published import read_published
    from analysis.scores import read_score_files

    own: dict[str, Any] = {}
    published: Sequence[str] = []
    if arguments.suite:
        from suites.schema import load_suite

        suite = load_suite(arguments.suite)
        root = (arguments.results or Path("results")) / suite.name
        if not root.is_dir():
            raise UserError(f"{root}: no results of suite {suite.name}; first run it: launch.py run {arguments.suite}")
        scores, design, folder = _read_runs(suite, root), _design(suite), root / "analysis"
        own, published = suite.analysis.model_dump(), suite.published
    else:
        scores, design, folder = read_score_files(arguments.scores), Design(), arguments.out
    settings = _settings(own, arguments)
    methods = [read_published(name) for name in arguments.published or published]
    console = Console()
    with console.status(f"Statistics and figures of {scores.source}"):
        analysis = report.analyze(scores, settings, design)
        paths = report.write(analysis, scores.source, folder, methods)
    report.show(analysis, paths, console)


def _read_runs(suite: "Suite", root: Path) -> "Scores":
    """The scores of a suite's planned runs, which lie under its folder."""
    from analysis.scores import ExpectedRun, read_runs
    from suites.plan import plan

    expected = [
        ExpectedRun(spec.task, spec.variant, spec.seed, spec.folder(root.parent), spec.settings.steps)
        for spec in plan(suite)
    ]
    return read_runs(expected, suite.name, root)


def _design(suite: "Suite") -> "Design":
    """How the suite's variants belong together, in the words of the analysis, which knows nothing of suites."""
    from analysis.design import Design, Point

    grid = suite.grid
    families = {name: entry.variant for name, entry in grid.items()}
    sweeps: dict[str, dict[str, Point]] = {}
    for key, sweep in grid.sweep.items():
        if not all(type(node.value) in (int, float) for node in sweep.values):
            continue
        for name, entry in grid.items():
            if key in entry.swept:
                others = {other: node for other, node in entry.swept.items() if other != key}
                line = grid.name(entry.variant, others)
                families[line] = entry.variant
                sweeps.setdefault(grid.short[key], {})[name] = Point(line, entry.swept[key].value)
    return Design(families, sweeps, suite.comparisons)


def _settings(own: dict[str, Any], arguments: argparse.Namespace) -> AnalysisSettings:
    """The suite's settings with those of the command line over them."""
    from pydantic import ValidationError

    given = {name: getattr(arguments, name) for name in AnalysisSettings.model_fields}
    try:
        return AnalysisSettings.model_validate(
            own | {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        flag = f"--{str(first['loc'][0]).replace('_', '-')}"
        raise AnalysisError(f"{flag} {first['input']}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


if __name__ == "__main__":
    sys.exit(main())
