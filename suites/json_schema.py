"""The suite format as a JSON Schema (draft 7), for completion and checks in editors."""

import json
from typing import Any

from envs.registry import FAMILIES, TASKS
from suites.blocks import MAX_SEED, MAX_SEEDS
from suites.catalog import Catalog, Leaf
from suites.names import PATTERN
from suites.sampling import DISTRIBUTIONS, MAX_SAMPLES, SAMPLES
from suites.settings import ANALYSIS, SETTINGS, SLURM, presets
from suites.suite import KEYS
from suites.tasks import task_lists

Schema = dict[str, Any]


def render() -> str:
    """Returns the JSON Schema as text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """Returns the JSON Schema. It knows single values; what spans several keys, only `load_suite` checks."""
    forms = [{"type": "string", "pattern": f"^{family.form}$"} for family in FAMILIES.values() if family.form]
    task = {"anyOf": [{"enum": [*task_lists(), *TASKS]}, *forms]}
    blocks: dict[str, Schema] = {
        "name": {"type": "string", "pattern": PATTERN},
        "description": {"type": "string"},
        "tasks": _one_or_many(task),
        "seeds": {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS},
                _many({"type": "integer", "minimum": 0, "maximum": MAX_SEED}),
            ]
        },
        "preset": {"enum": list(presets())},
        "settings": _ref("settings"),
        "variants": {
            "type": "object",
            "propertyNames": {"pattern": PATTERN},
            "additionalProperties": _ref("settings"),
            "minProperties": 1,
        },
        "sweep": _ref("sweep"),
        "sweep_seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED},
        "by_task": {"type": "object", "propertyNames": task, "additionalProperties": _ref("settings")},
        "comparisons": {
            "type": "object",
            "propertyNames": {"pattern": PATTERN},
            "additionalProperties": _one_or_many({"type": "string"}),
        },
        "optional": _one_or_many({"type": "string"}),
        "published": {"anyOf": [{"type": "string"}, {**_many({"type": "string"}), "minItems": 0}]},
        "slurm": _block(SLURM),
        "analysis": _block(ANALYSIS),
    }
    required = ["name", "tasks"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A suite of Dreamer ablations",
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": {
            key: {"description": text, **(blocks[key] if key in required else _optional(blocks[key]))}
            for key, text in KEYS.items()
        },
        "definitions": {
            "settings": _block(SETTINGS),
            "sweep": _block(SETTINGS, sweep=True),
            "swept": {key: _swept(leaf) for key, leaf in SETTINGS.leaves.items()},
            "drawn": {name: _drawn(name) for name in DISTRIBUTIONS},
            "of": {"description": "Variants that are crossed with the values", **_one_or_many({"type": "string"})},
        },
    }


def _block(catalog: Catalog[Any], prefix: str = "", sweep: bool = False) -> Schema:
    """Returns the schema of a mapping of settings, each under its dotted key or nested, from a prefix on."""
    properties: dict[str, Schema] = {}
    for group in sorted(catalog.groups):
        if group.startswith(prefix):
            properties[group.removeprefix(prefix)] = _block(catalog, f"{group}.", sweep)
    for key, leaf in catalog.leaves.items():
        if key.startswith(prefix):
            properties[key.removeprefix(prefix)] = _ref(f"swept/{key}") if sweep else leaf.schema
    return {"type": ["object", "null"], "additionalProperties": False, "properties": properties}


def _swept(leaf: Leaf) -> Schema:
    value = {key: part for key, part in leaf.schema.items() if key not in ("description", "default")}
    some = {
        "type": "object",
        "additionalProperties": False,
        "required": ["of", "values"],
        "properties": {"of": _ref("of"), "values": _many(value)},
    }
    options = [_many(value), some, *(_ref(f"drawn/{name}") for name in DISTRIBUTIONS if leaf.numeric)]
    return {"anyOf": options, "description": leaf.schema["description"]}


def _drawn(distribution: str) -> Schema:
    """Returns the schema of a setting whose values are drawn; its bounds are left to `load_suite`."""
    ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [distribution, SAMPLES],
        "properties": {
            "of": _ref("of"),
            distribution: {"description": "The lowest and the highest value", **ends},
            SAMPLES: {"type": "integer", "minimum": 1, "maximum": MAX_SAMPLES},
        },
    }


def _optional(block: Schema) -> Schema:
    return {"anyOf": [block, {"type": "null"}]}


def _many(entry: Schema) -> Schema:
    return {"type": "array", "items": entry, "minItems": 1, "uniqueItems": True}


def _one_or_many(entry: Schema) -> Schema:
    return {"anyOf": [entry, _many(entry)]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}
