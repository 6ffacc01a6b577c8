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
    from analysis.scores import Scores


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
    from analysis.published import read_published

    if arguments.suite:
        scores, own, published, folder = _read_suite(arguments.suite, arguments.results or Path("results"))
    else:
        from analysis.scores import read_score_files

        scores, own, published, folder = read_score_files(arguments.scores), {}, [], arguments.out
    settings = _settings(own, arguments)
    methods = [read_published(name) for name in arguments.published or published]
    console = Console()
    with console.status(f"Statistics and figures of {scores.source}"):
        analysis = report.analyze(scores, settings)
        paths = report.write(analysis, scores.source, folder, methods)
    report.show(analysis, paths, console)


def _read_suite(path: Path, results: Path) -> "tuple[Scores, dict[str, Any], Sequence[str], Path]":
    """The scores of a suite's planned runs, its analysis settings, its published baselines, and where to write."""
    from analysis.scores import ExpectedRun, read_runs
    from suites.plan import plan
    from suites.schema import load_suite

    suite = load_suite(path)
    expected = [
        ExpectedRun(spec.task, spec.variant, spec.seed, spec.folder(results), spec.settings.steps)
        for spec in plan(suite)
    ]
    root = results / suite.name
    if not root.is_dir():
        raise UserError(f"{root}: no results of suite {suite.name}; first run it: launch.py run {path}")
    return read_runs(expected, suite.name, root), suite.analysis.model_dump(), suite.published, root / "analysis"


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
