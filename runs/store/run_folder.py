"""Run folders: which run a folder belongs to, and whether it still is the run that its suite asks for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from common import files
from common.errors import UserError
from runs.store import lock, stop
from suites.identity import recorded_in
from suites.plan import RunSpec, difference

SPEC = "spec.yaml"
SHOWN = 5  # changed runs that an error lists


def read_spec(folder: Path) -> RunSpec:
    """The spec of a run folder.

    Raises:
        UserError: the folder is no run's, or its spec cannot be read.
    """
    try:
        text = (folder / SPEC).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{folder} is not a run: {SPEC} in it cannot be read ({reason}); "
            "needed is results/<suite>/<task>/<variant>/<seed>"
        ) from error
    try:
        return RunSpec.from_yaml(text)
    except UserError as error:
        raise UserError(f"{folder / SPEC}: {error}") from error


def holds(folder: Path, spec: RunSpec) -> bool:
    """Whether a folder is a run's, and the run that its spec asks for."""
    return (folder / SPEC).exists() and not _change(spec, folder)


def write_spec(spec: RunSpec, folder: Path) -> None:
    """Makes a folder the run's; settings without effect on the result may change in one that already is.

    Raises:
        UserError: the folder is another run's, or holds other files.
    """
    if change := _change(spec, folder):
        raise UserError(f"{folder} is not this run's any more: {change}")
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / SPEC, spec.to_yaml())


def claim(specs: Sequence[RunSpec], results: Path, replace: bool) -> list[Path]:
    """Makes sure that no folder holds another run than its spec.

    Args:
        specs: The runs that are to use their folders.
        results: Root of all results.
        replace: Move the folders of changed runs aside, to `<seed>.replaced-<time>`, instead of refusing.

    Returns:
        Where the folders moved aside are now.

    Raises:
        UserError: settings have changed under the same name, with the keys and both values; nothing was touched.
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
    """Why `claim` would refuse these runs unless they are replaced, or None; touches nothing."""
    changes = _changes(specs, results)
    return _refusal(changes) if changes else None


def _changes(specs: Sequence[RunSpec], results: Path) -> dict[Path, str]:
    """The folders that hold another run than their spec, and how it differs."""
    return {spec.folder(results): change for spec in specs if (change := _change(spec, spec.folder(results)))}


def _refusal(changes: Mapping[Path, str]) -> str:
    listed = [f"  {folder}: {change}" for folder, change in list(changes.items())[:SHOWN]]
    if len(changes) > SHOWN:
        listed.append(f"  ... and {len(changes) - SHOWN} more")
    return (
        "settings have changed under the same name (old -> new):\n" + "\n".join(listed) + "\n"
        "give the variant or suite another name, undo the change, or move the old results aside with --replace"
    )


def _change(spec: RunSpec, folder: Path) -> str:
    """How a folder's run differs from a spec, in words; empty where it does not, or where there is none."""
    try:
        text = (folder / SPEC).read_text(encoding="utf-8")
    except FileNotFoundError:
        return "it holds files that are no run's" if _foreign(folder) else ""
    except (OSError, UnicodeDecodeError) as error:
        return f"{SPEC} cannot be read ({error})"
    recorded = recorded_in(text)
    if recorded is not None and spec.is_same(recorded):
        return ""
    try:
        old = RunSpec.from_yaml(text)
    except UserError as error:
        return f"{SPEC} cannot be read ({error})"
    return ", ".join(f"{key}: {was} -> {now}" for key, (was, now) in difference(old, spec).items())


def _foreign(folder: Path) -> bool:
    ours = (files.TEMPORARY, stop.MARK, lock.NAME)
    return folder.exists() and any(not path.name.startswith(ours) for path in folder.iterdir())
