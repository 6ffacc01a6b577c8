"""Names that become folders."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.text import counted, hint
from common.yaml_reader import Key, Place
from suites.names import PATTERN, check_apart, check_name, matching

HERE = Place("file.yaml", 1, 1)


@pytest.mark.parametrize(
    "name", ["dreamer", "no value", "dreamer+horizon=5", "groups=[[0,1],[2]]", "λ=0.9", "a.b", "5"]
)
def test_safe_name_is_kept(name: str) -> None:
    assert check_name(name, "variant", HERE) == name
    assert re.search(PATTERN, name)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("", "is empty"), (" ", "is empty"), ("a/b", "leave"), ("/a", "leave"), ("..", "leave"), ("a\\b", "leave"),
        ("a/../../b", "leave"), (".hidden", "begins with '.'"), ("-rf", "begins with '-'"), (" a", "invisible"),
        ("a ", "invisible"), ("a\nb", "invisible"), ("a\u200bb", "invisible"),
        ("é" * 101, "longer than 200 bytes"),
    ],
)  # fmt: skip
def test_unsafe_name_is_refused_at_its_place(name: str, wrong: str) -> None:
    with pytest.raises(UserError, match=rf"file\.yaml:1:1: the variant .*{re.escape(wrong)}"):
        check_name(name, "variant", HERE)


@given(st.text(max_size=300))
def test_accepted_name_is_one_folder_below_its_parent(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    try:
        check_name(name, "variant", HERE)
    except UserError:
        return
    parent = tmp_path_factory.getbasetemp()
    folder = parent / name
    assert folder.parent == parent
    assert folder.resolve().parent == parent.resolve()
    folder.mkdir(exist_ok=True)  # the file system takes it


@pytest.mark.parametrize("other", ["dreamer", "DREAMER"])
def test_names_of_one_folder_collide(other: str) -> None:
    seen: dict[str, Key] = {}
    check_apart(seen, Key("Dreamer", HERE), "variant")
    check_apart(seen, Key("Dreamer2", HERE), "variant")
    with pytest.raises(
        UserError, match=rf"file\.yaml:9:3: the variant {other} collides with Dreamer at file\.yaml:1:1"
    ):
        check_apart(seen, Key(other, Place("file.yaml", 9, 3)), "variant")


def test_composed_and_decomposed_letters_collide() -> None:
    seen: dict[str, Key] = {}
    check_apart(seen, Key("caf\u00e9", HERE), "variant")
    with pytest.raises(UserError, match="collides"):
        check_apart(seen, Key("cafe\u0301", HERE), "variant")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("behavior.horizn", "behavior.horizon"), ("horizon", "behavior.horizon"), ("Horizon", "behavior.horizon"),
        ("stpes", "steps"), ("zzz", None),
    ],
)  # fmt: skip
def test_nearest_name_is_offered(name: str, near: str | None) -> None:
    known = ["steps", "behavior.horizon", "behavior.discount"]
    assert hint(name, known) == (f"; did you mean {near}?" if near else "")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("a*", ["a=1", "a=[2]"]), ("a=[2]", ["a=[2]"]), ("*=[12]", ["a=1", "b=2"]), ("A*", []), ("?=2", ["b=2"])],
)
def test_pattern_that_is_a_name_means_that_name(pattern: str, found: list[str]) -> None:
    assert matching(pattern, ["a=1", "a=[2]", "b=2"]) == found


@pytest.mark.parametrize(("number", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1200, "1,200 runs")])
def test_nouns_are_plural_but_for_one(number: int, words: str) -> None:
    assert counted(number, "run") == words
