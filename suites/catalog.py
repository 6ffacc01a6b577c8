"""The settings of a pydantic model by dotted key: look-up, checks, and error messages."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from common.settings import fields, is_group
from common.text import hint, shortened
from common.yaml_reader import Key, Node, Place, own

Model = TypeVar("Model", bound=BaseModel)
# Dotted key -> checked value with its place, of one block of a suite. Later layers override earlier ones.
Layer = Mapping[Key, Node]
# Type in JSON Schema -> its name in messages, singular and plural.
_TYPES = {
    "integer": ("an integer", "integers"),
    "number": ("a number", "numbers"),
    "boolean": ("true or false", "true or false"),
    "string": ("text", "texts"),
    "null": ("nothing", "nothing"),
    "array": ("a list", "lists"),
}
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


class Leaf:
    """One setting: its dotted key, type, bounds and description."""

    def __init__(self, key: str, field: FieldInfo) -> None:
        self.key = key
        self._field = field

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        annotation: Any = self._field.annotation
        for bound in self._field.metadata:
            annotation = Annotated[annotation, bound]
        return TypeAdapter(annotation, config=ConfigDict(strict=True))

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema, with description and default."""
        schema = self._adapter.json_schema()
        return {**schema, "description": self._field.description, "default": self._field.get_default()}

    @cached_property
    def types(self) -> set[str]:
        """The types that its JSON Schema allows."""
        return {option["type"] for option in self.schema.get("anyOf", [self.schema]) if "type" in option}

    @property
    def numeric(self) -> bool:
        """Whether its values may be numbers."""
        return bool(self.types & {"number", "integer"})

    def check(self, node: Node) -> None:
        """Checks a value.

        Raises:
            UserError: At the wrong part of the value; the message has what is allowed.
        """
        try:
            self._adapter.validate_python(node.plain())
        except ValidationError as error:
            wrong = max((_descend(node, detail["loc"]) for detail in error.errors()), key=lambda part: part[0])[1]
            inside = "" if wrong is node else f": {wrong.described()} in it is wrong"
            raise wrong.place.error(
                f"{self.key} is {node.described()}{inside}; allowed: {allowed(self.schema)}{_meant(node, self.schema)}"
            ) from None


class Catalog(Generic[Model]):
    """All settings of a pydantic model, including those of its nested models.

    Attributes:
        leaves: Dotted key -> setting.
        groups: Dotted keys of the nested models.
    """

    def __init__(self, model: type[Model], noun: str) -> None:
        self._model = model
        self._noun = noun
        self.leaves: dict[str, Leaf] = {}
        self.groups: set[str] = set()
        for key, field in fields(model):
            if is_group(field):
                self.groups.add(key)
            else:
                self.leaves[key] = Leaf(key, field)

    def layer(self, node: Node) -> dict[Key, Node]:
        """Returns the checked settings of a mapping, whose keys may be dotted, nested or both.

        Raises:
            UserError: For an unknown or repeated key, or a value of the wrong type or out of bounds.
        """
        layer = self.flatten(node)
        for key, value in layer.items():
            self.leaves[key].check(value)
        return layer

    def flatten(self, node: Node) -> dict[Key, Node]:
        """Returns the same as `layer`, without checking the values."""
        flat: dict[Key, Node] = {}
        self._flatten(node, "", flat)
        return flat

    def _flatten(self, node: Node, prefix: str, flat: dict[Key, Node]) -> None:
        if node.value is None:
            return  # a block that contains only comments
        if not isinstance(node.value, dict):
            what = prefix.rstrip(".") or f"the block of {self._noun}s"
            raise node.place.error(f"{what} is {node.described()}; allowed: a mapping of {self._noun}s")
        for key, value in node.value.items():
            dotted = Key(prefix + key, key.place)
            if dotted in self.groups:
                self._flatten(value, f"{dotted}.", flat)
            elif dotted not in self.leaves:
                raise key.place.error(f"unknown {self._noun} {shortened(dotted)}; {self._choices(dotted)}")
            elif first := own(flat, dotted):
                raise key.place.error(f"{dotted} is given twice, first at {first.place}; give it once")
            else:
                flat[dotted] = value

    def _choices(self, wrong: str) -> str:
        """Returns the keys allowed in place of a wrong one, and the nearest key."""
        group = wrong.rpartition(".")[0]
        prefix = f"{group}." if group in self.groups else ""
        siblings = [key for key in self.leaves if key.startswith(prefix)]
        names = dict.fromkeys(key.removeprefix(prefix).partition(".")[0] for key in siblings)
        where = f" in {group}" if prefix else ""
        return f"allowed{where}: {', '.join(names)}{hint(wrong, siblings) or hint(wrong, self.leaves)}"

    def build(self, layer: Layer, place: Place) -> Model:
        """Returns the model with the settings of a layer, and defaults for all others.

        Raises:
            UserError: For settings that contradict each other, at the place of one of them or at `place`.
        """
        data: dict[str, Any] = {}
        for key, node in layer.items():
            *groups, name = key.split(".")
            block = data
            for group in groups:
                block = block.setdefault(group, {})
            block[name] = node.plain()
        try:
            return self._model.model_validate(data)
        except ValidationError as error:
            detail = error.errors()[0]
            at = ".".join(str(part) for part in detail["loc"])
            near = next((node.place for key, node in layer.items() if at and f"{key}.".startswith(f"{at}.")), place)
            raise near.error(f"{at or self._noun + 's'}: {detail['msg'].removeprefix('Value error, ')}") from None


def overlay(*layers: Layer) -> dict[Key, Node]:
    """Combines layers, where later ones override earlier ones; each setting keeps its place."""
    over: dict[Key, Node] = {}
    for layer in layers:
        for key, node in layer.items():
            over.pop(key, None)
            over[key] = node
    return over


def _descend(node: Node, location: tuple[int | str, ...]) -> tuple[int, Node]:
    """Returns the depth of a pydantic location in a value, and the part of the value at this location."""
    depth = 0
    for part in location:  # names are branches of a union, not keys: a setting's value contains no mappings
        if isinstance(part, int) and isinstance(node.value, list):
            node, depth = node.value[part], depth + 1
    return depth, node


def allowed(schema: Mapping[str, Any], several: bool = False) -> str:
    """Returns in words what the JSON Schema of a setting allows; in the plural for the entries of a list."""
    if "anyOf" in schema:
        return " or ".join(allowed(option, several) for option in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(str(choice) for choice in schema["enum"])
    noun = _TYPES[schema["type"]][several]
    if "items" in schema:
        return f"{noun} of {allowed(schema['items'], several=True)}"
    limits = [f"{words} {_number(schema[name])}" for name, words in _BOUNDS.items() if name in schema]
    return " ".join([noun, " and ".join(limits)]).strip()


def _number(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _meant(node: Node, schema: Mapping[str, Any]) -> str:
    """Returns a hint at the value that a wrong text may mean."""
    if not isinstance(node.value, str):
        return ""
    if schema.get("type") == "boolean":
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(node.value.lower())
        return f"; did you mean {meant}?" if meant else ""
    options = schema.get("anyOf", [schema])
    return hint(node.value, [str(name) for option in options for name in option.get("enum", [option.get("const", "")])])


def text(value: Any) -> str:
    """Returns a plain value as it appears in a swept variant's name: `5`, `0.95`, `true`, `critic`, `[[0]]`."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
