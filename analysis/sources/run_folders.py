"""Reads many run folders: the planned runs of a suite, or all runs in a folder."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.paths import shown
from analysis.scores import ENVIRONMENT_STEPS, ExpectedRun, Run, Scores, from_runs, steps_of
from analysis.sources import events, records
from analysis.sources.columns import unit_of
from analysis.sources.layout import Place, find, has_events_only, is_run, is_seed, normal, others, tables
from analysis.sources.metrics import STEP
from analysis.sources.pattern import Pattern
from common.errors import UserError
from common.text import counted, listed, nearest, quoted

LEVELS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
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


def read_folder(root: Path, metric: str, pattern: Pattern | None = None, step: str = "") -> Scores:
    """Reads all runs in a folder: one run, or the runs of one or several suites; see `layout.find`.

    Args:
        root: The folder.
        metric: The analysed metric.
        pattern: The layout of the folders; names that it lacks are the folder's own, and seeds are then the order of
            the folders of a task and variant.
        step: The key of steps in metrics.jsonl, where it is not `step`.

    Raises:
        UserError: There are no runs, or they log other metrics, but not this one.
    """
    places = _places(root, pattern) if pattern else find(root)
    if not pattern and is_run(str(root)) and not is_seed(Path(normal(root)).name):
        raise UserError(
            f"{root}: a run whose folder does not name it; say what its path means, such as "
            "--layout '{task}/{variant}', or put it into <task>/<variant>/<seed>"
        )
    passed = others(root, places)
    if not places:
        raise UserError(_no_runs(root, passed, pattern))
    runs = [_read_run(place, step) for place in places]
    _require(metric, runs, str(root))
    keys = Counter(run.about.get("step", STEP) for run in runs if run.values)
    numbered = [f"{place.seed} is {Path(place.folder).relative_to(normal(root))}" for place in places]
    unnamed = pattern is not None and "seed" not in pattern.fields
    notes = [f"{shown(root)}: seeds are the order of folders: {listed(numbered)}"] if unnamed else []
    notes += [
        f"{shown(root)}: {key} is the step of {counted(count, 'run')}" for key, count in keys.items() if key != STEP
    ]
    unit = steps_of({unit_of(key) for key in keys} or {ENVIRONMENT_STEPS})
    scores = from_runs(runs, shown(root))
    return replace(scores, passed=tuple(root / folder for folder in passed), notes=tuple(notes), unit=unit)


def _places(root: Path, pattern: Pattern) -> list[Place]:
    """The runs that fit a layout, below a folder, or the folder itself by the end of its path."""
    top = Path(normal(root))
    if is_run(str(top)):
        found = [(top, names)] if (names := pattern.names(top)) is not None else []
    else:
        found = [(path, names) for path, names in pattern.find(top) if is_run(str(path))]
    places: list[Place] = []
    runs: Counter[tuple[str, ...]] = Counter()  # so far
    for path, names in found:
        known = {**dict.fromkeys(("suite", "task", "variant"), top.name), **names}
        run = (known["suite"], known["task"], known["variant"])
        places.append(Place(*run, int(names.get("seed", runs[run])), str(path)))
        runs[run] += 1
    named = [place[:-1] for place in places]
    if doubled := next((place for place in places if named.count(place[:-1]) > 1), None):
        raise UserError(
            f"{root}: with --layout {pattern.text}, several folders are task {doubled.task}, variant "
            f"{doubled.variant}, seed {doubled.seed}; add a field for what differs between them"
        )
    return places


def _no_runs(root: Path, found: Sequence[Path], pattern: Pattern | None) -> str:
    """What is in a folder without a readable run."""
    files = "metrics.jsonl, scores.jsonl or TensorBoard event files"
    if not found and (files_below := tables(root)):
        first = files_below[0]
        layout = "/".join([*([_guess(first.parent)] if first.parent.parts else []), first.name])
        return (
            f"{root}: no runs, but {counted(len(files_below), 'table')}, such as {first}; say what their paths mean, "
            f"such as --layout '{layout}'"
        )
    if not found:
        return (
            f"{root}: no runs; expected folders <task>/<variant>/<seed> in it or in its folders, with a number as seed "
            f"and {files}"
        )
    levels = sorted({len(path.parts) for path in found})
    below = " or ".join(f"{LEVELS.get(level, str(level))} level{'s' if level > 1 else ''}" for level in levels)
    number = f" ({counted(len(found), 'folder')} with them)"
    example = f"{below} below it, such as {found[0]}{number}"
    if pattern:
        return f"{root}: --layout {pattern.text} fits no run; {files} lie {example}"
    return (
        f"{root}: {files} lie {example}, where three are expected, <task>/<variant>/<seed>, with a number as seed; "
        f"say what the folders mean, such as --layout '{_guess(found[0])}'"
    )


def _guess(path: Path) -> str:
    """A layout that fits a path, with a seed if its last part ends in digits."""
    *folders, last = path.parts
    name = last.rstrip("0123456789")
    if not folders:
        ending = name[len(name.rstrip("-_")) :]
        return "{variant}" + (f"{ending}{{seed}}" if name != last else "")
    above = ["{task}"] if len(folders) == 1 else ["*"] * (len(folders) - 2) + ["{task}", "{variant}"]
    return "/".join([*above, f"{name}{{seed}}" if name != last else "{variant}" if len(folders) == 1 else "*"])


def _read_run(place: Place, step: str = "") -> Run:
    if not is_run(place.folder):
        about = {} if Path(place.folder).is_dir() else {"state": "missing"}
        return Run({**about, **place._asdict()}, {})
    run = events.read_run(place.folder) if has_events_only(place.folder) else records.read_run(place.folder, step)
    return Run({**run.about, **place._asdict()}, run.values)


def _require(metric: str, runs: Sequence[Run], source: str) -> None:
    """Raises an error for a metric that no run has, if the runs have others."""
    found = sorted({name for run in runs for name in run.values})
    if found and metric not in found:
        near = nearest(metric, found, cutoff=0)
        others = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise UserError(
            f"{source}: no run has logged {quoted(metric)} yet; there are {', '.join(found[:LISTED])}{others}. "
            f"Select another with --metric NAME; the nearest is {near}"
        )
