"""Commands in this process, and what every answer of a command must be."""

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

Main = Callable[[Sequence[str]], int]
LONGEST = 3000  # characters of a message


def call(main: Main, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a command, whose streams are like those of a terminal."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse's
            code = int(stop.code or 0)
    texts = [stream.buffer.getvalue().decode(errors="replace") for stream in (out, err)]
    return code, texts[0], texts[1]


def check(main: Main, *arguments: str | Path, codes: Sequence[int] = (0, 2)) -> int:
    """Runs a command, which must do its work or say in a few words why it cannot; returns its exit code.

    Raises:
        AssertionError: it answers in another way.
    """
    code, out, err = call(main, *arguments)
    said = f"exit code {code}\n{out[-LONGEST:]}\n{err[-LONGEST:]}"
    assert code in codes, said
    assert "Traceback" not in out + err, said
    assert "Warning: " not in err, said  # Python's own
    raw = {each for each in out + err if not each.isprintable() and each not in "\n\t"}
    assert not raw, f"{raw} on the terminal: {said}"
    assert len(err) <= LONGEST, f"{len(err):,} characters: {said}"
    if code == 2:
        assert "error: " in err, said
    return code
