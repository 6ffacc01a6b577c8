import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.latex import escape_latex, latex_document, to_latex
from analysis.tables import Table

NASTY = [r"[x] \{}_&%$#~^<>|", "*", "horizon=5+kind=ed2", "äßéłŒ", "λ→±", "a" * 60, "x_" * 30]
CELL = "-812.3 [-830.2, -790.1], n=5"


def test_every_special_character_is_escaped_once() -> None:
    assert escape_latex("äλ→") == "äλ→"
    [line] = [line for line in latex_document([Table("A", [], ["λ"], [["x"]])]).splitlines() if "Declare" in line]
    assert line == r"\DeclareUnicodeCharacter{03BB}{U+03BB}"
    assert escape_latex(r"\{}_") == r"\textbackslash{}\{\}\_"
    assert escape_latex("a<b>c~d^e&f%g$h#i") == (
        r"a\textless{}b\textgreater{}c\textasciitilde{}d\textasciicircum{}e\&f\%g\$h\#i"
    )


def test_details_are_next_to_numbers_in_a_narrow_table_and_under_them_in_a_wide_one() -> None:
    narrow, wide = (
        to_latex(Table("A", [], ["task", *names], [["x", *[CELL] * len(names)]], bold=frozenset({(0, 1)})))
        for names in ("a", "abcd")
    )
    assert r"x & \textbf{$-$812.3} & {\scriptsize [$-$830.2, $-$790.1], n=5} \\" in narrow
    assert r"\multicolumn{2}{c}{a}" in narrow
    assert r"x & \textbf{$-$812.3} & $-$812.3 & $-$812.3 & $-$812.3 \\" in wide
    detail = r"{\scriptsize [$-$830.2, $-$790.1], n=5}"
    assert f"\n & {detail} & {detail} & {detail} & {detail} \\\\[.3em]" in wide


def test_a_long_table_is_several_with_each_row_once() -> None:
    rows = [[f"row{index}", "1.0"] for index in range(100)]
    text = to_latex(Table("Heading", ["The note."], ["task", "x"], rows))
    assert re.findall(r"row\d+", text) == [row[0] for row in rows]
    assert text.count(r"\begin{table}") == text.count(r"\toprule") == 3
    assert text.count("The note.") == 1
    assert "Heading (part 3 of 3)." in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here to compile with")
def test_latex_compiles_and_stays_on_the_page(tmp_path: Path) -> None:
    notes = ["10 % of steps. " * 30]
    tables = [
        Table(
            name, notes, ["task", *columns], [[row, *[CELL] * len(columns)] for row in rows], bold=frozenset({(1, 1)})
        )
        for name in NASTY[:5]
        for columns in (NASTY[:1], NASTY[:4], [*NASTY, *NASTY[:3]])
        for rows in (NASTY, [f"task_{index}" for index in range(60)])
    ]
    (tmp_path / "tables.tex").write_text(latex_document([*tables, Table("Empty", [], ["task", "x"], [])]))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    compiled = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stdout[-2000:]
    assert "Overfull" not in compiled.stdout
    assert "too large" not in compiled.stdout
