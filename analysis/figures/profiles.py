"""Performance profiles: how scores are distributed over runs and tasks."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import panels
from analysis.figures.curves import lines
from analysis.figures.style import Look, handle, styled


@styled
def performance_profiles(profiles: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """The fraction of runs whose score is above a threshold, with bands and a dotted line at one half.

    Where a profile crosses the line it tells its median, and the area below it is its mean (Agarwal et al. 2021).

    Args:
        profiles: Rows variant, threshold, value, low, high, ascending in threshold.
        looks: Variant -> look, in the order of the legend.
    """
    handles = [handle(name, look) for name, look in looks.items() if name in set(profiles["variant"])]
    figure, [axis] = panels.grid(1, None, len(handles))
    axis.axhline(0.5, color="0.3", linestyle=":", linewidth=0.9)
    lines(axis, profiles.rename(columns={"value": "mean"}), looks, "threshold")
    axis.set_ylim(-0.02, 1.02)
    return panels.finish(figure, handles, "Normalised score τ", "Fraction of runs with score > τ")
