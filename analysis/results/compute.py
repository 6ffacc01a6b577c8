"""Computational cost of runs: speed, hours and size of the agents, from their logs."""

import re

import numpy as np
import pandas as pd

from analysis.inputs import Inputs
from analysis.result import Result
from analysis.scores import HOURS, RUN, Scores
from analysis.tables import ABSENT, Table, printed

LAST = {"flops/update": "flops", "train/updates": "updates"}  # metric -> the column that has its last value
# Sizes of networks; without parts of networks: names with another slash, and `transition`.
PARAMETERS = re.compile(r"parameters/(?!transition$)[^/]+")
COSTS = {  # column -> heading, and unit of its cells
    "steps_per_second": ("steps/s", ""),
    "hours_per_million": ("hours/1M steps", ""),
    "parameters": ("parameters", ""),
    "flops": ("per update", "FLOP"),
    "updates": ("updates", ""),
}
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
CLOCK = (
    "Means over seeds. Time: wall-clock time of a whole run, including evaluations and checkpoints. "
    "Steps: environment steps. FLOP: floating-point operations of one update."
)


def result(inputs: Inputs) -> Result | None:
    """The costs as numbers and table; None if no run logged any."""
    found = compute(inputs.scores)
    if found.empty:
        return None
    devices = sorted(set(inputs.scores.runs["device"]) - {""})
    note = f"Devices: {', '.join(devices) or 'unknown'}."
    return Result("compute", {"compute": found}, tables=[table(found, note)])


def compute(scores: Scores) -> pd.DataFrame:
    """Means over seeds of the costs of each variant on each task.

    A run's speed is the last step with known hours, divided by these hours. This is the wall-clock time of the whole
    run, including evaluations and checkpoints, so it is below the speed of training alone.

    Args:
        scores: With the metrics `time/hours` (since the run began), `train/updates`, `parameters/<network>` and
            `flops/update`, if the runs logged them.

    Returns:
        Rows task, variant, seeds (with any known cost), steps_per_second (environment steps), hours_per_million
        (environment steps), parameters (of all networks), flops (floating-point operations of an update), updates
        (gradient steps); by task, and then in the order of `scores.runs`. A cost is NaN if no seed has it; there is no
        row without any cost.
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
    means = runs.groupby(["task", "variant"])[[*COSTS]].mean()
    means.insert(0, "seeds", runs.groupby(["task", "variant"]).size())
    order = list(dict.fromkeys(scores.runs["variant"]))
    means = means.sort_index(level="variant", key=lambda names: names.map(order.index))
    return means.sort_index(level="task", kind="stable", sort_remaining=False).reset_index()


def table(compute: pd.DataFrame, *notes: str) -> Table:
    """One row per task and variant: the costs of a run and the size of its agent.

    Args:
        compute: Rows task, variant, seeds, steps_per_second, hours_per_million, parameters, flops, updates, from
            `compute`.
        notes: Sentences under the table, such as the devices.
    """
    titles = printed(compute["task"])
    amounts = [[_amount(value, unit) for value in compute[name]] for name, (_, unit) in COSTS.items()]
    rows = list(zip(compute["task"].map(titles), compute["variant"], compute["seeds"].map(str), *amounts, strict=True))
    columns = ["task", "variant", "seeds", *(heading for heading, _ in COSTS.values())]
    return Table("Compute", [*notes, CLOCK], columns, rows, names=2)


def _last(table: pd.DataFrame) -> pd.DataFrame:
    """The last finite value of each metric and run, by step and then by order of reading."""
    table = table[np.isfinite(table["value"])].sort_values("step", kind="stable")
    last = table.drop_duplicates([*RUN, "metric"], keep="last")
    return last.astype(dict.fromkeys(("task", "variant", "metric"), object))


def _amount(value: float, unit: str) -> str:
    """Three digits of a count with a prefix, such as `1.20 M`, or `31.5 GFLOP` with a unit."""
    if pd.isna(value):
        return ABSENT
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return f"0 {unit}".rstrip()
    power = min(max(int(np.log10(rounded) // 3), 0), len(PREFIXES) - 1)
    number = f"{rounded / 1000**power:#.3g}".removesuffix(".")
    return f"{number} {PREFIXES[power]}{unit}".rstrip()
