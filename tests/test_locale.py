"""A locale that cannot write a name gives one line, not a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import unwritable

ROOT = Path(__file__).parent.parent
SUITE = "name: prüfung\ntasks: [toy_reach_1]\nseeds: 1\npreset: debug\nvariants: {'λ=1': {agent: random}}\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["launch.py", "run", "suite.yaml", "--dry-run"], "the locale cannot write the name 'pr\\xfcfung'; set"),
        (["analyze.py", "suite.yaml"], "results/pr\\xfcfung: no results of suite pr\\xfcfung; "),
    ],
    ids=["launch", "analyze"],
)  # fmt: skip
@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}], ids=str)
def test_a_suite_that_the_locale_cannot_write_is_told_in_one_line(
    command: list[str], message: str, locale: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    script, *arguments = command
    ran = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        cwd=tmp_path, env={**os.environ, "PYTHONUTF8": "0", **locale}, capture_output=True, text=True,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error: {message}")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [("results/größe/a", "gr\\xf6\\xdfe"), ("a λ b", "\\u03bb"), ("a/\udcc3", "\\udcc3"), ("ü", "\\xfc")],
)
def test_the_whole_name_is_told(text: str, name: str) -> None:
    with pytest.raises(UnicodeEncodeError) as raised:
        text.encode("ascii")
    assert unwritable(raised.value) == f"the locale cannot write the name '{name}'; set PYTHONUTF8=1"


def test_a_name_that_is_no_text_is_named() -> None:
    with pytest.raises(UnicodeEncodeError) as raised:
        "a folder/é\udcff".encode()
    assert unwritable(raised.value) == "the name '\\xe9\\udcff' is no text; rename the file or folder"
