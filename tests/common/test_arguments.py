import argparse
from pathlib import Path

import pytest

from common.arguments import filled_path, natural, positive


def test_texts_become_values() -> None:
    assert filled_path("a/b") == Path("a/b")
    assert (natural("0"), positive("1"), natural(str(2**32 - 1))) == (0, 1, 2**32 - 1)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1__0", "1e3", " 1", "\u0661", str(2**32), "9" * 5000])
def test_other_texts_than_integers_are_refused_in_one_short_line(text: str) -> None:
    for kind in (natural, positive):
        with pytest.raises(argparse.ArgumentTypeError, match=r"^.{2,80} is not an integer from \d to 4,294,967,295$"):
            kind(text)


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no path"):
        filled_path(text)
