"""YAML with places: what is read, what is refused, and that written data reads back equal."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.yaml_reader import MAX_BYTES, dump, parse, read, scalar

texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["1e6", "1_0", "yes", "null", "~", ".inf", "0x10", "1:30", "2020-01-01", "- a", "a: b", "#", "!tag", "*a", "<<"]
)
# What suites write: integral floats read back as integers, so they are left out.
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number.is_integer()
)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(plain)
def test_what_is_dumped_reads_back(data: Any) -> None:
    assert parse(dump(data), "text").plain() == data


@given(plain)
def test_other_readers_agree_on_what_is_dumped(data: Any) -> None:
    assert yaml.safe_load(dump(data)) == data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e6", 1_000_000), ("1_000", 1000), ("1__0", 10), ("+3", 3), ("-0.0", 0), ("010", 10), (".5", 0.5), ("5.", 5),
        ("5e-4", 5e-4), ("-9223372036854775807", -(2**63) + 1),
        ("1E3", 1000), ("1e300", 1e300), ("9223372036854775807", 2**63 - 1), ("9007199254740993", 2**53 + 1),
        ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("off", "off"), ("0x10", "0x10"), ("1:30", "1:30"), ("_1", "_1"),
        ("2020-01-01", "2020-01-01"), ("1.2.3", "1.2.3"), ("e5", "e5"), (".", "."), ("nan", "nan"), ("-", "-"),
    ],
)  # fmt: skip
def test_plain_value_means_what_json_would_say(text: str, value: Any) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 5000, "9223372036854775808"])
def test_number_beyond_reach_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"finite|too large"):
        scalar(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_keeps_its_value(number: float) -> None:
    assert scalar(repr(number)) == number


def test_every_key_and_value_knows_its_place(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes("\ufeffa: 1\nλλ: {b: [x,\n  'y']}\n".encode())
    root = read(path)
    inner = root.value["λλ"].value
    assert [str(key.place) for key in (*root.value, *inner)] == [f"{path}:1:1", f"{path}:2:1", f"{path}:2:6"]
    assert [str(node.place) for node in inner["b"].value] == [f"{path}:2:10", f"{path}:3:3"]


def test_merge_keys_give_way_to_own_keys_and_earlier_ones_to_none() -> None:
    root = parse("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}", "text")
    assert root.value["c"].plain() == {"x": 1, "y": 1, "z": 3}
    assert {str(key): key.place.line for key in root.value["c"].value} == {"x": 1, "y": 1, "z": 3}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ":1:1: no content"),
        (b"a: 1\nb: caf\xe9\n", ":2:7: byte 0xe9 is not UTF-8"),
        ("a: 1".encode("utf-16"), ":1:1: byte 0xff is not UTF-8"),
        (b"a: 1\nb: \x00\n", ":2:4: the character U+0000 is not printable"),
        (b"a: \x1b[31m\n", ":1:4: the character U+001B is not printable"),
        (b"a: [" * 100_000, ":1:"),
        (b"[" * 100_000, ":1:52: nested too deeply"),
        (b"a: {<<: 5}", ":1:9: << merges mappings; this is 5"),
        (b"&k a: 1", ":1:1: a key can have neither tag nor anchor"),
        (b"a: 1\na : 2\n", ":2:1: a is given twice, first on line 1"),
        (b"a: 'x\n", ":2:1: not YAML: found unexpected end of stream"),
        (b"a: ! b\n", ":1:4: the tag '!' is not allowed"),
        (b"%YAML 3.0\n--- {}\n", ":1:1: not YAML: found incompatible YAML document"),
        (b"#" * (MAX_BYTES + 1), ": cannot be read: larger than 10,000,000 bytes"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_suite_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(data)
    with pytest.raises(UserError, match=re.escape(f"{path}{message}")):
        read(path)


def test_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").touch()
    with pytest.raises(UserError, match=r"no such file; did you mean .*/demo\.yaml\?"):
        read(tmp_path / "demi.yaml")
    with pytest.raises(UserError, match="is a folder; expected a YAML file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "fifo.yaml")
    with pytest.raises(UserError, match=r"fifo\.yaml: cannot be read: no plain file, but a FIFO or device"):
        read(tmp_path / "fifo.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "demo.yaml" / "below")


@contextmanager
def refused_at(source: object) -> Iterator[None]:
    """Allows only a UserError, and only one that names the source."""
    try:
        yield
    except UserError as error:
        if not str(error).startswith(f"{source}:"):
            raise AssertionError(f"{error} does not name {source}") from error


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with refused_at(path):
        assert isinstance(read(path).plain(), dict)


tokens = [
    "a",
    "b",
    ":",
    ": ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!t ",
    "'",
    '"',
    "|",
    "?",
    "#",
]
yaml_like = st.lists(st.sampled_from([*tokens, "---\n", "1e6"]), max_size=25).map("".join)


@given(yaml_like)
def test_any_text_is_read_or_refused(text: str) -> None:
    with refused_at("text"):
        parse(text, "text").plain()
