"""How well world models predict, against how far ahead and against training."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import panels
from analysis.figures.curves import X_TITLES, lines
from analysis.figures.panels import WIDE
from analysis.figures.style import LARGE, TWO, Look, handle, styled, task_title, wrapped
from analysis.figures.sweeps import label_ticks, side_by_side

MEASURE_TITLES = {"image": "Image error (MSE)", "reward": "Reward error (MAE)", "kl": "KL from prior (nats)"}
MANY = 6  # tasks from which on two stand beside each other


@styled
def model_errors(errors: pd.DataFrame, looks: Mapping[str, Look], x: Literal["horizon", "step"]) -> Figure:
    """Model error against the prediction horizon or environment steps, a row a task and a column a measure.

    A panel whose values are positive and differ by a factor of ten or more has a logarithmic axis. Many tasks stand in
    two columns of rows.

    Args:
        errors: Rows task, variant, measure, mean, low, high, seeds, and the column `x`: the `finals` or the `curves` of
            `model_errors.summarize`.
        looks: Variant -> look, in the order of the legend.
        x: The column to draw against.
    """
    tasks = sorted(set(errors["task"]))
    measures = [measure for measure in MEASURE_TITLES if measure in set(errors["measure"])]
    drawn = {name: look for name, look in looks.items() if name in set(errors["variant"])}
    blocks = 2 if len(tasks) > MANY else 1
    rows = -(-len(tasks) // blocks)
    columns = blocks * len(measures)
    panel = 1.5 if rows < 3 else 1.2 if blocks == 1 else 0.95  # inches of its height
    figure = Figure(figsize=(TWO, panel * rows + 0.35))
    axes = figure.subplots(rows, columns, squeeze=False)
    horizons = sorted(set(errors["horizon"]))
    panel_of = dict(list(errors.groupby(["task", "measure"])))
    for i in range(rows * blocks):
        row, block = i % rows, i // rows
        for j, measure in enumerate(measures):
            axis = axes[row, block * len(measures) + j]
            if i >= len(tasks):
                axis.remove()
                continue
            if row == 0:
                axis.set_title(wrapped(MEASURE_TITLES[measure], TWO / columns - 0.42, LARGE))
            if j == 0:
                axis.set_ylabel(wrapped(task_title(tasks[i]), panel - 0.2, LARGE))
            if (tasks[i], measure) not in panel_of:
                axis.set_axis_off()
                continue
            data = panel_of[tasks[i], measure]
            if x == "step":
                lines(axis, data, drawn, x)
                panels.seeds(axis, data.groupby("variant")["seeds"].max(), "right")
            else:
                side_by_side(axis, data, drawn, "horizon", horizons, logarithmic=True)
                panels.ticks(axis, "y")
            values = data[["mean", "low", "high"]].to_numpy(float)
            if 0 < WIDE * np.nanmin(values) <= np.nanmax(values):
                panels.logarithmic(axis)
            panels.headroom(axis)
    panels.share_x(figure.axes)
    label = X_TITLES["step"] if x == "step" else "Agent steps ahead"
    panels.finish(figure, [handle(name, look) for name, look in drawn.items()], label)
    if x == "horizon":
        label_ticks(figure.axes, horizons)
    return figure
