"""Which figures a study has, in which order, and what the caption of each says."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from analysis import figures, model_errors, statistics
from analysis.figures import KINDS, Look, render
from analysis.study import Study


@dataclass(frozen=True)
class Exhibit:
    """A figure that can be drawn, in another process too.

    Attributes:
        name: Of its files.
        section: Where it belongs in the report.
        title: What it shows.
        caption: What is to be seen in it, and what it rests on.
        draw: Draws it.
    """

    name: str
    section: str
    title: str
    caption: str
    draw: Callable[[], Figure]

    def render(self) -> dict[str, bytes]:
        """Kind of file -> the file."""
        figure = self.draw()
        return {kind: render(figure, kind, self.caption) for kind in KINDS}


def exhibits(study: Study) -> Iterator[Exhibit]:
    """All figures of a study, section by section."""
    yield from _overview(study)
    yield from _tasks(study)
    yield from _ablations(study)
    yield from _predictions(study)
    yield from study.context.further


def _overview(study: Study) -> Iterator[Exhibit]:
    looks = study.looks
    yield _exhibit(
        study, "aggregates", "overview", "Aggregate scores",
        f"Marks: the statistic over the runs of {_counted(study.aggregates['tasks'].max())}; bars: its interval.",
        partial(figures.aggregate_intervals, study.aggregates, looks),
    )  # fmt: skip
    yield _exhibit(
        study, "profiles", "overview", "Performance profiles",
        "The share of runs that score above each value, up to where all but 5 % of each variant's runs reach; "
            "bands: its interval.",
        partial(figures.performance_profiles, study.profiles, looks),
    )  # fmt: skip
    if not study.improvement.empty:
        reference = study.improvement["reference"].iloc[0]
        yield _exhibit(
            study, "improvement", "overview", "Probability of improvement",
            f"The probability that a variant's run scores higher than one of {reference} on the same task, averaged "
            "over tasks, ties counting half (Mann-Whitney U); bars: its interval. At 0.5 neither is better.",
            partial(figures.improvement, study.improvement, looks),
        )  # fmt: skip
    if not study.efficiency.empty:
        yield _exhibit(
            study, "efficiency", "overview", "Sample efficiency",
            "Interquartile mean of the normalised returns over runs and common tasks, at up to 50 steps that all runs "
            "of a variant reach; bands: its interval.",
            partial(figures.efficiency, study.efficiency, looks),
        )  # fmt: skip


def _tasks(study: Study) -> Iterator[Exhibit]:
    settings, looks, published = study.settings, study.looks, study.context.published
    yield _exhibit(
        study, "final", "tasks", f"Final {settings.quantity} by task",
        "Bars: mean over seeds; whiskers: its interval; averages have none."
        + (" Grey: as printed in papers." if published else ""),
        partial(figures.final_bars, study.tasks, looks, published, settings.columns, settings.quantity),
    )  # fmt: skip
    yield _curves(study, "curves", "Learning curves", study.curves, looks, settings.x)
    if settings.x == "steps" and study.hours["hours"].nunique() > 1:
        yield _curves(study, "curves_hours", "Learning curves against time", study.hours, looks, "hours")


def _ablations(study: Study) -> Iterator[Exhibit]:
    published, settings = study.context.published, study.settings
    for key, points in study.sweeps.groupby("key", sort=False):
        shades = figures.shaded(points["variant"], study.context.design.families, study.colors)
        yield _exhibit(
            study, str(key), "ablations", f"Final {settings.quantity} against {key}",
            "Points: mean over seeds, hollow where fewer than others rest on; bars: its interval; drawn side by side.",
            partial(figures.sweep, points, shades, str(key), published, settings.columns, settings.quantity),
        )  # fmt: skip
    for name, variants in study.context.design.comparisons.items():
        curves = study.curves[study.curves["variant"].isin(variants)]
        aggregates = study.aggregates[study.aggregates["variant"].isin(variants)]
        looks = {name: look for name, look in study.looks.items() if name in set(variants)}
        if not curves.empty:
            title = f"Learning curves: {name}"
            yield _curves(study, f"curves_{name}", title, curves, looks, study.settings.x, "ablations")
        if aggregates["variant"].nunique() > 1:
            yield _exhibit(
                study, f"aggregates_{name}", "ablations", f"Aggregate scores: {name}",
                f"Marks: the statistic over the runs of {_counted(aggregates['tasks'].max())}, those that all variants "
                "have; bars: its interval.",
                partial(figures.aggregate_intervals, aggregates, looks),
            )  # fmt: skip


def _predictions(study: Study) -> Iterator[Exhibit]:
    errors = study.model_errors
    if errors is None:
        return
    rests = f"{' '.join(model_errors.notes(*errors.measures))} Data: {study.scores.source}. "
    horizon = int(errors.curves["horizon"].iloc[0])
    yield Exhibit(
        "model_error", "predictions", "Model error against the prediction's horizon",
        f"Points: mean over seeds, hollow where fewer than others rest on; bars: its interval. {rests}{errors.protocol}"
        + _command(study),
        partial(figures.model_errors, errors.finals, study.looks, "horizon"),
    )  # fmt: skip
    yield Exhibit(
        "model_error_curves", "predictions", f"Model error {horizon} agent steps ahead, against environment steps",
        f"Lines: mean over seeds; bands: its interval. {rests}{errors.intervals}" + _command(study),
        partial(figures.model_errors, errors.curves, study.looks, "step"),
    )  # fmt: skip


def _curves(
    study: Study, name: str, title: str, curves: pd.DataFrame, looks: Mapping[str, Look], x: str, section: str = "tasks"
) -> Exhibit:
    shows = "Lines: mean over seeds, dotted where fewer than n seeds reach."
    axis: Literal["step", "hours"] = "step" if x == "steps" else "hours"
    published, settings = study.context.published, study.settings
    return _exhibit(
        study, name, section, title, f"{shows} {statistics.describe_curves(settings)}",
        partial(figures.learning_curves, curves, looks, published, axis, settings.columns, settings.quantity),
    )  # fmt: skip


def _exhibit(study: Study, name: str, section: str, title: str, shows: str, draw: Callable[[], Figure]) -> Exhibit:
    steps, tasks = study.evaluations.groupby("task")["step"].max(), study.finals["task"].nunique()
    ends = " to ".join(f"{step:,.0f}" for step in sorted({steps.min(), steps.max()}))
    data = f"Data: {study.scores.source}; {_counted(tasks)}, {ends} environment steps."
    return Exhibit(name, section, title, f"{shows} {data} {study.protocol}{_command(study)}", draw)


def _counted(tasks: int) -> str:
    return f"{tasks} task{'s' if tasks > 1 else ''}"


def _command(study: Study) -> str:
    return f" Command: {study.context.command}" if study.context.command else ""
