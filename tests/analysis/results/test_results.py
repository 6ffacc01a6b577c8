"""The list of results: properties of all of them, and that a new one is a function and a line."""

import pickle
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis import output, report, results
from analysis.figures.style import CAPTION_SIZE, ONE, wrapped
from analysis.inputs import Inputs, shared
from analysis.page import Picture
from analysis.relations import Point, Relations
from analysis.result import HEADINGS, Plot, Result
from analysis.results import RESULTS, captions
from analysis.settings import AnalysisSettings
from analysis.tables import Table
from tests.analysis.conftest import as_scores, entries, with_model_errors
from tests.analysis.plots import PUBLISHED

TASKS = ["dmc_walker_walk", "toy_reach_2"]
RELATIONS = Relations(
    families={"a+x=1": "a", "a+x=2": "a", "a": "a"},
    sweeps={"x": {"a+x=1": Point("a", 1), "a+x=2": Point("a", 2)}},
    comparisons={"all": ["a+x=1", "a+x=2"]},
)
COMMAND = "analyze.py scores.json"


@pytest.fixture
def inputs() -> Inputs:
    """Inputs with data for every result except discoveries and costs."""
    curves = with_model_errors(entries(TASKS, ["a+x=1", "a+x=2"], seeds=2, points=5))
    settings = AnalysisSettings(repetitions=50)
    return Inputs(as_scores(curves), settings, RELATIONS, PUBLISHED, command=COMMAND)


def test_files_of_results_have_names_of_their_own(inputs: Inputs) -> None:
    made = results.make(inputs)
    assert len(made) == len(RESULTS) - 2
    names = [plot.name for each in made for plot in each.plots]
    files = [name for each in made for name in (*each.numbers, *each.documents)]
    assert len({*names}) == len(names) > 10
    assert len({*files}) == len(files) > 8
    assert {each.section for each in made} == HEADINGS.keys() - {"discovery", "compute"}


def test_captions_name_data_seeds_steps_intervals_and_the_brief_ones_are_three_lines_at_most(inputs: Inputs) -> None:
    for plot in (plot for each in results.make(inputs) for plot in each.plots):
        for part in ("Data: a test; 2 tasks, 5,000 environment steps.", "bootstrap", COMMAND):
            assert part in plot.caption, plot.name
        for part in (plot.title.split(":")[0], "a test", "2 tasks", "2 seeds", "5,000 environment steps", "95 %"):
            assert part in plot.brief, plot.name
        assert wrapped(plot.brief, ONE - 0.12, CAPTION_SIZE).count("\n") < 4
        assert wrapped(plot.brief, plot.draw().get_figwidth() - 0.12, CAPTION_SIZE).count("\n") < 3, plot.name


def test_a_report_says_data_scoring_and_command_once(inputs: Inputs) -> None:
    made = results.make(inputs)
    plots = [plot for each in made for plot in each.plots]
    told = report.page(inputs, made, {plot.name: b"" for plot in plots})
    assert (told.method, told.command) == (f"{captions.data(inputs)} {inputs.scoring}", COMMAND)
    parts = [part for section in told.sections for part in section.parts]
    shown = {part.name: part.caption for part in parts if isinstance(part, Picture)}
    assert {name for name, text in shown.items() if "Final error:" in text} == {"model_error"}, "a scoring of its own"
    assert all(shown[plot.name] == plot.shows for plot in plots if plot.name != "model_error")
    noted = [" ".join(part.notes) for part in parts if isinstance(part, Table)]
    for text in [*shown.values(), *noted]:
        assert not any(word in text for word in ("Final score:", "Data:", "Command:"))


def test_a_brief_caption_shortens_its_sources(inputs: Inputs) -> None:
    scores = replace(as_scores(entries(TASKS, ["a"], seeds=1)), source="a source, " * 40)
    brief = captions.brief(Inputs(scores, inputs.settings), "A title", "Lines: means")
    assert "..." in brief
    assert "1 seed, 20,000 environment steps" in brief
    assert len(brief) < 180


def test_published_scores_are_told_with_their_scale(inputs: Inputs) -> None:
    made = results.make(inputs)
    steps = inputs.evaluations["step"].max()
    names = "published scores, after the environment steps and from the observations in their names"
    scale = f"{names}; these runs: {steps:,.0f} environment steps."
    shown = {plot.name: plot.shows for each in made for plot in each.plots}
    assert {name for name in ("curves", "final") if scale in shown[name]} == {"curves", "final"}
    [table] = [table for each in made for table in each.tables if "published" in table.heading]
    assert scale.capitalize() in " ".join(table.notes)
    unknown = replace(inputs, published=[PUBLISHED[1]])
    assert captions.published(unknown) == "published scores."


def test_figures_name_the_unit_of_steps_and_of_scores(inputs: Inputs) -> None:
    scores = replace(as_scores(entries(TASKS, ["a", "b"], seeds=2, points=5)), unit="frames")
    made = results.make(Inputs(scores, AnalysisSettings(repetitions=50, normalization="none")))
    plots = {plot.name: plot for each in made for plot in each.plots}
    assert [plots[name].draw().get_supxlabel() for name in ("curves", "efficiency")] == ["Frames", "Frames"]
    for name in ("aggregates", "profiles", "efficiency"):
        assert "ormalised score" not in plots[name].shows
        shown = [text.get_text() for text in plots[name].draw().findobj(Text)]
        assert not any("ormalised" in text for text in shown)
        assert any("core" in text for text in shown)
    assert "Aggregate scores (not normalised)" in [table.heading for each in made for table in each.tables]
    assert "5,000 frames" in plots["curves"].brief


def test_a_single_seed_has_no_interval_in_captions(inputs: Inputs) -> None:
    single = Inputs(as_scores(entries(TASKS, ["a", "b"], seeds=1)), inputs.settings, command=COMMAND)
    plots = [plot for each in results.make(single) for plot in each.plots]
    briefs = [plot.brief for plot in plots]
    assert not [plot.name for plot in plots if "stratified bootstrap interval" in plot.shows]
    assert len(briefs) > 4
    assert not [brief for brief in briefs if "95 %" in brief or "none, since one seed has no interval" not in brief]


def test_figures_can_be_drawn_in_another_process(inputs: Inputs) -> None:
    for plot in [plot for each in results.make(inputs) for plot in each.plots][::4]:
        assert pickle.loads(pickle.dumps(plot)).render() == plot.render()


def test_a_shared_statistic_is_computed_once_for_each_inputs(inputs: Inputs) -> None:
    calls: list[Inputs] = []

    @shared
    def count(of: Inputs) -> int:
        calls.append(of)
        return len(calls)

    assert [count(inputs), count(inputs)] == [1, 1]
    other = Inputs(inputs.scores, inputs.settings)
    assert [count(other), count(inputs)] == [2, 1]
    assert calls == [inputs, other]


def blank() -> Figure:
    return Figure(figsize=(ONE, 1))


def test_one_more_result_is_a_function_and_a_line(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new result is in every output."""

    def extra(of: Inputs) -> Result:
        numbers = pd.DataFrame({"runs": [len(of.scores.runs)]})
        table = Table("Extra table", ["A note of mine."], ["what", "runs"], [["all", "8"]])
        plot = Plot("extra", "Extra figure", "An extra caption.", "Brief.", blank)
        return Result("compute", {"extra": numbers}, [plot], [table], documents={"extra.md": "more"}, intro="An intro.")

    monkeypatch.setattr(results, "RESULTS", (*RESULTS, extra))
    paths = output.write(inputs, results.make(inputs), tmp_path)
    assert {"extra.csv", "extra.md", "extra.png", "extra.pdf"} <= {path.name for path in paths}
    assert (tmp_path / "extra.csv").read_text() == "runs\n8\n"
    assert "## extra: Extra figure\n\nAn extra caption.\n" in (tmp_path / "captions.md").read_text()
    for name in ("tables.md", "tables.tex"):
        text = (tmp_path / name).read_text()
        assert "Extra table" in text
        assert "A note of mine." in text
    page = (tmp_path / "report.html").read_text()
    for part in ("Computational cost", "An intro.", "Extra figure", "An extra caption.", "Extra table"):
        assert part in page
