"""The command line, from files to files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analyze
from analysis import figures
from suites.plan import plan
from suites.schema import load_suite
from tests.analysis.conftest import entries, with_model_errors, write_folders

ROOT = Path(__file__).parent.parent
FILES = {
    "aggregates.csv", "aggregates.pdf", "aggregates.png", "checks.md", "curves.pdf", "curves.png",
    "files.txt", "tables.md", "tables.tex", "tasks.csv",
}  # fmt: skip
MODEL_ERROR_FILES = {
    "model_errors.csv", "model_error.pdf", "model_error.png", "model_error_curves.pdf", "model_error_curves.png",
}  # fmt: skip
SUITE = """
name: small
tasks: [dmc_walker_walk, toy_reach_2]
seeds: 2
settings: {steps: 20000}
variants: {dreamer: {}, short: {behavior.horizon: 5}}
published: [dreamer]
analysis: {repetitions: 100}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite with results for all of its runs."""
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    write_folders(
        entries(["dmc_walker_walk", "toy_reach_2"], ["dreamer", "short"], seeds=2), tmp_path / "results/small"
    )
    return path


def test_suite_and_score_file_give_the_same_numbers(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, out = tmp_path / "results", tmp_path / "out"
    assert analyze.main([str(suite), "--results", str(results)]) == 0
    said = capsys.readouterr().out
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(entries(["dmc_walker_walk", "toy_reach_2"], ["dreamer", "short"], seeds=2)))
    assert analyze.main(["--scores", str(file), "--out", str(out), "--repetitions", "100"]) == 0
    folder = results / "small/analysis"
    assert {path.name for path in folder.iterdir()} == {path.name for path in out.iterdir()} == FILES
    for name in ("aggregates.csv", "tasks.csv"):
        assert (folder / name).read_bytes() == (out / name).read_bytes()
    assert "100 repetitions" in said
    assert str(folder) in said
    assert "1,000" not in said
    drawn = (folder / "tables.md").read_text().split("## Published scores")[1]
    assert "Dreamer, published (pixels, 5e6 steps)" in drawn
    assert "823.39" in drawn
    assert "## Published scores" not in (out / "tables.md").read_text()


def test_tables_have_the_promised_columns(suite: Path, tmp_path: Path) -> None:
    analyze.main([str(suite), "--results", str(tmp_path / "results")])
    folder = tmp_path / "results/small/analysis"
    aggregates, tasks = pd.read_csv(folder / "aggregates.csv"), pd.read_csv(folder / "tasks.csv")
    assert list(aggregates.columns) == ["variant", "statistic", "value", "low", "high", "runs", "tasks"]
    assert set(aggregates["statistic"]) == {"iqm", "median", "mean", "optimality_gap"}
    assert list(aggregates["variant"].unique()) == ["dreamer", "short"]
    assert list(tasks.columns) == ["task", "variant", "mean", "low", "high", "seeds"]
    assert len(tasks) == 4
    # Raw returns by task, normalised ones in the aggregates.
    raw = tasks.set_index(["task", "variant"])["mean"]
    mean = aggregates.set_index(["statistic", "variant"]).loc[("mean", "dreamer"), "value"]
    assert mean == pytest.approx((raw["dmc_walker_walk", "dreamer"] / 1000 + raw["toy_reach_2", "dreamer"] / 200) / 2)


def test_model_errors_have_files_as_long_as_runs_have_them(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, folder = tmp_path / "results", tmp_path / "results/small/analysis"
    without = (results / "small").rename(tmp_path / "without")
    data = with_model_errors(entries(["dmc_walker_walk", "toy_reach_2"], ["dreamer", "short"], seeds=2))
    for curve in data:
        if curve["method"] == "short":
            del curve["errors"]
    write_folders(data, results / "small")
    assert analyze.main([str(suite), "--results", str(results)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert {path.name for path in folder.iterdir()} == FILES | MODEL_ERROR_FILES
    errors = pd.read_csv(folder / "model_errors.csv")
    assert list(errors.columns) == [
        "task", "variant", "measure", "horizon", "mean", "low", "high", "seeds", "sequences",
    ]  # fmt: skip
    assert len(errors) == 2 * 1 * 3 * 4
    assert set(errors["sequences"]) == {2 * 2 * 20}
    text, latex = (folder / "tables.md").read_text(), (folder / "tables.tex").read_text()
    for title in ("Image error (MSE)", "Reward error (MAE)", "KL from prior (nats)"):
        for place in (text, latex, said):
            assert place.count(f"{title}, h agent steps ahead") == 1
    assert text.count("its own evaluation episodes") == 3
    for note in ("its own evaluation episodes", "Final error:", "Final score:", "divergence of the posterior"):
        assert said.count(note) == 1
    # Runs without a world model in the place of those: no file may be left that tells of the former ones.
    folder.rename(without / "analysis")
    (results / "small").rename(tmp_path / "former")
    without.rename(results / "small")
    assert analyze.main([str(suite), "--results", str(results)]) == 0
    assert {path.name for path in folder.iterdir()} == FILES


ABLATIONS = """
name: small
tasks: [dmc_walker_walk, toy_reach_2]
seeds: 3
settings: {steps: 20000}
variants: {dreamer: {}, no_value: {behavior.value: none}, reward: {representation.objective: reward}, repeat: {}}
sweep:
  behavior.horizon: {of: [dreamer, no_value], values: [3, 15]}
  action_repeat: {of: [dreamer, repeat], values: [1, 4]}
  jit: {of: repeat, values: [true]}
comparisons:
  long: ["*horizon=15*", reward]
  alone: reward
  unrun: "no_value+horizon=3"
published: [dreamer]
analysis: {repetitions: 100}
"""


def test_suite_of_several_ablations_has_figures_for_each(tmp_path: Path) -> None:
    path, results, folder = tmp_path / "s.yaml", tmp_path / "results", tmp_path / "results/small/analysis"
    path.write_text(ABLATIONS)
    names = [name for name in load_suite(path).grid if name != "no_value+horizon=3"]
    assert len(names) == 4 + 1 + 1 + 2
    write_folders(entries(["dmc_walker_walk", "toy_reach_2"], names, seeds=3), results / "small")
    assert analyze.main([str(path), "--results", str(results)]) == 0
    extra = {"curves_long", "aggregates_long", "curves_alone", "horizon", "action_repeat"}
    whole = FILES | {"sweeps.csv"} | {f"{name}.{kind}" for name in extra for kind in ("png", "pdf")}
    assert {path.name for path in folder.iterdir()} == whole
    sweeps = pd.read_csv(folder / "sweeps.csv")
    assert list(sweeps.columns) == ["key", "value", "task", "variant", "mean", "low", "high", "seeds"]
    lines = [
        ("horizon", "dreamer+action_repeat=1", "dreamer+horizon={}+action_repeat=1", (3, 15)),
        ("horizon", "dreamer+action_repeat=4", "dreamer+horizon={}+action_repeat=4", (3, 15)),
        ("horizon", "no_value", "no_value+horizon={}", (15,)),
        ("action_repeat", "dreamer+horizon=3", "dreamer+horizon=3+action_repeat={}", (1, 4)),
        ("action_repeat", "dreamer+horizon=15", "dreamer+horizon=15+action_repeat={}", (1, 4)),
        ("action_repeat", "repeat+jit=true", "repeat+action_repeat={}+jit=true", (1, 4)),
    ]
    points = [(key, value, line, name.format(value)) for key, line, name, values in lines for value in values]
    tasks = pd.read_csv(folder / "tasks.csv").rename(columns={"variant": "name"})
    expected = tasks.merge(pd.DataFrame(points, columns=["key", "value", "variant", "name"]))[sweeps.columns]
    order = ["key", "task", "variant", "value"]
    pd.testing.assert_frame_equal(
        sweeps.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True)
    )
    # Without sweep and comparisons, what came of them is gone.
    path.write_text(SUITE)
    write_folders(entries(["dmc_walker_walk", "toy_reach_2"], ["dreamer", "short"], seeds=2), results / "small")
    assert analyze.main([str(path), "--results", str(results)]) == 0
    assert {path.name for path in folder.iterdir()} == FILES


def test_variants_have_the_colors_of_their_family_in_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colors: dict[str, set[tuple[float, ...]]] = {}
    for kind in ("learning_curves", "aggregate_intervals", "sweep"):
        draw = getattr(figures, kind)

        def spy(data: pd.DataFrame, looks: dict[str, figures.Look], *rest: Any, draw: Any = draw) -> Any:
            for name in set(data["variant"]):
                colors.setdefault(name, set()).add(looks[name].color)
            return draw(data, looks, *rest)

        monkeypatch.setattr(figures, kind, spy)
    path = tmp_path / "s.yaml"
    path.write_text(ABLATIONS.replace("of: [dreamer, repeat]", "of: repeat"))
    write_folders(entries(["toy_reach_2"], load_suite(path).grid, seeds=2), tmp_path / "results/small")
    assert analyze.main([str(path), "--results", str(tmp_path / "results")]) == 0
    assert {len(found) for found in colors.values()} == {1}
    looks = figures.looks(["dreamer", "no_value", "reward", "repeat"])
    for name in ("dreamer", "no_value", "reward"):
        assert colors[name] == {looks[name].color}
    assert colors["repeat+jit=true"] == {looks["repeat"].color}
    assert colors["dreamer+horizon=3"] != colors["dreamer+horizon=15"] != colors["dreamer"]


def test_protocol_is_the_suites_unless_the_command_line_says_otherwise(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analyze.main([str(suite), "--results", str(tmp_path / "results"), "--final-window", "0.5", "--seed", "3"])
    said = " ".join(capsys.readouterr().out.split())
    assert "last 50 % of a run's environment steps" in said
    assert "100 repetitions, bootstrap seed 3" in said
    tables = (tmp_path / "results/small/analysis/tables.md").read_text()
    assert tables.count("last 50 % of a run's environment steps") == 2


def test_incomplete_suite_is_analysed_with_warnings(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = [spec.folder(tmp_path / "results") for spec in plan(load_suite(suite))]
    first.rename(tmp_path / "elsewhere")
    (second / "state.json").write_text('{"state": "failed"}')
    assert analyze.main([str(suite), "--results", str(tmp_path / "results")]) == 0
    said = capsys.readouterr().out
    for part in ("1 of 8 runs are missing", "dmc_walker_walk/dreamer/0", "unfinished", "failed", "single seed"):
        assert part in said
    assert "1 of 8 runs are missing" in (tmp_path / "results/small/analysis/checks.md").read_text()


@pytest.mark.parametrize("points", [1, 2, 20])
def test_smallest_data_give_the_whole_set(points: int, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(entries(["dmc_walker_walk"], ["dreamer"], seeds=1, points=points)))
    assert analyze.main(["--scores", str(file), "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert pd.read_csv(tmp_path / "out/aggregates.csv")["low"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.yaml"], "missing.yaml"),
        (["suites/demo.yaml", "--results", "nowhere"], "nowhere/demo: no results"),
        (["--scores", "missing.json", "--out", "out"], "missing.json: cannot be read"),
        (["--scores", "empty.json", "--out", "out"], "no evaluation with a finite return"),
        (["--scores", "one.json", "--out", "out", "--final-window", "2"], "--final-window 2: input should be less"),
        (["--scores", "one.json", "--out", "out", "--repetitions", "many"], "--repetitions many"),
        (["--scores", "one.json", "--out", "out", "--published", "dreamr"], "Did you mean 'dreamer'?"),
        (["--scores", "one.json", "--out", "one.json"], "one.json"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "one.json").write_text(json.dumps(entries(["dmc_walker_walk"], ["dreamer"], seeds=1)))
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/demo.yaml").write_text((ROOT / "suites/demo.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert analyze.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert expected in said


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.yaml", "--scores", "b"],
        ["--scores", "a"],
        ["a.yaml", "--out", "b"],
        ["--scores", "a", "--out", "b", "--results", "c"],
    ],
)
def test_forms_of_the_command_are_not_mixed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        analyze.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_neither_help_nor_an_analysis_imports_tensorflow(suite: Path, tmp_path: Path) -> None:
    program = """
import sys, analyze
try:
    analyze.main(["--help"])
except SystemExit:
    pass
assert not {"pandas", "matplotlib", "rliable", "rich"} & set(sys.modules), "help is not lazy"
assert analyze.main(sys.argv[1:]) == 0
assert "rliable" in sys.modules
assert not {"tensorflow", "keras", "tf_keras", "mujoco", "dm_control"} & set(sys.modules)
"""
    command = [sys.executable, "-c", program, str(suite), "--results", str(tmp_path / "results")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_interruption_says_so_in_one_line(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analysis.report.write", interrupted)
    assert analyze.main([str(suite), "--results", str(tmp_path / "results")]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_help_names_every_setting_of_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        analyze.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for flag in ("--final-window", "--repetitions", "--confidence", "--seed", "--normalization", "--published"):
        assert flag in said


def test_equal_input_gives_equal_files(suite: Path, tmp_path: Path) -> None:
    def run() -> dict[str, bytes]:
        analyze.main([str(suite), "--results", str(tmp_path / "results")])
        return {path.name: path.read_bytes() for path in (tmp_path / "results/small/analysis").iterdir()}

    assert run() == run()
