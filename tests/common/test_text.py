import math
from datetime import timedelta

import pytest

from common.text import duration, hint, printable, shortened


@pytest.mark.parametrize("seconds", [0, 0.4, 59.6, 86_400.0, 3e10])
def test_durations_are_timedeltas(seconds: float) -> None:
    assert duration(seconds) == str(timedelta(seconds=round(seconds)))


@pytest.mark.parametrize("seconds", [1e12, 1e308, math.inf, math.nan])
def test_durations_without_end_have_words(seconds: float) -> None:
    assert duration(seconds) == "over 1,000 years"


def test_a_hint_is_never_empty() -> None:
    assert hint("", ["", "steps"]) == ""
    assert hint("stpes", ["", "steps"]) == "; did you mean steps?"


def test_control_characters_are_escaped() -> None:
    assert printable("a\x1b[31m\u202e\ud800\x07b") == "a\\x1b[31m\\u202e\\ud800\\x07b"
    assert printable("two\n\tlines, ä") == "two\n\tlines, ä"


def test_a_quoted_text_is_a_part_of_a_line() -> None:
    assert shortened("plain") == "plain"
    assert shortened("first\nsecond") == "first..."
    assert shortened("x" * 1000) == "x" * 77 + "..."
    assert shortened("\x1b") == "\\x1b..."
