import json
import os
from pathlib import Path

import numpy as np
import pytest

from analysis.published import FOLDER, published_names, read_published
from common.errors import UserError
from envs.registry import TASKS

# The averages that the table prints, over the tasks of each method.
AVERAGES = {"a3c": (18, 243.70), "d4pg": (18, 786.32), "planet": (20, 332.97), "dreamer": (20, 823.39)}


@pytest.mark.parametrize("name", published_names())
def test_averages_are_the_printed_ones(name: str) -> None:
    [published] = read_published([name])
    tasks, average = AVERAGES[name]
    assert len(published.scores) == tasks
    assert np.mean(list(published.scores.values())) == pytest.approx(average, abs=0.01)
    assert f"{average:.2f}" in published.note
    assert set(published.scores) <= set(TASKS)
    assert "1912.01603" in published.source


def test_all_methods_of_the_table_are_available() -> None:
    assert published_names() == sorted(AVERAGES)


def test_averages_over_the_common_tasks_are_the_noted_ones() -> None:
    d4pg, *others = read_published(["d4pg", "dreamer", "planet"])
    common = set(d4pg.scores)
    for published in others:
        average = np.mean([score for task, score in published.scores.items() if task in common])
        assert f"{average:.2f}" in published.note


def test_ball_in_cup_has_two_names() -> None:
    [published] = read_published(["dreamer"])
    assert published.score("dmc_ball_in_cup_catch") == published.score("dmc_cup_catch") == 962.48
    assert published.score("dmc_dog_run") is None


def test_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'plannet'.*a3c, d4pg, dreamer, planet.*did you mean planet\?"):
        read_published(["plannet"])


def test_no_methods_at_all_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.published.FOLDER", tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"'dreamer'.*there are none; a .json"):
        read_published(["dreamer"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"source": None}, "source: Input should be a valid string"),
        ({"scores": {"dmc_walker_walk": "high"}}, "scores.dmc_walker_walk: Input should be a valid number"),
        ({"scores": []}, "scores: Input should be an object"),
        ({"scores": {"dmc_walker_walk": 1e200}}, r"the score of Dreamer on dmc_walker_walk is 1e\+200; expected a fin"),
        ({"steps": 10**17}, "steps of Dreamer must be environment steps up to 1e15"),
    ],
)
def test_wrong_file_is_explained(
    change: dict[str, object], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json.loads((FOLDER / "dreamer.json").read_text())
    (tmp_path / "own.json").write_text(json.dumps(whole | change))
    (tmp_path / "torn.json").write_text("{")
    monkeypatch.setattr("analysis.published.FOLDER", tmp_path)
    with pytest.raises(UserError, match=rf"own\.json: {expected}"):
        read_published(["own"])
    with pytest.raises(UserError, match=r"torn\.json: the file: Invalid JSON"):
        read_published(["torn"])


def test_own_tables_and_files_are_read_with_the_known_ones(tmp_path: Path) -> None:
    table, file = tmp_path / "table.csv", tmp_path / "mine.json"
    table.write_text("task,Ours,Theirs\ndmc_cup_catch,900.5,\ndmc_dog_run,12,-3\n")
    file.write_text(json.dumps({"method": "Mine", "source": "a note", "unit": "return", "scores": {"dmc_dog_run": 1}}))
    ours, theirs, mine, dreamer = read_published([str(table), str(file), "dreamer"])
    assert (ours.method, ours.scores, ours.source) == ("Ours", {"dmc_cup_catch": 900.5, "dmc_dog_run": 12}, "table.csv")
    assert theirs.scores == {"dmc_dog_run": -3}
    assert theirs.label == "Theirs, published"
    assert mine.score("dmc_dog_run") == 1
    assert dreamer.label == "Dreamer, published (pixels, 5e6 steps)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not CSV"),
        ("tasks,A\nx,1\n", "has the columns tasks, A; .* the column task"),
        ("task\nx\n", "has the columns task; "),
        ("task,A\nx,high\n", "the column A has values that are not numbers"),
        ("task,A\nx,1\nx,2\n", "two rows of x"),
        ("task,A\nx,1\n,2\nx,3\n,4\n", "two rows of nan"),
        ("task,A\nx,1e308\n", r"the score of A on x is 1e\+308; expected a finite number"),
        ("task,A\nx\x1by,1\n", r"'x\\x1by' is no name of a method or task"),
        (None, "cannot be read"),
    ],
)
def test_wrong_table_is_explained(text: str | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=rf"table\.csv: {expected}"):
        read_published([str(path)])


@pytest.mark.parametrize("name", ["table.csv", "mine.json"])
def test_a_fifo_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=rf"{name}: cannot be read: no plain file, but a FIFO or device"):
        read_published([str(tmp_path / name)])
