import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.references import Scale, random_return, references
from analysis.scores import usable
from analysis.scoring import describe, final_scores, normalize, scale
from analysis.settings import AnalysisSettings
from common.errors import UserError
from envs import toy
from envs.registry import FAMILIES
from tests.analysis.conftest import Entry, as_scores, entries


def table(curves: list[Entry], episodes: float = np.nan) -> pd.DataFrame:
    return usable(as_scores(curves, episodes=episodes), "eval/return")


def finals(xs: list[float], ys: list[float], window: float) -> pd.DataFrame:
    evaluations = pd.DataFrame({"task": "dmc_walker_walk", "variant": "dreamer", "seed": 0, "step": xs, "score": ys})
    return final_scores(evaluations, AnalysisSettings(final_window=window))


def described(settings: AnalysisSettings, evaluations: pd.DataFrame) -> str:
    return describe(settings, evaluations, final_scores(evaluations, settings))


def test_a_tenth_of_a_hundred_evaluations_is_ten() -> None:
    result = finals(list(range(1, 101)), list(range(1, 101)), 0.1)
    assert result["evaluations"].tolist() == [10]
    assert result["score"].tolist() == [np.mean(range(91, 101))]


@pytest.mark.parametrize("window", [0.001, 0.1, 1.0])
def test_few_evaluations_still_have_a_score(window: float) -> None:
    assert finals([0], [7.0], window)["score"].tolist() == [7.0]
    assert finals([1, 1000], [3.0, 7.0], 0.1)["score"].tolist() == [7.0]


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.floats(-1e3, 1e3)), min_size=1, max_size=30, unique_by=lambda p: p[0]),
    st.floats(0.01, 1),
)
def test_score_is_the_mean_of_the_evaluations_in_the_window(points: list[tuple[int, float]], window: float) -> None:
    xs, ys = map(list, zip(*points, strict=True))
    inside = [y for x, y in points if x > (1 - window) * max(xs) or x == max(xs)]
    result = finals(xs, ys, window)
    assert result["evaluations"].item() == len(inside)
    assert result["score"].item() == pytest.approx(np.mean(inside))


def test_each_run_ends_at_its_own_step() -> None:
    short, long = entries(["dmc_walker_walk"], ["dreamer"], seeds=2)
    short |= {"xs": [1, 2], "ys": [1.0, 2.0]}
    result = final_scores(table([short, long]), AnalysisSettings())
    assert result["score"].tolist() == pytest.approx([2.0, np.mean(long["ys"][-2:])])


def test_the_last_evaluation_may_be_the_score() -> None:
    short, long = entries(["dmc_walker_walk"], ["dreamer"], seeds=2)
    short |= {"xs": [1, 2], "ys": [1.0, 2.0]}
    settings = AnalysisSettings(final="last", final_window=1)
    result = final_scores(table([short, long]), settings)
    assert result["score"].tolist() == [2.0, long["ys"][-1]]
    assert result["evaluations"].tolist() == [1, 1]
    text = described(settings, table([short, long], episodes=4.0))
    assert text.startswith("Final score: last evaluation of a run (episodes per evaluation: 4). Normalised score:")


def test_normalisation_divides_by_the_best_return_of_the_task() -> None:
    runs = pd.DataFrame({"task": ["dmc_walker_walk", "toy_reach_2", "toy_grid"], "score": [500.0, 50.0, 10.0]})
    assert normalize(runs, AnalysisSettings())["score"].tolist() == [0.5, 0.25]
    assert normalize(runs, AnalysisSettings(normalization="none"))["score"].tolist() == [500.0, 50.0, 10.0]
    swapped = runs.assign(task="mine", variant="dmc_walker_walk")
    with pytest.raises(UserError, match=r"^variants are called as tasks: .* --layout '\{variant\}/\{task\}/\{seed\}'"):
        normalize(swapped, AnalysisSettings())
    with pytest.raises(UserError, match=r"^`normalization: dmc` has no best return of toy_grid; .*`none` for any task"):
        normalize(runs[2:], AnalysisSettings())


def test_scale_of_toy_reach_is_the_limit_of_its_return() -> None:
    assert scale("toy_reach_4", AnalysisSettings()) == Scale(0, toy.LIMIT)


def test_atari_is_normalised_from_random_play_to_a_human() -> None:
    settings = AnalysisSettings(normalization="atari")
    tasks = ["atari_pong", "atari_montezuma_revenge", "atari_pong", "atari_pong", "dmc_walker_walk"]
    runs = pd.DataFrame({"task": tasks, "score": [14.6, 0.0, -20.7, 21.0, 500.0]})
    assert normalize(runs, settings)["score"].tolist() == pytest.approx([1, 0, 0, 41.7 / 35.3])
    with pytest.raises(
        UserError, match=r"no scores of random play and a human of dmc_walker_walk or of any other task;"
    ):
        normalize(pd.DataFrame({"task": ["dmc_walker_walk", "toy_grid"], "score": [1.0, 1.0]}), settings)
    text = described(settings, table(entries(["atari_pong"], ["dreamer"], seeds=3)))
    assert "(return - random) / (human - random)" in text
    assert "DQN Zoo" in text


def test_scale_may_begin_at_random_actions() -> None:
    settings = AnalysisSettings(normalization="random")
    low = random_return("dmc_ball_in_cup_catch")
    assert low is not None
    assert 0 < low < 1000
    tasks = ["dmc_ball_in_cup_catch", "dmc_cup_catch", "dmc_cup_catch", "toy_grid", "atari_pong"]
    runs = pd.DataFrame({"task": tasks, "score": [low, 1000.0, (low + 1000) / 2, 1.0, 20.0]})
    assert normalize(runs, settings)["score"].tolist() == pytest.approx([0, 1, 0.5])
    with pytest.raises(
        UserError, match=r"`normalization: random` has no best return or return of random actions of toy_grid; use"
    ):
        normalize(runs[3:4], settings)
    text = described(settings, table(entries(["dmc_cup_catch"], ["dreamer"], seeds=3)))
    assert "(return - random) / (best - random), with a best return of 1000 and the mean return of random" in text
    assert "at action repeat 2 (100 episodes of random actions per task" in text


def test_every_game_has_two_different_scores() -> None:
    known = references()
    assert set(known.random) == set(known.human) == set(FAMILIES["atari"].tasks)
    assert all(known.random[task] < known.human[task] for task in known.random)


def test_description_names_the_whole_scoring() -> None:
    settings = AnalysisSettings(final_window=0.2, repetitions=1234, seed=5)
    text = described(settings, table(entries(["dmc_walker_walk"], ["dreamer"], seeds=3), episodes=4.0))
    for part in (
        "last 20 % of a run's environment steps",
        "evaluations per run: 4; episodes per evaluation: 4)",
        "Seeds per task and variant: 3.",
        "/ 1000",
        "1,234",
        "seed 5",
        "95 %",
    ):
        assert part in text
    assert "for bands" not in text  # bands have as many repetitions
    assert "50,000 repetitions (2,000 for bands)" in described(AnalysisSettings(), table(entries(["t"], ["v"], 3)))


@pytest.mark.parametrize(("seeds", "few"), [(1, False), (2, True), (4, True), (5, False)])
def test_few_seeds_have_a_caution(seeds: int, few: bool) -> None:
    text = described(AnalysisSettings(), table(entries(["dmc_walker_walk"], ["dreamer"], seeds=seeds)))
    assert ("75 % (3)" in text) == few


def scales(folder: Path, text: str) -> AnalysisSettings:
    (folder / "scales.csv").write_text(text)
    return AnalysisSettings(normalization=str(folder / "scales.csv"))


def test_scales_may_come_from_a_file(tmp_path: Path) -> None:
    settings = scales(tmp_path, "task,source,high,low\nmine,here,30,-10\nreach,there,-1e2,0\n")
    runs = pd.DataFrame({"task": ["mine", "mine", "reach", "other"], "score": [-10.0, 20, -50, 1]})
    assert normalize(runs, settings)["score"].tolist() == [0, 0.75, 0.5]
    assert scale("mine", settings) == Scale(-10, 30)
    assert scale("other", settings) is None
    text = described(settings, table(entries(["mine"], ["v"], 3)))
    assert "(return - low) / (high - low), with low and high from .../scales.csv" in text
    with pytest.raises(UserError, match=r"has no line of minne \(the nearest is mine\)"):
        normalize(runs.assign(task="minne"), settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column task; its columns are none"),
        ("task,lo,high\na,0,1\n", "no column low; its columns are task, lo, high; did you mean lo?"),
        ("task,low,high\na,0,1\nb,0,1\na,0,2\n", "line 4: second line of a; each task has one line"),
        ("task,low,high\na,0,1\nb,3,3.0\n", "line 3: low and high of b are both 3"),
        ("task,low,high\na,0,ten\n", "line 2: high of a is ten; expected a finite number"),
        ("task,low,high\na,nan,1\n", "line 2: low of a is nan; expected a finite number"),
        ("task,low,high\na,0\n", "line 2: high of a is empty; expected a finite number"),
        ("task,low,high\na,0,1e101\n", "line 2: high of a is 1e101; expected a finite number"),
        ("task,low,high\na,0,1e-101\n", "line 2: low and high of a are both 0"),
    ],
)
def test_a_malformed_file_of_scales_is_reported(text: str, message: str, tmp_path: Path) -> None:
    settings = scales(tmp_path, text)
    with pytest.raises(UserError, match=re.escape(message)):
        normalize(pd.DataFrame({"task": ["a"], "score": [1.0]}), settings)


def test_a_missing_file_of_scales_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    scales(tmp_path, "task,low,high\n")
    settings = AnalysisSettings(normalization=str(tmp_path / "scale.csv"))
    with pytest.raises(UserError, match=r"scale\.csv: cannot be read \(No such file.*did you mean .*scales\.csv\?"):
        normalize(pd.DataFrame({"task": ["a"], "score": [1.0]}), settings)
