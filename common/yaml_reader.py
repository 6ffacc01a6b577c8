"""A YAML reader that keeps the place of every key and value, runs no code, and bounds size and depth.

Unquoted values are read as in JSON, not as in YAML 1.1: `1e6`, `1_000` and `5e-4` are numbers, a number with an
integral value is an integer, `yes`, `no`, `on`, `off` and dates are strings, and no number is octal or sexagesimal.
Anchors, aliases and merge keys (`<<`) work; tags are errors.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from common import files
from common.errors import UserError
from common.text import hint

MAX_BYTES = 10_000_000
MAX_DEPTH = 50
MAX_VALUES = 200_000  # after aliases are expanded
MERGE = "<<"
_FAST_LOADER = getattr(yaml, "CSafeLoader", None)  # 20 times as fast; exists if PyYAML was built with libyaml

# All characters but YAML's printable ones; they are errors before parsing.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Place(NamedTuple):
    """The place of a key or value: a file with line and column, counted from 1, or a command-line option."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source

    def error(self, message: str) -> UserError:
        """Returns an error whose message starts with the place."""
        return UserError(f"{self}: {message}")


class Key(str):
    """A mapping's key with its place."""

    place: Place

    def __new__(cls, text: str, place: Place) -> "Key":
        """Returns the text with its place."""
        key = super().__new__(cls, text)
        key.place = place
        return key


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place: None, a bool, an int, a float, a string, a list of nodes, or a dict of Key -> Node."""

    value: Any
    place: Place
    size: int = 1  # number of values in it, with aliases expanded

    def plain(self) -> Any:
        """Returns the value without places, as a YAML library would."""
        if isinstance(self.value, dict):
            return {str(key): node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def described(self) -> str:
        """Returns a short description of the value for messages."""
        if self.value is None:
            return "empty"
        if isinstance(self.value, dict | list):
            return f"{'an empty' if not self.value else 'a'} {'mapping' if isinstance(self.value, dict) else 'list'}"
        text = {True: "true", False: "false"}[self.value] if isinstance(self.value, bool) else str(self.value)
        text = text if len(text) <= 60 else f"{text[:57]}..."
        return f"the text {text!r}" if isinstance(self.value, str) else text


def own(mapping: Mapping[Key, Any], key: str) -> Key | None:
    """Returns the mapping's Key object for a key, which has its place, or None."""
    return next(known for known in mapping if known == key) if key in mapping else None


def read(path: Path) -> Node:
    """Reads a YAML file that contains one mapping.

    Raises:
        UserError: For any other content, with file, line and column.
    """
    try:
        data = files.read_bytes(path, MAX_BYTES)
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; expected a YAML file") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file{_neighbour(path)}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        raise _place(str(path), before, len(before)).error(
            f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None
    node = parse(text, str(path))
    if not isinstance(node.value, dict):
        raise node.place.error(f"the top level is {node.described()}; allowed: a mapping (key: value)")
    return node


def parse(text: str, source: str) -> Node:
    """Reads one YAML document from text; `source` names it in errors.

    Raises:
        UserError: For text that is not one such document.
    """
    if bad := _UNPRINTABLE.search(text):
        raise _place(source, text, bad.start()).error(
            f"the character U+{ord(bad.group()):04X} is not printable; remove it"
        )
    if _FAST_LOADER:
        with suppress(yaml.YAMLError):  # the other parser has better error messages
            return _Composer(text, source, _FAST_LOADER).document()
    try:
        return _Composer(text, source, yaml.SafeLoader).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        problem = " ".join(part for part in (error.problem, error.context) if part)
        if "'\\t'" in problem:
            problem += "; indent with spaces"
        raise place.error(f"not YAML: {problem}") from None


def dump(data: Any) -> str:
    """Writes plain data as YAML from which `parse` reads equal data."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def scalar(text: str) -> Any:
    """Returns the value of an unquoted YAML text: None, a bool, an int, a float or the text itself.

    Raises:
        ValueError: For a number that is not finite, or an integer of more than 64 bits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("a number must be finite")
    if not _FLOAT.fullmatch(text):
        return text
    text = text.replace("_", "")
    number = float(text)
    if not _INTEGER.fullmatch(text):
        if not math.isfinite(number):
            raise ValueError("the number is too large")
        return int(number) if number.is_integer() and abs(number) < 2**63 else number
    if abs(number) > 2**64 or abs(integer := int(text)) >= 2**63:  # the first test avoids parsing very long integers
        raise ValueError("the number is too large")
    return integer


class _Composer:
    """Builds nodes from the events of PyYAML's parser, without its constructors."""

    def __init__(self, text: str, source: str, loader: Any) -> None:
        self._source = source
        self._events = iter(yaml.parse(text, Loader=loader))
        self._anchors: dict[str, Node | None] = {}  # None while the anchored value is being read

    def document(self) -> Node:
        """Returns the one document of the text."""
        next(self._events)  # start of the stream
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._place(event).error("no content; allowed: a mapping (key: value)")
        root = self._node(next(self._events), 0)
        next(self._events)  # end of the document
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._place(event).error("a second document starts here; allowed: one document in a file")
        return root

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None
        return Place(self._source, mark.line + 1, mark.column + 1)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            assert event.anchor is not None
            return self._alias(event.anchor, place)
        assert isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent)
        if event.tag is not None:
            raise place.error(f"the tag {event.tag[:60]!r} is not allowed; write the plain value (in quotes for text)")
        if depth > MAX_DEPTH:
            raise place.error(f"nested too deeply; allowed: {MAX_DEPTH} levels")
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, place), place)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(place, depth)
        else:
            node = self._mapping(place, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, anchor: str, place: Place) -> Node:
        if anchor not in self._anchors:
            raise place.error(f"the alias *{anchor} has no anchor before it{hint(anchor, self._anchors)}")
        node = self._anchors[anchor]
        if node is None:
            raise place.error(f"the alias *{anchor} is inside its own anchor")
        return node

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Any:
        if event.style:
            return event.value
        try:
            return scalar(event.value)
        except ValueError as error:
            raise place.error(f"{event.value[:40]}: {error}") from None

    def _sequence(self, place: Place, depth: int) -> Node:
        values, size = [], 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._node(event, depth + 1))
            size = self._bounded(size + values[-1].size, event)
        return Node(values, place, size)

    def _mapping(self, place: Place, depth: int) -> Node:
        values: dict[Key, Node] = {}
        merged: list[Node] = []
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._place(event).error("a key must be plain text")
            if event.tag is not None or event.anchor:
                raise self._place(event).error("a key can have neither tag nor anchor")
            key = Key(event.value, self._place(event))
            if (first := own(values, key)) is not None:
                raise key.place.error(f"{key!s} is given twice, first on line {first.place.line}; give it once")
            event = next(self._events)
            node = self._node(event, depth + 1)
            size = self._bounded(size + node.size, event)
            if key == MERGE:
                merged += node.value if isinstance(node.value, list) else [node]
            else:
                values[key] = node
        for base in merged:
            if not isinstance(base.value, dict):
                raise base.place.error(f"{MERGE} merges mappings; this is {base.described()}")
            values = {key: node for key, node in base.value.items() if key not in values} | values
        return Node(values, place, size)

    def _bounded(self, size: int, event: yaml.Event) -> int:
        if size > MAX_VALUES:
            raise self._place(event).error(
                f"the document expands to more than {MAX_VALUES:,} values; use fewer aliases"
            )
        return size


class _Dumper(yaml.SafeDumper):
    """Quotes every text that `scalar` would not read back as the same text."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    try:
        plain = scalar(text) == text and text.isprintable()
    except ValueError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)


def _place(source: str, text: str, index: int) -> Place:
    """Returns the place of a character of a text."""
    before = text[:index]
    return Place(source, before.count("\n") + 1, index - before.rfind("\n"))


def _neighbour(path: Path) -> str:
    """Returns a hint at the YAML file with the nearest name in the same folder."""
    siblings = [str(other) for other in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    return hint(str(path), siblings)
