"""The base class of all settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


class Group(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    """A named block of settings; an unknown key is an error."""


def values(settings: BaseModel) -> dict[str, Any]:
    """Dotted key -> plain value of all settings of a block, nested blocks included."""
    return dict(_values(settings.model_dump(mode="json", by_alias=True), type(settings), ""))


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted key and field of all settings of a type of block; nested blocks come before their settings."""
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        yield key, field
        if is_group(field):
            yield from fields(field.annotation, f"{key}.")  # type: ignore[arg-type]


def is_group(field: FieldInfo) -> bool:
    """Whether a field is a nested block."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _values(data: Mapping[str, Any], model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        if is_group(field):
            yield from _values(data[key], field.annotation, f"{prefix}{key}.")  # type: ignore[arg-type]
        else:
            yield prefix + key, data[key]
