"""Records in a run folder: metrics.jsonl, and spec.yaml, state.json and provenance.json of this codebase."""

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from analysis.scores import Run
from analysis.sources.fields import number
from analysis.sources.layout import METRICS
from analysis.sources.metrics import parse
from common.errors import UserError


def read_run(folder: str) -> Run:
    """The content of a run folder; malformed or torn records are ignored.

    Raises:
        UserError: The metrics cannot be opened.
    """
    values, torn = parse(_bytes(Path(folder) / METRICS))
    return Run({"folder": folder, **_records(folder), "torn": torn}, values)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _records(folder: str) -> dict[str, Any]:
    """Column of the table of runs -> value from the run's records."""
    provenance = _object(Path(folder) / "provenance.json")
    settings = _settings(Path(folder) / "spec.yaml")
    state = _object(Path(folder) / "state.json")
    damage = state.get("damage")
    versions, attempts, dirty = provenance.get("versions"), provenance.get("attempts"), provenance.get("dirty")
    return {
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
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _settings(path: Path) -> Mapping[str, Any]:
    """Dotted key -> value of a run's settings."""
    try:
        raw = path.read_bytes()
    except OSError:
        return {}
    return _flat_settings(raw[raw.find(b"\nsettings:") + 1 :])  # the lines before it name the run


@functools.lru_cache(maxsize=1000)  # runs of a variant have equal settings
def _flat_settings(raw: bytes) -> Mapping[str, Any]:
    try:
        content = yaml.load(raw, yaml.CSafeLoader)
        settings = content.get("settings") if isinstance(content, dict) else None
        return _flat(settings) if isinstance(settings, dict) else {}
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}


def _flat(settings: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
