"""What runs cost: speed, hours, and the size of their agents, from what they logged."""

import re

import numpy as np
import pandas as pd

from analysis.scores import HOURS, RUN, Scores

LAST = {"flops/update": "flops", "train/updates": "updates"}  # metric -> the column that has its last value
# Sizes of networks; those of their parts, with another slash, are in them, as is the one part that has none.
PARAMETERS = re.compile(r"parameters/(?!transition$)[^/]+")
COSTS = ["steps_per_second", "hours_per_million", "parameters", "flops", "updates"]


def compute(scores: Scores) -> pd.DataFrame:
    """Means over seeds of what each variant's runs on a task took.

    A run's speed is the last step at which its hours are known by those hours: wall-clock of the whole run, with its
    evaluations and its pauses for checkpoints, and so below the speed of training alone.

    Args:
        scores: With the metrics `time/hours` (since the run began), `train/updates`, `parameters/<network>` and
            `flops/update`, as far as the runs logged them.

    Returns:
        Rows task, variant, seeds (of which anything is known), steps_per_second (environment steps), hours_per_million
        (environment steps), parameters (of all networks), flops (floating-point operations of an update), updates
        (gradient steps); by task, and then in the order of `scores.runs`. NaN where no seed tells, and no row where
        nothing is known at all.
    """
    table = scores.table
    sizes = [name for name in table["metric"].unique() if PARAMETERS.fullmatch(name)]
    last = _last(table[table["metric"].isin([HOURS, *LAST, *sizes])])
    hours = last[(last["metric"] == HOURS) & (last["value"] > 0) & (last["step"] > 0)].set_index(RUN)
    runs = pd.DataFrame({
        "steps_per_second": hours["step"] / (3600 * hours["value"]),
        "hours_per_million": 1e6 * hours["value"] / hours["step"],
        "parameters": last[last["metric"].isin(sizes)].groupby(RUN)["value"].sum(),
        **{column: last[last["metric"] == name].set_index(RUN)["value"] for name, column in LAST.items()},
    })  # fmt: skip
    means = runs.groupby(["task", "variant"])[COSTS].mean()
    means.insert(0, "seeds", runs.groupby(["task", "variant"]).size())
    order = list(dict.fromkeys(scores.runs["variant"]))
    means = means.sort_index(level="variant", key=lambda names: names.map(order.index))
    return means.sort_index(level="task", kind="stable", sort_remaining=False).reset_index()


def _last(table: pd.DataFrame) -> pd.DataFrame:
    """The value of each metric at a run's last step, of several at one step the last; finite ones only."""
    table = table[np.isfinite(table["value"])].sort_values("step", kind="stable")
    last = table.drop_duplicates([*RUN, "metric"], keep="last")
    return last.astype(dict.fromkeys(("task", "variant", "metric"), object))
