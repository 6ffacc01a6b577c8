"""Run folders: which run a folder belongs to, and whether that is still the run in the suite."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from common import files, lock
from common.errors import UserError
from common.origin import PROVENANCE
from common.yaml_reader import MAX_BYTES
from runs.store import state, stop
from suites.identity import recorded_in
from suites.plan import RunSpec, difference

SPEC = "spec.yaml"
SHOWN = 5  # changed runs listed in an error
UNREADABLE = f"{SPEC} cannot be read"


def read_spec(folder: Path) -> RunSpec:
    """The spec of a run folder.

    Raises:
        UserError: the folder is not that of a run, or its spec cannot be read.
    """
    try:
        text = _text(folder)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{folder} is not a run: {SPEC} in it cannot be read ({reason}); "
            "expected results/<suite>/<task>/<variant>/<seed>"
        ) from error
    try:
        return RunSpec.from_yaml(text)
    except UserError as error:
        raise UserError(f"{folder / SPEC}: {error}") from error


def holds(folder: Path, spec: RunSpec) -> bool:
    """Whether a folder holds the run of a spec."""
    return (folder / SPEC).exists() and not _change(spec, folder)


def write_spec(spec: RunSpec, folder: Path) -> None:
    """Assigns a folder to a run; if it already belongs to the run, settings without effect on results may change.

    Raises:
        UserError: the folder belongs to another run, or holds other files.
        common.lock.BusyError: another process is running it.
    """
    if change := _change(spec, folder):
        raise UserError(f"{folder} no longer belongs to this run: {change}")
    folder.mkdir(parents=True, exist_ok=True)
    with lock.held(folder):
        files.write_text(folder / SPEC, spec.to_yaml())


def clear_temporary(folder: Path) -> None:
    """Deletes what killed writes left in a run folder; only for the process that holds its lock."""
    files.clear_temporary(folder, (SPEC, state.NAME, PROVENANCE))


def claim(specs: Sequence[RunSpec], results: Path, replace: bool) -> list[Path]:
    """Checks that no folder holds a run other than its spec.

    Args:
        specs: The runs that will use their folders.
        results: Root of all results.
        replace: Move the folders of changed runs aside, to `<seed>.replaced-<time>`, instead of refusing.

    Returns:
        The new paths of the folders that were moved.

    Raises:
        UserError: settings have changed under the same name; lists keys, old and new values. Nothing was changed.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{results}: results cannot be written there ({error.strerror})") from error
    changes = _changes(specs, results)
    if changes and not replace:
        raise UserError(_refusal(changes))
    for folder in changes:
        if lock.is_held(folder):
            raise UserError(f"{folder} cannot be replaced: it is running; stop it first")
    now = f"{datetime.now():%Y%m%d-%H%M%S-%f}"
    return [folder.rename(folder.with_name(f"{folder.name}.replaced-{now}")) for folder in changes]


def refusal(specs: Sequence[RunSpec], results: Path) -> str | None:
    """Why `claim` would refuse these runs without `replace`, or None; changes nothing."""
    changes = _changes(specs, results)
    return _refusal(changes) if changes else None


def _changes(specs: Sequence[RunSpec], results: Path) -> dict[Path, str]:
    """The folders that hold a run other than their spec, and the difference."""
    return {spec.folder(results): change for spec in specs if (change := _change(spec, spec.folder(results)))}


def _refusal(changes: Mapping[Path, str]) -> str:
    listed = [f"  {folder}: {change}" for folder, change in list(changes.items())[:SHOWN]]
    if len(changes) > SHOWN:
        listed.append(f"  ... and {len(changes) - SHOWN} more")
    lines = "\n".join(listed)
    if not any(" -> " in change for change in changes.values()):
        return f"folders of these runs hold something else:\n{lines}\nrestore them, or move them aside with --replace"
    return (
        f"settings have changed under the same name (old -> new):\n{lines}\n"
        "give the variant or suite another name, undo the change, or move the old results aside with --replace"
    )


def _change(spec: RunSpec, folder: Path) -> str:
    """How a folder's run differs from a spec, as text; empty if it does not, or if there is no run."""
    try:
        text = _text(folder)
    except FileNotFoundError:
        return "it holds files that do not belong to a run" if _foreign(folder) else ""
    except (OSError, UnicodeDecodeError) as error:
        return f"{UNREADABLE} ({getattr(error, 'strerror', None) or error})"
    recorded = recorded_in(text)
    if recorded is not None and spec.is_same(recorded):
        return ""
    try:
        old = RunSpec.from_yaml(text)
    except UserError as error:
        return f"{UNREADABLE} ({error})"
    return ", ".join(f"{key}: {was} -> {now}" for key, (was, now) in difference(old, spec).items())


def _text(folder: Path) -> str:
    return files.read_bytes(folder / SPEC, MAX_BYTES).decode("utf-8")


def _foreign(folder: Path) -> bool:
    ours = (files.TEMPORARY, stop.MARK, lock.NAME)
    return folder.exists() and any(not path.name.startswith(ours) for path in folder.iterdir())
