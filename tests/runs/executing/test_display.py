import io

import pytest
from rich.console import Console

from runs.executing.display import Display, describe
from runs.store.state import State


def shown(terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with Display(console, period=0.0) as view:
        view.note("hello [not markup]")
        for step in (0, 400, 400):
            view.update({"task/variant/0": State("running", step, 1000, 12.34, 20.0)})
        view.update({})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines_elsewhere() -> None:
    lines = shown(terminal=False).splitlines()
    assert lines[0] == "hello [not markup]"
    assert lines[1:] == ["task/variant/0: step 400 of 1,000, return 12.3, 20.0 steps/s, ETA 0:00:30"]


def test_bars_on_a_terminal() -> None:
    output = shown(terminal=True)
    assert "hello [not markup]" in output
    assert "step 400 of 1,000, return 12.3, 20.0 steps/s, ETA 0:00:30" in output


@pytest.mark.parametrize("fps", [5e-324, 1e-300, 1e-9])
def test_times_beyond_any_calendar_are_no_errors(fps: float) -> None:
    text = describe(State("running", 1, 10**12, None, fps))
    assert text.endswith("ETA over 1,000 years")


def test_no_time_is_left_beyond_the_last_step() -> None:
    assert describe(State("running", 1002, 1000, None, 20.0)).endswith("ETA 0:00:00")


def test_unknown_values_are_left_out() -> None:
    assert describe(State("running", 0, 1000)) == "step 0 of 1,000"
