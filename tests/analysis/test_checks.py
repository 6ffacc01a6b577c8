import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from analysis.checks import Finding, check
from analysis.checks.finding import SEVERITIES
from analysis.inputs import Inputs
from analysis.results.quality import table, to_markdown
from analysis.scores import RUN, Run, Scores, by_metric, cut, from_runs, join, usable
from analysis.settings import AnalysisSettings
from analysis.sources.records import read_run
from tests.analysis.conftest import Entry, as_scores, entries, with_model_errors, write_folders

WALKER, HOPPER = "dmc_walker_walk", "dmc_hopper_hop"
SETTINGS = AnalysisSettings(repetitions=200)
KNOWN = {"settings": '{"action_repeat": 2, "model.rate": 0.001}', "commit": "c0ffee" * 6, "dirty": "clean"}
KNOWN |= {"renderer": "egl", "device": "a GPU", "versions": '{"numpy": "2.4.6"}'}


def curves() -> list[Entry]:
    """Walker then hopper, of each dreamer then no_value, of each seeds 0 and 1."""
    return entries([WALKER, HOPPER], ["dreamer", "no_value"], seeds=2)


def clean(data: list[Entry] | None = None, **runs: Any) -> Scores:
    """Scores without a finding, except those that the arguments cause."""
    data = curves() if data is None else data
    return as_scores(data, episodes=5, **(KNOWN | {"action_repeat": 2.0, "attempts": 1.0, "state": "done"} | runs))


def named(findings: list[Finding], name: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.check == name]
    return finding


def only(scores: Scores, name: str, settings: AnalysisSettings = SETTINGS, also: tuple[str, ...] = ()) -> Finding:
    """The finding of one check; only this check and those in `also` may have findings."""
    findings = check(scores, settings)
    assert {finding.check for finding in findings if finding.count} == {name, *also}
    return named(findings, name)


def test_clean_scores_pass_every_check(tmp_path: Path) -> None:
    expected = write_folders(with_model_errors(curves()), tmp_path)
    read = [read_run(str(run.folder)) for run in expected]
    runs = [
        Run({**run.about, "suite": "suite", "task": of.task, "variant": of.variant, "seed": of.seed}, run.values)
        for of, run in zip(expected, read, strict=True)
    ]
    for scores in (clean(), clean(with_model_errors(curves())), from_runs(runs, "suite")):
        findings = check(scores, SETTINGS)
        assert not [finding for finding in findings if finding.count or finding.items]
        assert len({finding.check for finding in findings}) == len(findings) > 25
    by_hours = SETTINGS.model_copy(update={"x": "hours"})
    assert not any(finding.count for finding in check(from_runs(runs, "suite"), by_hours))


def test_nothing_to_check() -> None:
    gone = [curve | {"xs": [], "ys": []} for curve in curves()]
    finding = only(clean(gone, state="missing"), "missing runs")
    assert finding.count == len(finding.items) == 8
    assert not any(finding.count for finding in check(from_runs([], "nothing"), SETTINGS))


def test_sources_that_count_other_steps_are_told() -> None:
    ours, theirs = (replace(clean(entries([WALKER], [name], seeds=2)), source=name) for name in ("ours", "theirs"))
    finding = only(join([ours, replace(theirs, unit="agent steps")]), "mixed steps")
    assert finding.title == "some sources count environment steps, others agent steps"
    assert not named(check(join([ours, replace(theirs, unit="frames")]), SETTINGS), "mixed steps").count


def test_missing_runs_leave_seeds_missing() -> None:
    data = curves()
    data[3] |= {"xs": [], "ys": []}
    findings = check(clean(data, state=["done"] * 3 + ["missing"] + ["done"] * 4), SETTINGS)
    assert {f.check for f in findings if f.count} == {"missing runs", "single seeds", "missing seeds"}
    missing = named(findings, "missing runs")
    assert missing.title == "1 of 8 runs are missing"
    assert missing.items == (f"{WALKER}/no_value/1",)
    assert named(findings, "single seeds").items == (f"{WALKER}, no_value: seed 0",)
    assert named(findings, "missing seeds").count == 1
    assert named(findings, "missing seeds").items == (f"without seed 1: {WALKER}, no_value",)


def test_run_without_an_evaluation() -> None:
    data = entries([WALKER, HOPPER], ["dreamer", "no_value"], seeds=3)
    data[0]["ys"] = [float("nan")] * 20
    finding = only(clean(data), "runs without an evaluation", also=("NaN", "missing seeds"))
    assert finding.items == (f"{WALKER}/dreamer/0",)


@pytest.mark.parametrize(("state", "steps", "shown"), [("running", 20_000, "running"), ("", 40_000, "state unknown")])
def test_unfinished_runs(state: str, steps: int, shown: str) -> None:
    planned = [float(steps)] + [20_000.0] * 7
    finding = only(clean(state=[state] + ["done"] * 7, planned=planned), "unfinished runs")
    assert finding.items == (f"{WALKER}/dreamer/0: {shown}, evaluated up to step 20,000 of {steps:,}",)


def test_unequal_lengths() -> None:
    data = curves()
    data[0] |= {"xs": data[0]["xs"][:10], "ys": data[0]["ys"][:10]}
    data[1] |= {"xs": data[1]["xs"][:19], "ys": data[1]["ys"][:19]}  # ends within the window of the others
    finding = only(clean(data), "unequal lengths", also=("scores of one evaluation",))
    assert finding.count == 1
    assert finding.items == (f"{WALKER}: from 10,000 to 20,000 steps; 1 of 4 runs end early: dreamer/0 at 10,000",)


@pytest.mark.parametrize("step", [0, 1000])
def test_a_run_that_stopped_after_its_first_evaluation_is_left_out_unless_asked_for(step: int) -> None:
    data = curves() + entries([WALKER], ["dreamer", "no_value"], seeds=3)[2::3]
    for curve in data[:2] + data[4:5]:  # of seed 0, as of a finished run, a single evaluation is a score
        curve |= {"xs": [step], "ys": [3.0]}
    state = ["done", "running", *["done"] * 2, "", *["done"] * 5]
    scores = clean(data, state=state)
    also = ("missing seeds", "single seeds", "unequal lengths", "scores of one evaluation")
    finding = only(scores, "untrained runs", also=also)
    assert finding.items == (f"{WALKER}/dreamer/1: only step {step:,}", f"{HOPPER}/dreamer/0: only step {step:,}")
    assert {(WALKER, "dreamer", 0), (WALKER, "dreamer", 2)} == {
        run for run in finals_of(scores, SETTINGS) if run[:2] == (WALKER, "dreamer")
    }
    kept = SETTINGS.model_copy(update={"untrained": "keep"})
    assert len(finals_of(scores, kept)) == len(finals_of(scores, SETTINGS)) + 2 == 10
    assert not named(check(scores, kept), "untrained runs").count


def test_scores_of_one_evaluation_each_are_trained() -> None:
    """A published table: one score per task, late in training, beside curves of another method."""
    table = [curve | {"xs": [20_000], "ys": curve["ys"][-1:]} for curve in entries([WALKER, HOPPER], ["planet"], 1)]
    scores = as_scores(curves() + table)
    assert not named(check(scores, SETTINGS), "untrained runs").count
    assert len(finals_of(scores, SETTINGS)) == 10


def finals_of(scores: Scores, settings: AnalysisSettings) -> set[tuple[str, str, int]]:
    return set(Inputs(scores, settings).finals[RUN].itertuples(index=False, name=None))


def test_what_a_restarted_run_logged_again_replaces_what_came_before() -> None:
    data = curves()
    data[0] |= {"xs": [10, 20, 30, 40, 15, 20, 30], "ys": [1.0, 2, 3, 4, 5, 6, 7]}
    data[1] |= {"xs": [10, 20, 30, 0, 10, 5, 40], "ys": [1.0, 2, 3, 4, float("nan"), 6, 7]}
    data[2] |= {"xs": [40, 30, 20, 10], "ys": [4.0, 3, 2, 1]}  # from the newest to the oldest
    findings = check(clean(data), SETTINGS)
    back = named(findings, "steps that go back")
    assert (back.count, named(findings, "repeated steps").count, named(findings, "NaN").count) == (6, 0, 1)
    assert back.title == "the steps of 2 runs go back: 6 evaluations from before a restart"
    assert back.items == (
        f"{WALKER}/dreamer/0: 3 from step 20 to 40 left out", f"{WALKER}/dreamer/1: 3 from step 10 to 30 left out",
    )  # fmt: skip
    assert named(findings, "unordered steps").items == (f"{WALKER}/no_value/0",)
    used = usable(clean(data[:3]), "eval/return")
    points = used.groupby(RUN)[["step", "score"]].apply(lambda run: run.to_numpy().tolist()).to_dict()
    assert points == {
        (WALKER, "dreamer", 0): [[10, 1], [15, 5], [20, 6], [30, 7]],
        (WALKER, "dreamer", 1): [[0, 4], [5, 6], [40, 7]],
        (WALKER, "no_value", 0): [[10, 1], [20, 2], [30, 3], [40, 4]],
    }


def test_different_budgets_are_said_first_and_not_as_ragged_runs() -> None:
    data = curves()
    for curve in data[2:4] + data[6:]:
        curve |= {"xs": [2 * x for x in curve["xs"]]}
    scores = clean(data)
    finding = only(scores, "unequal budgets")
    assert check(scores, SETTINGS)[0] == finding
    assert finding.items == (f"dreamer 20,000, no_value 40,000 steps on {HOPPER}, {WALKER}",)
    for until in ("common", 20_000.0):
        assert not any(each.warning for each in check(cut(scores, until, "eval/return"), SETTINGS))
    data[0] |= {"xs": data[0]["xs"][:10], "ys": data[0]["ys"][:10]}
    also = ("unequal budgets", "scores of one evaluation")
    ragged = only(clean(data), "unequal lengths", also=also)
    assert ragged.items == (f"{WALKER}: from 10,000 to 40,000 steps; 1 of 4 runs end early: dreamer/0 at 10,000",)


def test_characters_that_figures_show_as_boxes_are_named_once() -> None:
    data = [curve | {"method": {"dreamer": "λ=½", "no_value": "漢字 x"}[curve["method"]]} for curve in curves()]
    assert only(clean(data), "unknown characters").items == ("漢字 x: 漢字",)


def test_nan_and_repeated_steps() -> None:
    data = curves()
    data[0]["ys"][4] = float("nan")
    data[0]["ys"][5] = float("inf")
    data[1]["xs"][7] = data[1]["xs"][6]
    finding = only(clean(data), "NaN", also=("repeated steps",))
    assert (finding.count, finding.items) == (2, (f"{WALKER}/dreamer/0: 2",))
    finding = only(clean(data), "repeated steps", also=("NaN",))
    assert (finding.count, finding.items) == (1, (f"{WALKER}/dreamer/1: 1",))


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(1, 4), st.sampled_from([1.0, 2.0, float("nan"), float("inf"), -float("inf")])
        ),
        max_size=30,
    )
)
def test_every_evaluation_is_used_or_counted(rows: list[tuple[int, int, float]]) -> None:
    data = [
        {
            "task": WALKER,
            "method": "dreamer",
            "seed": seed,
            "xs": [step for owner, step, _ in rows if owner == seed],
            "ys": [value for owner, _, value in rows if owner == seed],
        }
        for seed in range(3)
    ]
    scores = clean(data)
    findings = check(scores, SETTINGS)
    bad = sum(not np.isfinite(value) for *_, value in rows)
    assert named(findings, "NaN").count == bad
    replaced = named(findings, "repeated steps").count + named(findings, "steps that go back").count
    assert replaced == len(rows) - bad - len(usable(scores, "eval/return"))
    assert named(findings, "runs without an evaluation").count == 3 - len({s for s, _, v in rows if np.isfinite(v)})


GRID = pd.MultiIndex.from_product([[WALKER, HOPPER, "dmc_cup_catch"], ["a", "b", "c"], range(3)], names=RUN)


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.sets(st.sampled_from(list(GRID)), max_size=len(GRID) - 1))
def test_any_runs_taken_away_are_counted(taken: set[tuple[str, str, int]]) -> None:
    data = [
        curve
        for curve in entries(GRID.levels[0], GRID.levels[1], seeds=3, points=2)
        if (curve["task"], curve["method"], curve["seed"]) not in taken
    ]
    findings = check(clean(data), SETTINGS)
    left = pd.DataFrame(list(set(GRID) - taken), columns=RUN)
    crossed = pd.crosstab([left["task"], left["variant"]], left["seed"])
    assert named(findings, "missing seeds").count == (crossed == 0).sum().sum()
    assert named(findings, "single seeds").count == (crossed.sum(axis=1) == 1).sum()
    assert named(findings, "missing tasks").count == (pd.crosstab(left["task"], left["variant"]) == 0).sum().sum()


def test_model_errors_that_are_nan_or_missing() -> None:
    data = with_model_errors(curves())
    data[0]["errors"][4]["model_error/kl/5"] = float("nan")
    del data[1]["errors"][7]["model_error/image/45"], data[1]["errors"][7]["model_error/kl/1"]
    del data[1]["errors"][9]["model_error/kl/1"]
    data[2]["errors"] = [{}] * 20  # no model errors, although the other seed has them
    del data[4]["errors"], data[5]["errors"]  # a variant without a world model
    finding = only(clean(data), "NaN model errors", also=("missing model errors",))
    assert (finding.count, finding.items) == (1, (f"{WALKER}/dreamer/0: 1",))
    finding = only(clean(data), "missing model errors", also=("NaN model errors",))
    assert finding.count == 22
    assert finding.items == (f"{WALKER}/dreamer/1: 2 of 20", f"{WALKER}/no_value/0: 20 of 20")


def test_absent_pairs_of_task_and_variant() -> None:
    finding = only(clean(curves()[:-2]), "missing tasks")
    assert finding.items == (f"{HOPPER}: no no_value",)
    assert "1 of 2" in finding.rule


def test_tasks_and_returns_that_the_normalisation_does_not_fit() -> None:
    data = curves()
    data[0] |= {"ys": (-np.arange(20.0)).tolist()}
    for curve in data[4:]:
        curve["task"] = "atari_pong"
    scores = clean(data)
    also = ("unknown scales", "returns beyond their scale")
    unknown = only(scores, "unknown scales", also=also)
    assert unknown.items == ("atari_pong",)
    assert "best return" in unknown.title
    assert "left out of the aggregates" in unknown.rule
    beyond = only(scores, "returns beyond their scale", also=also)
    assert (beyond.count, beyond.items) == (19, (f"{WALKER}/dreamer/0: 19",))
    random = only(scores, "unknown scales", SETTINGS.model_copy(update={"normalization": "random"}), also)
    assert random.items == ("atari_pong",)
    assert random.title == "1 task with unknown best return or return of random actions"
    human = only(scores, "unknown scales", SETTINGS.model_copy(update={"normalization": "atari"}))
    assert human.items == (WALKER,)
    assert not any(f.count for f in check(scores, SETTINGS.model_copy(update={"normalization": "none"})))


@pytest.mark.parametrize(
    ("columns", "name", "count", "items"),
    [
        ({"torn": [0] * 6 + [3, 2]}, "torn lines", 5, (f"{HOPPER}/no_value/0: 3", f"{HOPPER}/no_value/1: 2")),
        ({"damage": ["it lost"] + [""] * 7}, "damaged runs", 1, (f"{WALKER}/dreamer/0: it lost",)),
        ({"unreadable": [""] * 7 + ["state.json"]}, "unreadable records", 1, (f"{HOPPER}/no_value/1: state.json",)),
        ({"attempts": [1.0, 3.0] + [np.nan] * 6}, "resumed runs", 1, (f"{WALKER}/dreamer/1: 3 attempts",)),
        (
            {"renderer": ["egl"] * 3 + ["raycast"] * 5},
            "mixed renderers",
            1,
            (f"egl: 3 runs (2 of dreamer, 1 of no_value) on {WALKER}", f"raycast: 1 run (1 of no_value) on {WALKER}"),
        ),
        ({"renderer": ["egl"] * 4 + ["raycast"] * 4}, "", 0, ()),  # one renderer per task
        ({"renderer": ["egl", ""] * 4}, "", 0, ()),  # unknown is not a different renderer
        (
            {"action_repeat": [2.0, 2.0, 4.0, 4.0] * 2},
            "mixed action repeats",
            2,
            ("action repeat 2: 4 runs (4 of dreamer)", "action repeat 4: 4 runs (4 of no_value)"),
        ),
        (
            {"commit": ["a" * 40, "b" * 40] * 4},
            "mixed commits",
            2,
            (
                "commit aaaaaaaa: 4 runs (2 of dreamer, 2 of no_value)",
                "commit bbbbbbbb: 4 runs (2 of dreamer, 2 of no_value)",
            ),
        ),
        (
            {"dirty": ["dirty"] * 3 + ["clean"] * 4 + [""]},
            "uncommitted changes",
            3,
            ("commit c0ffeec0: 3 runs (2 of dreamer, 1 of no_value)",),
        ),
        (
            {"device": ["a GPU"] * 7 + ["a CPU"]},
            "mixed devices",
            1,
            (f"a CPU: 1 run (1 of no_value) on {HOPPER}", f"a GPU: 3 runs (2 of dreamer, 1 of no_value) on {HOPPER}"),
        ),
        ({"commit": ["a"] * 6 + [""] * 2}, "unknown origins", 2, ("test: 2 runs (2 of no_value)",)),
        ({"suite": ["one"] * 4 + ["two"] * 4}, "pooled variants", 2, ("dreamer: one, two", "no_value: one, two")),
    ],
)
def test_findings_from_the_records_of_runs(columns: Any, name: str, count: int, items: tuple[str, ...]) -> None:
    findings = check(clean(**columns), SETTINGS)
    assert {f.check: (f.count, f.items) for f in findings if f.count} == ({name: (count, items)} if name else {})


def test_a_swept_action_repeat_is_no_finding() -> None:
    scores = clean(action_repeat=[2.0, 2.0, 4.0, 4.0] * 2)
    assert not any(finding.count for finding in check(scores, SETTINGS, ["behavior.horizon", "action_repeat"]))
    assert any(finding.count for finding in check(scores, SETTINGS, ["behavior.horizon"]))


def test_unplanned_and_renamed() -> None:
    assert only(replace(clean(), unplanned=(Path("x/9"),)), "unplanned runs").items == ("x/9",)
    one, two = clean(suite="one"), clean(suite="two")
    parts = [
        replace(part, table=part.table.assign(suite=pd.Categorical(list(part.runs["suite"][:1]) * len(part.table))))
        for part in (one, two)
    ]
    scores = join(parts)
    finding = only(scores, "renamed variants")
    assert finding.count == len(scores.renamed) == 2
    assert finding.items == ("dreamer: one/dreamer, two/dreamer", "no_value: one/no_value, two/no_value")


def texts(change: Callable[[int, dict[str, Any]], None]) -> list[str]:
    """Settings of the eight runs, each changed."""
    found = []
    for run in range(8):
        settings: dict[str, Any] = {"action_repeat": 2, "model.rate": 0.001, "eval.episodes": 5, "seed": run % 2}
        change(run, settings)
        found.append(json.dumps(settings))
    return found


def test_settings_that_differ_between_seeds() -> None:
    def rates(run: int, settings: dict[str, Any]) -> None:
        settings["discovery.seed"] = run
        if run in (1, 5):
            settings["model.rate"] = 0.002
        if run == 3:
            settings["eval.episodes"] = 5.0  # the same number
            del settings["action_repeat"]  # a setting that older code does not have

    finding = only(clean(settings=texts(rates)), "mixed settings")
    assert finding.count == 2
    assert finding.items == (f"model.rate: 0.001 (seed 0), 0.002 (seed 1) of {WALKER}, dreamer; {HOPPER}, dreamer",)


def test_settings_that_differ_between_tasks() -> None:
    def episodes(run: int, settings: dict[str, Any]) -> None:
        settings["eval.episodes"] = 5 if run < 4 else 1

    finding = only(clean(settings=texts(episodes)), "settings by task")
    assert (finding.count, finding.severity) == (1, "note")
    assert finding.items == (f"eval.episodes: 1 on {HOPPER}; 5 on {WALKER} (all variants)",)

    def tuned(run: int, settings: dict[str, Any]) -> None:
        settings["model.rate"] = 0.002 if run in (6, 7) else 0.001

    finding = only(clean(settings=texts(tuned)), "settings by task")
    assert (finding.count, finding.severity) == (1, "minor")
    assert finding.items == (f"model.rate: 0.002 on {HOPPER}; 0.001 on {WALKER} (no_value)",)


def test_differences_between_variants_are_no_finding() -> None:
    def rates(run: int, settings: dict[str, Any]) -> None:
        settings["model.rate"] = [0.001, 0.001, 0.002, 0.002][run % 4]

    assert not any(finding.count for finding in check(clean(settings=texts(rates)), SETTINGS))


def test_unequal_numbers_of_episodes() -> None:
    scores = clean()
    runs = scores.table["variant"] == "no_value"
    walker = scores.table["task"] == WALKER
    scores = replace(scores, table=scores.table.assign(episodes=np.where(runs & walker, 1.0, 5.0)))
    finding = only(scores, "mixed numbers of episodes")
    assert (finding.count, finding.items) == (
        1,
        (
            f"1 per evaluation: 2 runs (2 of no_value) on {WALKER}",
            f"5 per evaluation: 2 runs (2 of dreamer) on {WALKER}",
        ),
    )


def test_scores_of_one_evaluation() -> None:
    last = SETTINGS.model_copy(update={"final": "last"})
    finding = only(clean(), "scores of one evaluation", last)
    assert (finding.count, finding.severity) == (8, "note")
    assert "final: last" in finding.rule
    short = entries([WALKER], ["dreamer"], seeds=2, points=5)
    assert only(clean(short), "scores of one evaluation").items == (f"{WALKER}: 2 runs",)


def test_hours() -> None:
    hours = SETTINGS.model_copy(update={"x": "hours"})
    assert only(clean(), "unknown hours", hours).count == 8  # no run has hours; only curves against hours need them
    runs = []
    for seed in range(2):
        steps = [1000.0, 2000.0, 3000.0]
        timed = steps[: 3 - seed]
        rows = [(step, "eval/return", 1.0, 5.0) for step in steps]
        values = by_metric(rows + [(step, "time/hours", 0.1, np.nan) for step in timed])
        runs.append(Run({**KNOWN, "suite": "s", "task": WALKER, "variant": "dreamer", "seed": seed}, values))
    for settings, severity in ((SETTINGS, "note"), (hours, "minor")):
        finding = only(from_runs(runs, "s"), "unknown hours", settings, also=("scores of one evaluation",))
        assert (finding.severity, finding.items) == (severity, (f"{WALKER}/dreamer/1: 1 of 3 evaluations",))


def test_the_most_severe_is_first_and_all_items_are_written() -> None:
    findings = check(clean(state=["running"] * 8, torn=1, attempts=2.0), SETTINGS)
    ranks = [(finding.count == 0, SEVERITIES.index(finding.severity)) for finding in findings]
    assert ranks == sorted(ranks)
    assert [finding.warning for finding in findings[:4]] == [True, True, False, False]

    shown = table(findings)
    assert len(shown.rows) == len(findings)
    assert shown.rows[0][:2] == ["unfinished runs", "8 runs unfinished"]
    assert shown.rows[0][3].endswith("; and 6 more")
    assert {row[1] for row in shown.rows[3:]} == {"0"}
    assert "3 of " in shown.note

    text = to_markdown(findings, "The scoring.")
    assert text.count("evaluated up to step") == 8
    assert "## 8 runs unfinished\n\nRule: kept: the final score" in text
    assert f"- {findings[-1].check}\n" in text
