"""A value for every setting that is not its default."""

from typing import Any

from common.yaml_reader import dump, parse
from suites.settings import SETTINGS, Settings

DEFAULTS = {key: leaf.schema["default"] for key, leaf in SETTINGS.leaves.items()}


def other_value(schema: dict[str, Any], default: Any) -> Any:
    """Returns a value that a setting's schema allows and that is not its default."""
    if "enum" in schema or "const" in schema:
        return next((choice for choice in schema.get("enum", []) if choice != default), None)
    if "anyOf" in schema:
        return next(value for option in schema["anyOf"] if (value := other_value(option, default)) is not None)
    if schema["type"] == "boolean":
        return not default
    if schema["type"] == "array":
        return [*default, 2]
    if schema["type"] == "string":
        return f"{default}kernel"
    if isinstance(default, str):  # a word in a number's place
        return schema["minimum"]
    middle = (
        (schema.get("maximum", schema.get("exclusiveMaximum", default + 2)) + default) / 2
        if default != schema.get("maximum")
        else default / 2
    )
    return int(middle) if schema["type"] == "integer" else middle


def settings(layer: dict[str, Any]) -> Settings:
    """The settings of a mapping as a suite has it, dotted keys or blocks."""
    root = parse(dump(layer), "text")
    return SETTINGS.build(SETTINGS.layer(root), root.place)


# Dotted key -> another valid value, of every setting that has bounds, a choice or a type to go by.
CHANGES = {
    key: value
    for key, leaf in sorted(SETTINGS.leaves.items())
    if (value := other_value(leaf.schema, DEFAULTS[key])) is not None
}
