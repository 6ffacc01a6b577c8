"""Reads many run folders: the planned runs of a suite, or all runs in a folder."""

from collections.abc import Sequence
from pathlib import Path

from analysis.paths import shown
from analysis.scores import ExpectedRun, Run, Scores, from_runs
from analysis.sources import events, records
from analysis.sources.layout import Place, find, has_events_only, is_run, normal
from common.errors import UserError
from common.text import nearest

LISTED = 20  # names of metrics in a message


def read_expected(expected: Sequence[ExpectedRun], suite: str, root: Path, metric: str) -> Scores:
    """Reads the folders of all planned runs.

    Args:
        expected: The planned runs.
        suite: The suite's name.
        root: The suite's folder, `<root>/<task>/<variant>/<seed>`; unplanned runs in it are listed.
        metric: The analysed metric.

    Raises:
        UserError: The runs log other metrics, but not this one.
    """
    places = [Place(suite, run.task, run.variant, run.seed, normal(run.folder)) for run in expected]
    runs = [
        run._replace(about={**run.about, "planned": float(plan.steps)})
        for run, plan in zip([_read_run(place) for place in places], expected, strict=True)
    ]
    planned = {place.folder for place in places}
    unplanned = [
        root / Path(place.folder).relative_to(normal(root)) for place in find(root) if place.folder not in planned
    ]
    source = f"suite {suite}"
    _require(metric, runs, source)
    return from_runs(runs, source, unplanned)


def read_folder(root: Path, metric: str) -> Scores:
    """Reads all runs in a folder: one run, or the runs of one or several suites; see `layout.find`.

    Raises:
        UserError: There are no runs, or they log other metrics, but not this one.
    """
    places = find(root)
    if not places:
        raise UserError(
            f"{root}: no runs; expected folders <task>/<variant>/<seed> in it or in its folders, with a number as seed "
            "and metrics.jsonl or TensorBoard event files"
        )
    runs = [_read_run(place) for place in places]
    _require(metric, runs, str(root))
    return from_runs(runs, shown(root))


def _read_run(place: Place) -> Run:
    if not is_run(place.folder):
        about = {} if Path(place.folder).is_dir() else {"state": "missing"}
        return Run({**about, **place._asdict()}, {})
    run = (events if has_events_only(place.folder) else records).read_run(place.folder)
    return Run({**run.about, **place._asdict()}, run.values)


def _require(metric: str, runs: Sequence[Run], source: str) -> None:
    """Raises an error for a metric that no run has, if the runs have others."""
    found = sorted({name for run in runs for name in run.values})
    if found and metric not in found:
        near = nearest(metric, found, cutoff=0)
        others = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise UserError(
            f"{source}: no run has logged {metric!r} yet; there are {', '.join(found[:LISTED])}{others}. "
            f"Select another with --metric NAME; the nearest is {near}"
        )
