import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import tables

AGGREGATES = pd.DataFrame(
    [
        ("dreamer", "iqm", 0.81234, 0.7, 0.9, 5, 20),
        ("dreamer", "optimality_gap", 0.2, 0.15, 0.25, 5, 20),
        ("a|b_c", "iqm", 0.5, np.nan, np.nan, 1, 20),
        ("a|b_c", "optimality_gap", 0.5, np.nan, np.nan, 1, 20),
    ],
    columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"],
)
TASKS = pd.DataFrame(
    [
        ("dmc_cup_catch", "dreamer", 962.48, 950, 970, 5),
        ("dmc_cup_catch", "x", 1, 1, 1, 2),
        ("dmc_dog_run", "x", 3, 2, 4, 2),
    ],
    columns=["task", "variant", "mean", "low", "high", "seeds"],
)


def test_aggregates_in_markdown() -> None:
    assert tables.to_markdown(tables.aggregate_table(AGGREGATES, "The protocol.")) == (
        "## Aggregate scores (normalised)\n"
        "\n"
        "| variant | IQM                  | Optimality gap       | runs per task | tasks |\n"
        "|---------|----------------------|----------------------|---------------|-------|\n"
        "| dreamer | 0.812 [0.700, 0.900] | 0.200 [0.150, 0.250] | 5             | 20    |\n"
        "| a\\|b_c  | 0.500                | 0.500                | 1             | 20    |\n"
        "\n"
        "The protocol.\n"
    )


def test_tasks_in_markdown_leave_gaps_where_nothing_was_run() -> None:
    lines = tables.to_markdown(tables.task_table(TASKS, "")).splitlines()
    assert lines[0] == "## Final returns by task (raw, not normalised)"
    assert [cell.strip() for cell in lines[4].split("|")[1:-1]] == [
        "dmc_cup_catch", "962.5 [950.0, 970.0], n=5", "1.0 [1.0, 1.0], n=2",
    ]  # fmt: skip
    assert [cell.strip() for cell in lines[5].split("|")[1:-1]] == ["dmc_dog_run", "-", "3.0 [2.0, 4.0], n=2"]


def test_model_errors_have_a_row_a_variant_and_a_column_a_horizon() -> None:
    finals = pd.DataFrame(
        [
            ("dmc_dog_run", "dreamer", "image", 1, 0.0012, 0.00094567, 0.002, 3),
            ("dmc_dog_run", "dreamer", "image", 15, 123.4, 99.96, 1234, 2),
            ("dmc_dog_run", "ed2", "image", 1, 0.5, np.nan, np.nan, 1),
            ("dmc_dog_run", "dreamer", "kl", 1, 5, 4, 6, 3),
        ],
        columns=["task", "variant", "measure", "horizon", "mean", "low", "high", "seeds"],
    )
    table = tables.model_error_table(finals, "image", "The note.")
    assert table.heading == "Image error (MSE), h agent steps ahead"
    assert table.columns == ["task", "variant", "h=1", "h=15", "seeds"]
    assert table.rows == [
        ["dmc_dog_run", "dreamer", "0.00120 [0.000946, 0.00200]", "123 [100, 1.23e+03]", "2 to 3"],
        ["dmc_dog_run", "ed2", "0.500", "-", "1"],
    ]
    assert "\\begin{tabular}{llrrr}" in tables.to_latex(table)


def test_latex_is_booktabs() -> None:
    text = tables.to_latex(tables.aggregate_table(AGGREGATES, "In the last 10 % of steps."))
    assert text == (
        "\\begin{table}[htbp]\n"
        "\\centering\\small\n"
        "\\caption{Aggregate scores (normalised). In the last 10 \\% of steps.}\n"
        "\\resizebox*{!}{\\ifdim\\totalheight>.8\\textheight .8\\textheight\\else\\totalheight\\fi}{%\n"
        "\\resizebox{\\ifdim\\width>\\linewidth \\linewidth\\else\\width\\fi}{!}{%\n"
        "\\begin{tabular}{lrrrr}\n"
        "\\toprule\n"
        "variant & IQM & Optimality gap & runs per task & tasks \\\\\n"
        "\\midrule\n"
        "dreamer & 0.812 {[}0.700, 0.900{]} & 0.200 {[}0.150, 0.250{]} & 5 & 20 \\\\\n"
        "a\\textbar{}b\\_c & 0.500 & 0.500 & 1 & 20 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}}}\n"
        "\\end{table}\n"
    )


def test_every_special_character_is_escaped_once() -> None:
    assert tables.escape_latex("äλ→") == "äU+03BBU+2192"
    assert tables.escape_latex(r"\{}_") == r"\textbackslash{}\{\}\_"
    assert tables.escape_latex("a<b>c~d^e&f%g$h#i") == (
        r"a\textless{}b\textgreater{}c\textasciitilde{}d\textasciicircum{}e\&f\%g\$h\#i"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here to compile with")
def test_latex_compiles(tmp_path: Path) -> None:
    odd = AGGREGATES.assign(variant=[r"[x] \{}_&%$#~^<>|", "horizon=5+kind=ed2", "äßéłŒ", "λ→±"])
    wide = pd.concat([TASKS.assign(variant=f"horizon={horizon}") for horizon in range(30)])
    high = pd.concat([TASKS.assign(task=f"task_{i}") for i in range(100)])
    texts = [
        tables.aggregate_table(odd.assign(statistic="iqm"), "10 % of steps."),
        tables.task_table(wide, "note"),
        tables.task_table(high, "A note of several lines. " * 30),
    ]
    (tmp_path / "tables.tex").write_text(tables.latex_document(texts))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    compiled = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stdout[-2000:]
    assert "Overfull" not in compiled.stdout
    assert "too large" not in compiled.stdout
