"""The campaign counts what is lost, in whatever way it is lost, and its page shows all of its kinds."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

import launch
from tests.campaign.__main__ import table
from tests.campaign.commands import check
from tests.campaign.kind import KINDS
from tests.campaign.trials import Count, Trials, count

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"


def test_trials_that_fail_or_hang_are_lost(tmp_path: Path) -> None:
    ours = Trials(tmp_path / "journal", seed=0)
    with ours.trial("sound"):
        pass
    with ours.trial("wrong"):
        raise AssertionError("other metrics")
    with ours.trial("slow", patience=0.02):
        while True:
            time.sleep(0.01)
    found = count(tmp_path / "journal")
    assert (found.tried, found.survived) == (3, 1)
    assert [what for what, _ in found.lost] == ["wrong", "slow"]
    assert "other metrics" in found.lost[0][1]


def test_a_trial_that_ends_its_process_is_lost(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with Trials(tmp_path / "journal", seed=0).trial("fatal"):
            os._exit(1)
    os.waitpid(child, 0)
    assert count(tmp_path / "journal") == Count(1, 0, [("fatal", "its process died")], "")


def test_equal_seeds_draw_equal_examples(tmp_path: Path) -> None:
    def drawn(seed: int) -> list[str]:
        found: list[str] = []
        Trials(tmp_path / "journal", seed).each(st.text(), 20, found.append)
        return found

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (lambda _: 1, "exit code 1"),
        (lambda _: print("Traceback (most recent call last)") or 0, "Traceback"),
        (lambda _: print("a\x1b[31mb") or 0, "on the terminal"),
        (lambda _: 2, "exit code 2"),
    ],
)
def test_wrong_answers_of_commands_are_noticed(answer: Callable[[object], int], wrong: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(wrong)):
        check(answer)
    assert check(launch.main, "validate", "nowhere.yaml") == 2


def test_the_page_shows_every_kind() -> None:
    text = PAGE.read_text()
    shown = table({"a": Count(1200, 1199, [], ""), "b": Count(3, 3, [], "")})
    assert shown.splitlines()[2:] == ["| a | 1,200 | 1,199 |", "| b | 3 | 3 |", "| all | 1,203 | 1,202 |"]
    rows = dict(re.findall(r"^\| (.+?) \| ([\d,]+) \| [\d,]+ \|$", text, re.MULTILINE))
    assert [*rows] == [*KINDS, "all"]
    assert "make campaign" in text
