import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.scores import ExpectedRun, Scores, usable, usable_model_errors
from analysis.sources import read, read_expected
from analysis.sources.layout import find
from analysis.sources.metrics import parse
from analysis.sources.records import read_run
from common.errors import UserError
from tests.analysis.conftest import Entry, as_scores, entries, with_model_errors, write_folders

CURVES = entries(["dmc_hopper_hop", "dmc_walker_walk"], ["dreamer", "no_value"], seeds=2)
METRIC = "eval/return"
SHOWCASE = Path(__file__).parents[2] / "results/showcase"


def write_lines(folder: Path, *lines: Entry) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def values(scores: Scores, metric: str) -> list[list[float]]:
    return scores.table.loc[scores.table["metric"] == metric, ["step", "value"]].to_numpy().tolist()


def test_planned_runs_hold_what_was_written(tmp_path: Path) -> None:
    curves = with_model_errors(CURVES)
    scores = read_expected(write_folders(curves, tmp_path / "suite"), "suite", tmp_path / "suite", METRIC)
    expected = as_scores(curves, episodes=2.0)
    evaluations = usable(scores, METRIC)
    pd.testing.assert_frame_equal(evaluations.drop(columns="hours"), usable(expected, METRIC).drop(columns="hours"))
    assert evaluations["hours"].tolist() == (evaluations["step"] / 10_000).tolist()
    pd.testing.assert_frame_equal(usable_model_errors(scores), usable_model_errors(expected))
    run = scores.runs.iloc[0].to_dict()
    settings = json.loads(run.pop("settings"))
    assert settings == {"steps": 20_000, "action_repeat": 2, "train.batch_size": 50, "agent": "dreamer"}
    assert run == {
        "suite": "suite", "task": "dmc_hopper_hop", "variant": "dreamer", "seed": 0,
        "folder": str(tmp_path / "suite/dmc_hopper_hop/dreamer/0"), "planned": 20_000, "state": "done",
        "renderer": "raycast", "action_repeat": 2, "commit": "c0ffee", "dirty": "clean", "device": "a GPU",
        "versions": '{"numpy": "2.4.6"}', "attempts": 1, "torn": 0, "damage": "", "unreadable": "",
    }  # fmt: skip


@pytest.mark.parametrize("suite", ["ed2_cpu", "atari_cpu"])
def test_every_number_of_real_runs_is_read(suite: str) -> None:
    """Against a plain reading of the lines by the standard library."""
    folders = [place.folder for place in find(SHOWCASE / suite)][::5]
    assert folders
    for folder in folders:
        expected: dict[str, list[tuple[float, float]]] = {}
        for line in map(json.loads, (Path(folder) / "metrics.jsonl").read_text().splitlines()):
            for name, value in line.items():
                if name != "step" and isinstance(value, int | float):
                    expected.setdefault(name, []).append((line["step"], value))
        found = read_run(folder).values
        assert {name: [*zip(points.steps, points.values, strict=True)] for name, points in found.items()} == expected
        assert len(expected) > 20


def test_numbers_are_read_as_the_standard_library_reads_them() -> None:
    text = (
        '{"step": 1, "a": NaN, "b": -Infinity, "c": 1e400, "d": 5}\n{"step": 2, "a": null, "b": 0.1, "d": "x"}\n'
        f'{{"step": 3, "a": {10**400}, "b": true, "c": [1], "e": "only text"}}\n{{"step": {10**400}, "a": 1}}\n'
        '{"step": 4, "step": 5, "a": 2, "a": 3}\n{"step": null, "a": 1}\n{"a": 1}\n'
    )
    found, torn = parse(text.encode())
    nan, inf = math.nan, math.inf
    expected = {
        "a": [(1, nan), (2, nan), (3, inf), (5, 3)], "b": [(1, -inf), (2, 0.1), (3, nan)],
        "c": [(1, inf), (3, nan)], "d": [(1, 5), (2, nan)],
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for name, points in expected.items():
        np.testing.assert_equal(np.column_stack([found[name].steps, found[name].values]), points, name)
    assert torn == 3


def test_steps_of_another_name_are_read_and_said(tmp_path: Path) -> None:
    for seed, key in enumerate(("frame", "num_frames")):
        write_lines(
            tmp_path / f"t/v/{seed}", {key: 10, "episode": 1, METRIC: 1.0}, {key: 20, "episode": 2, METRIC: 2.0}
        )
    scores = read(tmp_path, METRIC)
    assert usable(scores, METRIC)[["seed", "step", "score"]].to_numpy().tolist() == [
        [0, 10, 1], [0, 20, 2], [1, 10, 1], [1, 20, 2],
    ]  # fmt: skip
    assert scores.unit == "frames"
    assert [note.split(": ")[1] for note in scores.notes] == [
        "frame is the step of 1 run",
        "num_frames is the step of 1 run",
    ]
    chosen = read(tmp_path, METRIC, columns={"step": "episode"})
    assert usable(chosen, METRIC)["step"].tolist() == [1, 2, 1, 2]
    write_lines(tmp_path / "t/v/0", {"frame": 10, "timesteps": 5, METRIC: 1.0})
    assert read(tmp_path / "t/v/0", METRIC).runs["torn"].tolist() == [1]


def test_metrics_of_lines_with_different_names_keep_the_order_of_the_lines() -> None:
    lines = [{"step": 5, "a": 1}, {"step": 3, "a": 2, "b": 1}, {"step": 5, "a": 3}, {"step": 1, "a": 4, "b": 2}]
    found, _ = parse("\n".join(map(json.dumps, lines)).encode())
    assert [*zip(*found["a"][:2], strict=True)] == [(5, 1), (3, 2), (5, 3), (1, 4)]


def test_episodes_apply_to_metrics_of_their_prefix_on_the_line() -> None:
    found, _ = parse(b'{"step": 1, "eval/x": 2, "eval/episodes": 4, "train/x": 1}\n{"step": 2, "eval/x": 3}')
    assert np.nan_to_num(found["eval/x"].episodes, nan=-1).tolist() == [4, -1]
    assert np.isnan(found["train/x"].episodes).all()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(10, "e"), (10, 2.0), (20, 3.0)], {10: 2.0}),
        ([(10, 2.0), (10, "e"), (20, 3.0)], {10: 2.0}),
        ([(10, 2.0), (15, "e"), (20, 3.0)], {15: 2.5}),
        ([(5, "e"), (10, 2.0)], {5: 1.0}),
        ([(10, 2.0), (15, "e")], {}),
        ([(10, 2.0), (10, "e")], {10: 2.0}),
        ([(10, "e")], {}),
    ],
    ids=["line after", "line before", "between", "before the first", "after the last", "at the last", "none"],
)
def test_hours_at_evaluations_are_known_or_interpolated(
    lines: list[tuple[int, object]], expected: dict[int, float], tmp_path: Path
) -> None:
    written = [{"step": s, **({METRIC: 1.0} if what == "e" else {"time/hours": what})} for s, what in lines]
    found = usable(read(write_lines(tmp_path / "t/v/0", *written), METRIC), METRIC)
    assert {row.step: row.hours for row in found.itertuples() if row.hours == row.hours} == expected


def test_torn_lines_are_counted_and_survived(tmp_path: Path) -> None:
    (run,) = write_folders(CURVES[:1], tmp_path)
    metrics = run.folder / "metrics.jsonl"
    odd = b'{"step": 1, "eval/ret\n[3, "eval/return"]\n{"step": NaN, "eval/return": 1}\n\n\0\0\n'
    metrics.write_bytes(odd + metrics.read_bytes() + b'{"step": 99000, "eval/return": 9')
    scores = read_expected([run], "suite", tmp_path, METRIC)
    assert usable(scores, METRIC)["score"].tolist() == CURVES[0]["ys"]
    assert scores.runs["torn"].tolist() == [5]


def test_every_proper_prefix_of_metrics_can_be_read(tmp_path: Path) -> None:
    (run,) = write_folders(with_model_errors([CURVES[0] | {"xs": [1000, 2000], "ys": [1.0, 2.0]}], [5]), tmp_path)
    metrics = run.folder / "metrics.jsonl"
    whole = metrics.read_bytes()
    for length in range(len(whole)):
        metrics.write_bytes(whole[:length])
        about, found = read_run(str(run.folder))
        steps = found["train/length"].steps.tolist() if "train/length" in found else []
        assert steps == [999.0, 1999.0][: whole[:length].count(b'"train/length": 1000}')]
        assert about["torn"] == (length > 0 and whole[length - 1 : length] not in b"}\n")


@pytest.mark.parametrize("name", ["state.json", "provenance.json", "spec.yaml"])
@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[1]", b"{", b'{"state": 3, "versions": 1, "dirty": "x"}', b"fifo",
        b"\nsettings: {a: " + b"[" * 60 + b"]" * 60 + b"}", b"\nsettings: &a {a: *a}",
    ],
)  # fmt: skip
def test_odd_records_are_unknown(name: str, content: bytes, tmp_path: Path) -> None:
    (run,) = write_folders(CURVES[:1], tmp_path)
    (run.folder / name).write_bytes(content)
    if content == b"fifo":
        (run.folder / name).unlink()
        os.mkfifo(run.folder / name)
    about = read(run.folder, METRIC).runs.iloc[0]
    assert about["unreadable"] == ("" if b"dirty" in content and name != "spec.yaml" else name)
    unknown = {
        "state.json": ["state"],
        "provenance.json": ["renderer", "commit", "dirty", "device", "versions"],
        "spec.yaml": ["settings"],
    }
    for record, columns in unknown.items():
        assert [about[column] == "" for column in columns] == [record == name] * len(columns)
    assert math.isnan(about["action_repeat"]) == (name == "spec.yaml")
    assert math.isnan(about["attempts"]) == (name == "provenance.json")


def test_settings_of_odd_yaml_are_unknown_or_kept(tmp_path: Path) -> None:
    folder = write_lines(tmp_path / "t/v/0", {"step": 1, METRIC: 1.0})
    for text in ("settings: &a {b: *a}", "settings: !!python/name:os.system {}", "settings: [1]", "a: ["):
        (folder / "spec.yaml").write_text(text)
        assert read(folder, METRIC).runs["settings"].item() == ""
    (folder / "spec.yaml").write_text(yaml.safe_dump({"settings": {"a": {}, "b": {1: None, "c": [True, 1.5]}}}))
    assert json.loads(read(folder, METRIC).runs["settings"].item()) == {"a": {}, "b.1": None, "b.c": [True, 1.5]}


def test_missing_folder_is_a_missing_run(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    expected = [ExpectedRun("dmc_walker_walk", name, 0, tmp_path / name, 100) for name in ("none", "there")]
    scores = read_expected(expected, "suite", tmp_path, METRIC)
    assert scores.runs["state"].tolist() == ["missing", ""]
    assert scores.runs["planned"].tolist() == [100, 100]
    assert scores.table.empty


def test_unplanned_runs_are_listed_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = write_folders(CURVES, Path("results/suite"))
    scores = read_expected(expected[1:], "suite", Path("results/suite"), METRIC)
    assert scores.unplanned == (expected[0].folder,)
    assert len(scores.runs) == len(CURVES) - 1


def test_folders_are_a_run_a_suite_or_several_suites(tmp_path: Path) -> None:
    for suite in ("one", "two"):
        write_folders(CURVES, tmp_path / suite)
    for other in (".snapshots/a/0", "slurm/a/0", "analysis/a/0", "dmc_walker_walk/dreamer/notes", "t/v/best"):
        write_lines(tmp_path / "one" / other, {"step": 1, METRIC: 1.0})
    run = read(tmp_path / "one/dmc_walker_walk/no_value/1", METRIC)
    assert run.runs[["suite", "task", "variant", "seed"]].to_numpy().tolist() == [
        ["one", "dmc_walker_walk", "no_value", 1]
    ]
    whole = read(tmp_path / "one", METRIC)
    assert len(whole.runs) == len(CURVES)
    assert whole.renamed == ()
    both = read(tmp_path, METRIC)
    assert len(both.runs) == 2 * len(CURVES)
    assert set(both.runs["variant"]) == {f"{s}/{v}" for s in ("one", "two") for v in ("dreamer", "no_value")}
    assert set(read(tmp_path / "one/dmc_walker_walk/no_value/1/metrics.jsonl", METRIC).runs["variant"]) == {"no_value"}


def test_the_directories_of_danijar_are_read(tmp_path: Path) -> None:
    lines = [{"step": 1000 * n, "train/return": 1.0, "test/return": 100.0 * n, "fps": 3.0} for n in (1, 2)]
    write_lines(tmp_path / "logdir/dmc_walker_walk/dreamer/1", *lines)
    scores = read(tmp_path / "logdir", "test/return")
    assert usable(scores, "test/return")[["step", "score"]].to_numpy().tolist() == [[1000, 100], [2000, 200]]
    assert scores.runs[["suite", "state", "settings"]].to_numpy().tolist() == [["logdir", "", ""]]


def test_a_metric_that_no_run_has_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    expected = write_folders(CURVES, tmp_path / "suite")
    shutil.rmtree(expected[0].folder)
    message = (
        r"no run has logged 'eval/retrun' yet; there are .*train/return.* --metric NAME; the nearest is eval/return$"
    )
    with pytest.raises(UserError, match=message):
        read(tmp_path / "suite", "eval/retrun")
    with pytest.raises(UserError, match=message):
        read_expected(expected, "suite", tmp_path / "suite", "eval/retrun")


def test_metrics_are_found_whatever_their_names(tmp_path: Path) -> None:
    for number, metric in enumerate(('say "hi"', "résumé/λ", "a\\b")):
        folder = write_lines(tmp_path / f"t/v/{number}", {"step": 1, metric: 2.0}, {"step": 2, "x": 1})
        assert values(read(folder, metric), metric) == [[1, 2]]


def test_what_is_no_source_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match="empty: no runs; expected folders <task>/<variant>/<seed>"):
        read(tmp_path / "empty", METRIC)
    with pytest.raises(UserError, match=r"notes.txt: unknown format; supported are folders of runs"):
        read(tmp_path / "notes.txt", METRIC)
    with pytest.raises(UserError, match=r"note.txt: no such file or folder; did you mean .*notes.txt\?"):
        read(tmp_path / "note.txt", METRIC)
