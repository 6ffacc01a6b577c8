"""Records in a run folder: metrics.jsonl, and spec.yaml, state.json and provenance.json of this codebase."""

import functools
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.scores import Run
from analysis.sources.fields import number
from analysis.sources.layout import METRICS, SCORES
from analysis.sources.metrics import STEP, parse, step_of
from common import files
from common.errors import UserError
from common.yaml_reader import MAX_BYTES
from common.yaml_reader import parse as parse_yaml

LARGEST = 2**33  # bytes of metrics.jsonl


def read_run(folder: str, step: str = "") -> Run:
    """The content of a run folder; malformed or torn records are ignored.

    The key of its steps is `step`, or the given one if it is there; another name of a step is taken if it is the only
    one, and told as `step`.

    Raises:
        UserError: The metrics cannot be opened.
    """
    logs = [_bytes(Path(folder) / name) for name in (SCORES, METRICS)]
    keys = [step_of(raw, step) for raw in logs]
    (scores, torn_scores), (values, torn) = map(parse, logs, keys)
    about = {**_records(folder), "torn": torn + torn_scores, "step": next((key for key in keys if key != STEP), STEP)}
    return Run({"folder": folder, **about}, {**scores, **values})


def _bytes(path: Path) -> bytes:
    try:
        return files.read_bytes(path, LARGEST)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _records(folder: str) -> dict[str, Any]:
    """Column of the table of runs -> value from the run's records."""
    places = [Path(folder) / name for name in ("spec.yaml", "provenance.json", "state.json")]
    settings, provenance, state = _settings(places[0]), _object(places[1]), _object(places[2])
    records = dict(zip(places, (settings, provenance, state), strict=True))
    damage = state.get("damage")
    versions, attempts, dirty = provenance.get("versions"), provenance.get("attempts"), provenance.get("dirty")
    return {
        "unreadable": ", ".join(path.name for path, found in records.items() if not found and os.path.lexists(path)),
        "state": _text(state.get("state")),
        "damage": "; ".join(map(_text, damage)) if isinstance(damage, list) else "",
        "renderer": _text(provenance.get("renderer")),
        "action_repeat": number(settings.get("action_repeat")),
        "settings": json.dumps(settings, default=str) if settings else "",
        "commit": _text(provenance.get("commit")),
        "dirty": {True: "dirty", False: "clean"}[dirty] if isinstance(dirty, bool) else "",
        "device": _text(provenance.get("device")),
        "versions": json.dumps(versions) if isinstance(versions, dict) and versions else "",
        "attempts": float(len(attempts)) if isinstance(attempts, list) else math.nan,
    }


def _object(path: Path) -> Mapping[str, Any]:
    """A JSON object, empty if the file has none: these records are optional."""
    return files.read_json(path) or {}


def _settings(path: Path) -> Mapping[str, Any]:
    """Dotted key -> value of a run's settings."""
    try:
        raw = files.read_bytes(path, MAX_BYTES)
    except OSError:
        return {}
    return _flat_settings(raw[raw.find(b"\nsettings:") + 1 :])  # the lines before it name the run


@functools.lru_cache(maxsize=1000)  # runs of a variant have equal settings
def _flat_settings(raw: bytes) -> Mapping[str, Any]:
    try:
        content = parse_yaml(raw.decode(), "spec.yaml").plain()
        settings = content.get("settings") if isinstance(content, dict) else None
        return _flat(settings) if isinstance(settings, dict) else {}
    except (UserError, ValueError):
        return {}


def _flat(settings: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
