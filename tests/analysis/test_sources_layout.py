"""Runs in other layouts: what is read, and what is said about the rest."""

import json
from pathlib import Path

import pytest

from analysis.checks import check
from analysis.scores import RUN, Scores
from analysis.settings import AnalysisSettings
from analysis.sources import read
from analysis.sources.pattern import Pattern
from common.errors import UserError

METRIC = "eval/return"


def runs(root: Path, *folders: str, name: str = "metrics.jsonl") -> Path:
    """Runs of two evaluations, the last with the number of the run as value."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        lines = [{"step": 10, METRIC: 0.0}, {"step": 20, METRIC: float(number)}]
        (root / folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def named(scores: Scores) -> list[tuple[str, str, int]]:
    return list(scores.runs[RUN].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "names", [("seed_3", "seed_12"), ("03", "12"), ("run3", "run12"), ("s-3", "s-12"), ("3", "12")]
)
def test_seeds_of_one_form_are_read(tmp_path: Path, names: tuple[str, str]) -> None:
    scores = read(runs(tmp_path, *(f"reach/ours/{name}" for name in names)), METRIC)
    assert sorted(named(scores)) == [("reach", "ours", 3), ("reach", "ours", 12)]
    assert scores.passed == ()


@pytest.mark.parametrize("names", [("4", "run5"), ("4", "05"), ("4", "best"), ("4", "old/6")])
def test_what_is_not_clearly_a_seed_is_named(tmp_path: Path, names: tuple[str, str]) -> None:
    scores = read(runs(tmp_path, *(f"reach/ours/{name}" for name in names)), METRIC)
    assert named(scores) == [("reach", "ours", 4)]
    [finding] = [each for each in check(scores, AnalysisSettings()) if each.check == "folders passed over"]
    assert finding.count == len(finding.items) == 1
    assert scores.passed == (tmp_path / f"reach/ours/{names[1]}",)


def test_seeds_of_several_forms_are_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lie three levels below it, such as reach/ours/run1 \(2 folders with them\)"):
        read(runs(tmp_path, "reach/ours/run1", "reach/ours/seed_1"), METRIC)


@pytest.mark.parametrize(
    ("folders", "levels", "layout"),
    [
        (("ours_7", "ours_8"), "one level", "{variant}_{seed}"),
        (("reach/7", "reach/8"), "two levels", "{task}/{seed}"),
        (("logs/a/reach/ours/run_7", "logs/a/reach/ours/run_8"), "5|five", "*/*/{task}/{variant}/run_{seed}"),
    ],
)
def test_the_layout_that_a_message_proposes_is_read(
    tmp_path: Path, folders: tuple[str, str], levels: str, layout: str
) -> None:
    root = runs(tmp_path / "mine", *folders)
    with pytest.raises(UserError, match=levels) as error:
        read(root, METRIC)
    assert str(error.value).endswith(f"such as --layout '{layout}'")
    names = named(read(root, METRIC, layout))
    assert [seed for *_, seed in names] == [7, 8]
    assert {name for *run, _ in names for name in run} <= {"reach", "ours", "mine"}


def test_a_layout_may_have_dates_and_versions(tmp_path: Path) -> None:
    root = runs(tmp_path, "ppo/reach/2024-02-03_11/version_0", "ppo/reach/2024-02-04_12/version_0", "ppo/other/x")
    scores = read(root, METRIC, "{variant}/{task}/*_{seed}/version_0")
    assert named(scores) == [("reach", "ppo", 11), ("reach", "ppo", 12)]
    assert scores.passed == (root / "ppo/other/x",)
    with pytest.raises(UserError, match="several folders are task reach, variant ppo, seed"):
        read(root, METRIC, "{variant}/{task}/{seed}-*/version_0")
    with pytest.raises(UserError, match=r"--layout \{task\} fits no run; .* lie three levels or four levels below it"):
        read(tmp_path, METRIC, "{task}")


def test_folders_without_a_seed_are_numbered_within_task_and_variant(tmp_path: Path) -> None:
    root = runs(tmp_path, "reach/ours/xk3", "reach/ours/ab", "reach/other/q", "push/ours/z9")
    scores = read(root, METRIC, "{task}/{variant}/*")
    assert named(scores) == [("push", "ours", 0), ("reach", "other", 0), ("reach", "ours", 0), ("reach", "ours", 1)]
    assert "0 is reach/ours/ab, 1 is reach/ours/xk3" in scores.notes[0]


@pytest.mark.parametrize("text", ["{tusk}/{seed}", "{task}/{task}", "a/b"])
def test_a_malformed_layout_is_reported(text: str) -> None:
    with pytest.raises(UserError, match="--layout"):
        Pattern.of(text)


def test_a_single_run_without_names_asks_for_them(tmp_path: Path) -> None:
    folder = runs(tmp_path, "logs/reach-ours")
    for path in (folder / "logs/reach-ours", folder / "logs/reach-ours/metrics.jsonl"):
        with pytest.raises(UserError, match="a run whose folder does not name it; say what its path means"):
            read(path, METRIC)
        assert named(read(path, METRIC, "{task}-{variant}")) == [("reach", "ours", 0)]


def test_scores_are_read_beside_metrics_and_alone(tmp_path: Path) -> None:
    root = runs(tmp_path, "reach/ours/0", "reach/ours/1", name="scores.jsonl")
    (root / "reach/ours/1/metrics.jsonl").write_text('{"step": 30, "loss": 2.0}\n{"step": 40, "eval/return": 9.0}\n')
    scores = read(root, METRIC)
    table = scores.table[["seed", "metric", "step", "value"]].to_numpy().tolist()
    assert [row for row in table if row[0] == 0] == [[0, METRIC, 10.0, 0.0], [0, METRIC, 20.0, 0.0]]
    assert sorted(row for row in table if row[0] == 1) == [[1, METRIC, 40.0, 9.0], [1, "loss", 30.0, 2.0]]
