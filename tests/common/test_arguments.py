import argparse
from pathlib import Path

import pytest

from common.arguments import Parser, filled_path, natural, positive


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


def test_a_misspelled_option_has_a_hint_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser()
    parser.add_argument("--metric")
    with pytest.raises(SystemExit):
        parser.parse_args(["--metrc", "\x1b[31m"])
    assert capsys.readouterr().err.endswith("unrecognized arguments: --metrc \\x1b[31m; did you mean --metric?\n")
    parser.names = {"--meter"}
    with pytest.raises(SystemExit):
        parser.parse_args(["--metre"])
    assert capsys.readouterr().err.endswith("did you mean --meter?\n")
