"""Many run folders: those that a suite plans, or those that are found."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from analysis.errors import AnalysisError
from analysis.scores import ExpectedRun, Run, Scores, Values, from_runs
from analysis.sources import events, records
from analysis.sources.cache import Cache, KnownRuns
from analysis.sources.layout import EVENTS, File, Place, files, find, normal

SEARCHED = 20  # runs whose names of metrics are looked through for one that was misspelt
LISTED = 20  # names of metrics in a message


def read_expected(
    expected: Sequence[ExpectedRun], suite: str, root: Path, metric: str, cache: Cache | None = None
) -> Scores:
    """Reads the folders of all planned runs.

    Args:
        expected: The planned runs.
        suite: The suite's name.
        root: The suite's folder, `<root>/<task>/<variant>/<seed>`; runs in it that nobody planned are listed.
        metric: What is analysed.
        cache: What was read before.

    Raises:
        AnalysisError: If the runs log other things, but not the metric.
    """
    places = [Place(suite, run.task, run.variant, run.seed, normal(run.folder)) for run in expected]
    runs = [
        run._replace(about={**run.about, "planned": float(plan.steps)})
        for run, plan in zip(_read(root, places, metric, cache), expected, strict=True)
    ]
    planned = {place.folder for place in places}
    unplanned = [
        root / Path(place.folder).relative_to(normal(root)) for place in find(root) if place.folder not in planned
    ]
    source = f"suite {suite}"
    _require(metric, runs, source)
    return from_runs(runs, source, unplanned)


def read_folder(root: Path, metric: str, cache: Cache | None = None) -> Scores:
    """Reads all runs under a folder: one run, a suite's, or those of several suites; see `layout.find`.

    Raises:
        AnalysisError: If there is none, or they log other things, but not the metric.
    """
    places = find(root)
    if not places:
        raise AnalysisError(
            f"{root}: no runs; expected are folders <task>/<variant>/<seed> in it, or in folders in it, each seed a "
            "number, with a metrics.jsonl or TensorBoard's event files"
        )
    runs = _read(root, places, metric, cache)
    _require(metric, runs, str(root))
    return from_runs(runs, str(root))


def _read(root: Path, places: Sequence[Place], metric: str, cache: Cache | None) -> list[Run]:
    with KnownRuns(cache.path(root, metric) if cache else None, metric) as known:
        return [_read_run(place, known) for place in places]


def _read_run(place: Place, known: KnownRuns) -> Run:
    found = files(place.folder)
    if not found:
        about = {} if Path(place.folder).is_dir() else {"state": "missing"}
        return Run({**about, **place._asdict()}, Values.of([]))
    run = known.read(place.folder, found, _kind(found).read_run)
    return Run({**run.about, **place._asdict()}, run.values)


def _kind(found: Sequence[File]) -> ModuleType:
    """The module that reads a run of some files."""
    return events if found and EVENTS in Path(found[0].path).name else records


def _require(metric: str, runs: Sequence[Run], source: str) -> None:
    """Refuses a metric that no run has, if the runs have others."""
    if any((run.values.metrics == metric).any() for run in runs):
        return
    found: set[str] = set()
    for run in [run for run in runs if run.about.get("state") != "missing"][:SEARCHED]:
        folder = run.about["folder"]
        found |= _kind(files(folder)).names(folder)
    if found:
        near = difflib.get_close_matches(metric, sorted(found), n=1, cutoff=0)[0]
        others = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise AnalysisError(
            f"{source}: no run has logged {metric!r} yet; there are {', '.join(sorted(found)[:LISTED])}{others}. "
            f"To analyse another, pass --metric NAME; the nearest is {near}"
        )
