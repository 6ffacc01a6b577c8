"""Learning curves and aggregate scores of the comparisons of a suite."""

from analysis.inputs import Inputs
from analysis.result import Plot, Result
from analysis.results import aggregates, curves
from common.text import counted


def result(inputs: Inputs) -> Result | None:
    """Two figures per comparison; None without comparisons."""
    plots: list[Plot] = []
    for name, variants in inputs.relations.comparisons.items():
        looks = {variant: look for variant, look in inputs.looks.items() if variant in set(variants)}
        lines, marks = (
            frame[frame["variant"].isin(variants)] for frame in (curves.numbers(inputs), aggregates.numbers(inputs))
        )
        if not lines.empty:
            title = f"Learning curves: {name}"
            plots.append(curves.plot(inputs, f"curves_{name}", title, lines, looks, inputs.settings.x))
        if marks["variant"].nunique() > 1:
            over = f"the runs on {counted(marks['tasks'].max(), 'task')} (those that all variants have)"
            title = f"Aggregate scores: {name}"
            plots.append(aggregates.plot(inputs, f"aggregates_{name}", title, marks, looks, over))
    return Result("ablations", plots=plots) if plots else None
