"""Final returns against swept settings."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import panels
from analysis.figures.panels import WIDE
from analysis.figures.points import label_ticks, scattered, side_by_side
from analysis.figures.style import Look, handle, shaded, styled, titled
from analysis.inputs import Inputs
from analysis.published import Published
from analysis.relations import Relations
from analysis.result import Plot, Result
from analysis.results import captions, final

COLUMNS = ["key", "value", "task", "variant", "mean", "low", "high", "seeds"]


def result(inputs: Inputs) -> Result | None:
    """The means by swept setting as numbers, and one figure per setting; None without a sweep."""
    found = swept(final.numbers(inputs), inputs.relations)
    if found.empty:
        return None
    plots = [_plot(inputs, str(key), points) for key, points in found.groupby("key", sort=False)]
    return Result("ablations", {"sweeps": found}, plots)


def _plot(inputs: Inputs, key: str, points: pd.DataFrame) -> Plot:
    settings = inputs.settings
    sampled = key in inputs.relations.sampled
    title = f"Final {settings.quantity} against {key}"
    where = "Values were drawn at random" if sampled else "Variants are side by side at each value"
    shows = (
        f"Points: mean final {settings.quantity} over seeds, not normalised; hollow: fewer seeds than other points of "
        f"the panel; bars: {captions.interval(inputs)}. {where}."
    )
    grey = " Grey lines: published scores." if inputs.published else ""
    looks = shaded(points["variant"], inputs.relations.families, inputs.colors)
    return Plot(
        key, title, shows + grey,
        captions.brief(inputs, title, f"Points: mean over seeds; bars: {captions.interval(inputs)}"),
        partial(draw, points, looks, key, inputs.published, settings.columns, settings.quantity, sampled),
        captions.notes(inputs),
    )  # fmt: skip


def swept(tasks: pd.DataFrame, relations: Relations) -> pd.DataFrame:
    """The final returns of a suite's sweeps, sorted by swept setting, task, line and value.

    Args:
        tasks: Rows task, variant, mean, low, high, seeds, from `statistics.task_means`.
        relations: The sweeps.

    Returns:
        Rows key, value, task, variant (the line), mean, low, high, seeds; no row for a variant without a score.
    """
    rows = []
    for key, points in relations.sweeps.items():
        lines = list(dict.fromkeys(point.line for point in points.values()))
        found = [(points[row["variant"]], row) for row in tasks.to_dict("records") if row["variant"] in points]
        found.sort(key=lambda pair: (pair[1]["task"], lines.index(pair[0].line), pair[0].value))
        rows += [{**row, "key": key, "value": point.value, "variant": point.line} for point, row in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(value=pd.Series([row["value"] for row in rows], dtype=object))  # 3 is not written as 3.0


@styled
def draw(
    points: pd.DataFrame,
    looks: Mapping[str, Look],
    key: str,
    published: Sequence[Published] = (),
    columns: int | None = None,
    quantity: str = "return",
    sampled: bool = False,
) -> Figure:
    """Final return against a swept setting: one panel per task, with interval bars and the number of seeds.

    The axis of the setting is logarithmic if its values are positive and span a factor of ten or more.

    Args:
        points: Rows of one setting of `swept`: value, task, variant, mean, low, high, seeds.
        looks: Variant -> look, in the order of the legend.
        key: The setting's name.
        published: Methods whose scores are drawn as horizontal lines, on the tasks that have them.
        columns: Panels per row; default: `panels.columns_of`.
        quantity: The measured quantity, or its name in the logs.
        sampled: Whether the values were drawn at random: points then stand at their values, and no line joins them.
    """
    drawn = {name: look for name, look in looks.items() if name in set(points["variant"])}
    ticks = sorted(set(points["value"]))
    handles = [handle(name, look) for name, look in drawn.items()]

    logarithmic = 0 < WIDE * ticks[0] <= ticks[-1]

    def panel_of(axis: Axes, panel: pd.DataFrame) -> None:
        if sampled:
            scattered(axis, panel, drawn, "value", logarithmic=logarithmic)
        else:
            side_by_side(axis, panel, drawn, "value", ticks, logarithmic=logarithmic)
        panels.ticks(axis, "y")
        panels.headroom(axis)

    figure = panels.by_task(points, handles, published, columns, (key, titled(quantity)), panel_of)
    if not sampled:
        label_ticks(figure.axes, ticks)
    return figure
