"""What an analysis prints."""

import io
from pathlib import Path

from rich.console import Console

from analysis import console
from analysis.checks import Finding


def printed(*findings: Finding) -> list[str]:
    text = io.StringIO()
    console.show(findings, [], [Path("out/report.html")], Console(file=text, width=80))
    return text.getvalue().splitlines()


def test_a_warning_and_each_place_are_one_line_of_bounded_length() -> None:
    long = "a_name_without_spaces_" * 50
    finding = Finding("odd runs", "serious", 9, f"9 runs of {long}", "kept", tuple(f"[b]{i}/{long}" for i in range(9)))
    lines = printed(finding)
    assert [line[:14] for line in lines[:7]] == [
        "Warning: 9 run", *(f"  [b]{i}/a_name_" for i in range(5)), "  and 4 more, ",
    ]  # fmt: skip
    assert max(map(len, lines)) < 220
    assert all(line.endswith("...") for line in lines[:6])


def test_what_fits_is_printed_whole_and_notes_are_not_printed() -> None:
    short = Finding("odd runs", "minor", 1, "1 run is odd", "kept", ("walker/a/0",))
    note = Finding("assumptions", "note", 1, "1 assumption", "none")
    assert printed(short, note)[:2] == ["Warning: 1 run is odd; kept", "  walker/a/0"]
    assert printed(note)[0].startswith("Figures, tables, checks")
