"""The command line, from files to files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rliable import library, metrics

import analyze
from analysis.figures.style import Look, looks
from analysis.results import aggregates, curves, sweeps
from suites.plan import plan
from suites.suite import load_suite
from suites.tasks import task_lists
from tests.analysis.conftest import entries, with_model_errors, write_folders

ROOT = Path(__file__).parent.parent
SD2 = ROOT / "results/showcase/sd2"


def drawn(*names: str) -> set[str]:
    """The files of figures."""
    return {f"{name}.{kind}" for name in names for kind in ("pdf", "png")}


ALWAYS = {
    "aggregates.csv", "analysis_manifest.json", "appendix.csv", "captions.md", "checks.md", "efficiency.csv",
    "profiles.csv", "report.html", "tables.md", "tables.tex", "tasks.csv",
    *drawn("aggregates", "curves", "efficiency", "final", "profiles"),
}  # fmt: skip
COMPARED = {"improvement.csv", *drawn("improvement")}
OF_RUNS = {"compute.csv", *drawn("curves_hours")}
FILES = ALWAYS | COMPARED | OF_RUNS
MODEL_ERROR_FILES = {"model_errors.csv", *drawn("model_error", "model_error_curves")}
SUITE = """
name: small
tasks: [dmc_walker_walk, toy_reach_2]
seeds: 2
settings: {steps: 20000}
variants: {dreamer: {}, short: {behavior.horizon: 5}}
published: [dreamer]
analysis: {repetitions: 100}
"""


def names(folder: Path) -> set[str]:
    """The visible files of a folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


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
    printed = capsys.readouterr().out
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(entries(["dmc_walker_walk", "toy_reach_2"], ["dreamer", "short"], seeds=2)))
    assert analyze.main([str(file), "--out", str(out), "--repetitions", "100"]) == 0
    folder = results / "small/analysis"
    assert names(folder) == FILES
    assert names(out) == ALWAYS | COMPARED
    for name in ("aggregates.csv", "tasks.csv", "profiles.csv", "improvement.csv", "efficiency.csv"):
        assert (folder / name).read_bytes() == (out / name).read_bytes()
    assert "100 repetitions" in printed
    assert str(folder) in printed
    assert "1,000" not in printed
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
    printed = " ".join(capsys.readouterr().out.split())
    assert names(folder) == FILES | MODEL_ERROR_FILES
    errors = pd.read_csv(folder / "model_errors.csv")
    assert list(errors.columns) == [
        "task", "variant", "measure", "horizon", "mean", "low", "high", "seeds", "sequences",
    ]  # fmt: skip
    assert len(errors) == 2 * 1 * 3 * 4
    assert set(errors["sequences"]) == {2 * 2 * 20}
    text, latex = (folder / "tables.md").read_text(), (folder / "tables.tex").read_text()
    for title in ("Image error (MSE)", "Reward error (MAE)", "KL from prior (nats)"):
        for place in (text, latex, printed):
            assert place.count(f"{title}, h agent steps ahead") == 1
    assert text.count("its own evaluation episodes") == 3
    for note in ("its own evaluation episodes", "Final error:", "Final score:", "divergence of the posterior"):
        assert printed.count(note) == 1
    # With runs without a world model in their place, no file of the former ones may be left.
    folder.rename(without / "analysis")
    (results / "small").rename(tmp_path / "former")
    without.rename(results / "small")
    assert analyze.main([str(suite), "--results", str(results)]) == 0
    assert names(folder) == FILES


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
    variants = [name for name in load_suite(path).grid if name != "no_value+horizon=3"]
    assert len(variants) == 4 + 1 + 1 + 2
    write_folders(entries(["dmc_walker_walk", "toy_reach_2"], variants, seeds=3), results / "small")
    assert analyze.main([str(path), "--results", str(results)]) == 0
    extra = {"curves_long", "aggregates_long", "curves_alone", "horizon", "action_repeat"}
    assert names(folder) == FILES | {"sweeps.csv"} | drawn(*extra)
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
    # Without sweep and comparisons, their files are removed.
    path.write_text(SUITE)
    write_folders(entries(["dmc_walker_walk", "toy_reach_2"], ["dreamer", "short"], seeds=2), results / "small")
    assert analyze.main([str(path), "--results", str(results)]) == 0
    assert names(folder) == FILES


def test_settings_drawn_together_have_a_figure_each(tmp_path: Path) -> None:
    """A point of the one is a point of the other, and both are of the same variant."""
    path, results, folder = tmp_path / "s.yaml", tmp_path / "results", tmp_path / "results/small/analysis"
    sweep = """sweep:
  optimizer.model_rate: {of: dreamer, log_uniform: [1.0e-4, 1.0e-2], samples: 4}
  behavior.horizon: {of: dreamer, uniform: [3, 30], samples: 4}
"""
    start, _, rest = ABLATIONS.partition("sweep:")
    path.write_text(start + sweep + rest[rest.index("published:") :])
    suite = load_suite(path)
    write_folders(entries(["dmc_walker_walk", "toy_reach_2"], list(suite.grid), seeds=2), results / "small")
    assert analyze.main([str(path), "--results", str(results)]) == 0
    assert {f"{key}.png" for key in ("model_rate", "horizon")} <= names(folder)
    found = pd.read_csv(folder / "sweeps.csv")
    assert set(found["variant"]) == {"dreamer"}
    tasks = pd.read_csv(folder / "tasks.csv")
    for (key, task), rows in found.groupby(["key", "task"]):
        means = tasks[tasks["task"] == task].set_index("variant")["mean"]
        values = {
            next(node.plain() for swept, node in entry.swept.items() if swept.endswith(str(key))): name
            for name, entry in suite.grid.items()
            if entry.swept
        }
        assert rows["value"].tolist() == sorted(values)
        assert rows["mean"].tolist() == [means[values[value]] for value in sorted(values)]
    assert (folder / "report.html").read_text().count("Values were drawn at random") == 2


def test_variants_have_the_colors_of_their_family_in_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colors: dict[str, set[tuple[float, ...]]] = {}
    for module in (curves, aggregates, sweeps):

        def spy(data: pd.DataFrame, looks: dict[str, Look], *rest: Any, draw: Any = module.draw) -> Any:
            for name in set(data["variant"]):
                colors.setdefault(name, set()).add(looks[name].color)
            return draw(data, looks, *rest)

        monkeypatch.setattr(module, "draw", spy)
    path = tmp_path / "s.yaml"
    path.write_text(ABLATIONS.replace("of: [dreamer, repeat]", "of: repeat"))
    write_folders(entries(["toy_reach_2"], load_suite(path).grid, seeds=2), tmp_path / "results/small")
    assert analyze.main([str(path), "--results", str(tmp_path / "results")]) == 0
    assert {len(found) for found in colors.values()} == {1}
    expected = looks(["dreamer", "no_value", "reward", "repeat"])
    for name in ("dreamer", "no_value", "reward"):
        assert colors[name] == {expected[name].color}
    assert colors["repeat+jit=true"] == {expected["repeat"].color}
    assert colors["dreamer+horizon=3"] != colors["dreamer+horizon=15"] != colors["dreamer"]


def test_settings_are_the_suites_unless_the_command_line_sets_them(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analyze.main([str(suite), "--results", str(tmp_path / "results"), "--final-window", "0.5", "--seed", "3"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "last 50 % of a run's environment steps" in printed
    assert "100 repetitions, bootstrap seed 3" in printed
    tables = (tmp_path / "results/small/analysis/tables.md").read_text()
    assert tables.count("last 50 % of a run's environment steps") == 4


def test_incomplete_suite_is_analysed_with_warnings(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, *_ = [spec.folder(tmp_path / "results") for spec in plan(load_suite(suite))]
    first.rename(tmp_path / "elsewhere")
    (second / "state.json").write_text('{"state": "failed"}')
    assert analyze.main([str(suite), "--results", str(tmp_path / "results")]) == 0
    printed = capsys.readouterr().out
    for part in ("1 of 8 runs are missing", "dmc_walker_walk/dreamer/0", "unfinished", "failed", "single seed"):
        assert part in printed
    assert "1 of 8 runs are missing" in (tmp_path / "results/small/analysis/checks.md").read_text()


@pytest.mark.parametrize("points", [1, 2, 20])
def test_smallest_data_give_the_whole_set(points: int, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(entries(["dmc_walker_walk"], ["dreamer"], seeds=1, points=points)))
    assert analyze.main([str(file), "--out", str(tmp_path / "out")]) == 0
    assert names(tmp_path / "out") == ALWAYS
    assert pd.read_csv(tmp_path / "out/aggregates.csv")["low"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.yaml"], "missing.yaml"),
        (["suites/demo.yaml", "--results", "nowhere"], "nowhere/demo: no results"),
        (["missing.json", "--out", "out"], "missing.json: no such file or folder"),
        (["empty.json", "--out", "out"], "no evaluation with a finite eval/return"),
        (["one.json"], "--out DIR is missing"),
        (["one.json", "--out", "out", "--x", "hours"], "no run has logged its hours of training"),
        ([str(SD2), "--out", "out"], "only discoveries of SD2"),
        (["one.json", "--out", "out", "--final", "best"], "--final best: the best of several evaluations is biased"),
        (["one.json", "--out", "out", "--only", "variant=dreamr"], "dreamer"),
        (["one.json", "--out", "out", "--reference", "dreamr"], "dreamer"),
        (["one.json", "--out", "out", "--final-window", "2"], "--final-window 2: input should be less"),
        (["one.json", "--out", "out", "--repetitions", "many"], "--repetitions many"),
        (["one.json", "--out", "out", "--bin", "inf"], "--bin inf: "),
        (["one.json", "--out", "out", "--bin", "1e-300"], "--bin 1e-300: "),
        (["one.json", "--out", "out", "--scale-steps", "dreamer"], "--scale-steps dreamer: no source has columns"),
        (["one.json", "--out", "out", "--published", "dreamr"], "did you mean dreamer?"),
        (["one.json", "--out", "one.json"], "one.json"),
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
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert expected in printed


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "a"],
        ["a.yaml", "--out", ""],
        ["a.yaml", "--unknown"],
    ],
)
def test_wrong_forms_of_the_command_show_its_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
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


def test_an_interruption_is_reported_in_one_line(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analysis.output.write", interrupted)
    assert analyze.main([str(suite), "--results", str(tmp_path / "results")]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_help_names_the_settings_of_the_analysis(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        analyze.main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for flag in ("--final-window", "--repetitions", "--confidence", "--seed", "--normalization", "--published"):
        assert flag in printed


def test_equal_input_gives_equal_files(suite: Path, tmp_path: Path) -> None:
    def run() -> dict[str, bytes]:
        analyze.main([str(suite), "--results", str(tmp_path / "results")])
        folder = tmp_path / "results/small/analysis"
        return {name: (folder / name).read_bytes() for name in names(folder)}

    assert run() == run()


def test_one_command_makes_the_whole_set_with_rliables_own_aggregates(tmp_path: Path) -> None:
    tasks = sorted(task_lists()["dreamer20"])
    curves = entries(tasks, ["ours"], seeds=5)
    (tmp_path / "scores.json").write_text(json.dumps(curves))
    rows = [f"{task},{100 + index}" for index, task in enumerate(tasks)]
    (tmp_path / "table.csv").write_text("\n".join(["task,Theirs", *rows]))
    out = tmp_path / "out"
    options = [
        "--out",
        str(out),
        "--published",
        str(tmp_path / "table.csv"),
        "d4pg",
        "--repetitions",
        "300",
        "--seed",
        "5",
    ]
    assert analyze.main([str(tmp_path / "scores.json"), *options]) == 0
    assert names(out) == ALWAYS
    finals = {(curve["task"], curve["seed"]): np.mean(curve["ys"][-2:]) / 1000 for curve in curves}
    scores_RT = np.array([[finals[task, seed] for task in tasks] for seed in range(5)])
    statistics = (
        metrics.aggregate_iqm, metrics.aggregate_median, metrics.aggregate_mean, metrics.aggregate_optimality_gap
    )  # fmt: skip
    np.random.seed(5)  # noqa: NPY002
    values, bounds = library.get_interval_estimates(
        {"ours": scores_RT}, lambda scores: np.array([statistic(scores) for statistic in statistics]), reps=300
    )
    found = pd.read_csv(out / "aggregates.csv")
    np.testing.assert_allclose(found["value"], values["ours"], rtol=1e-12)
    np.testing.assert_allclose(found[["low", "high"]].to_numpy().T, bounds["ours"], rtol=1e-12)
    page = (out / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") >= 5
    assert "Theirs" in page


def test_sources_are_joined_and_exported_and_read_again(suite: Path, tmp_path: Path) -> None:
    more = entries(["dmc_walker_walk"], ["other"], seeds=3)
    (tmp_path / "more.json").write_text(json.dumps(more))
    results, out, again = str(tmp_path / "results"), tmp_path / "out", tmp_path / "again"
    exports = [*(tmp_path / f"all.{kind}" for kind in ("parquet", "csv", "json")), tmp_path / "events"]
    command = [str(suite), str(tmp_path / "more.json"), "--results", results, "--out", str(out)]
    assert analyze.main([*command, "--only", "task=*walker*", "--export", *map(str, exports)]) == 0
    tasks = (out / "tasks.csv").read_text()
    assert set(pd.read_csv(out / "tasks.csv")["variant"]) == {"dreamer", "short", "other"}
    assert "toy_reach_2" not in tasks
    for path in exports:
        assert analyze.main([str(path), "--out", str(again), "--repetitions", "100"]) == 0
        found = (again / "tasks.csv").read_text()
        assert sorted(found.splitlines()) == sorted(tasks.splitlines()), path.name
        assert found == tasks or path.name == "events", "the variants of a folder are in the order of their names"


def test_report_names_folders_relative_to_the_working_directory(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert analyze.main([suite.name]) == 0
    page = (tmp_path / "results/small/analysis/report.html").read_text()
    assert "results/small/dmc_walker_walk/short/1" in page
    assert str(tmp_path) not in page


def test_no_file_names_a_folder_of_the_machine(suite: Path, tmp_path: Path) -> None:
    write_folders(entries(["dmc_walker_walk"], ["unplanned"], seeds=1), tmp_path / "results/small")
    scales = tmp_path / "scales.csv"
    scales.write_text("task,low,high\ndmc_walker_walk,0,1000\ntoy_reach_2,0,200\n")
    folder, results = tmp_path / "results/small/analysis", str(tmp_path / "results")
    other = ["--out", str(folder), "--normalization", str(scales)]
    for command in ([str(suite), "--results", results], [f"{results}/small", *other]):
        assert analyze.main(command) == 0
        texts = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert b".../small/dmc_walker_walk/unplanned/0" in texts["report.html"]
        assert not [name for name, text in texts.items() if str(tmp_path).encode() in text]


def test_discoveries_are_shown_with_scores(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(json.dumps(entries(["dmc_walker_walk"], ["a"], seeds=2)))
    out = tmp_path / "out"
    assert analyze.main([str(tmp_path / "scores.json"), str(SD2), "--out", str(out), "--repetitions", "50"]) == 0
    stem = "sd2_dmc_cheetah_run_state_20000_random_steps_seed_0_eta_0"
    assert drawn(f"{stem}_correlations", f"{stem}_dendrogram") <= names(out)
    # A folder with discoveries and runs is read for both.
    (tmp_path / "all").mkdir()
    (tmp_path / "all/sd2").symlink_to(SD2)
    write_folders(entries(["dmc_walker_walk"], ["b"], seeds=2), tmp_path / "all/suite")
    assert analyze.main([str(tmp_path / "all"), "--out", str(out), "--repetitions", "50"]) == 0
    assert drawn(f"{stem}_correlations") <= names(out)
    assert set(pd.read_csv(out / "tasks.csv")["variant"]) == {"b"}


def test_other_metrics_go_by_their_own_name(suite: Path, tmp_path: Path) -> None:
    options = ["--results", str(tmp_path / "results"), "--metric", "loss/model", "--normalization", "none"]
    assert analyze.main([str(suite), *options]) == 0
    captions = (tmp_path / "results/small/analysis/captions.md").read_text()
    assert "Final loss/model by task" in captions
    assert set(pd.read_csv(tmp_path / "results/small/analysis/tasks.csv")["mean"]) == {1.5}
