"""Lines with bands, dotted where they average fewer seeds than elsewhere."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from analysis.figures import panels
from analysis.figures.style import Look

HOURS = "hours of training"
Array = NDArray[np.float64]
OPACITY = 0.15  # of a band
MARKED = 10  # a line with at most this many points marks each


def lines(axis: Axes, curves: pd.DataFrame, looks: Mapping[str, Look], x: str) -> None:
    """Means with bands, dotted where they average fewer seeds than elsewhere, if `curves` has seeds.

    Args:
        axis: The axes of the panel.
        curves: Rows of one panel: variant, mean, low, high, the column `x`, optionally seeds.
        looks: Variant -> look.
        x: The column of the x axis.
    """
    curve_of = dict(list(curves.groupby("variant")))
    bands: list[tuple[Array, tuple[float, ...]]] = []
    for name, look in looks.items():
        if name not in curve_of:
            continue
        curve = curve_of[name]
        places, means = curve[x].to_numpy(float), curve["mean"].to_numpy(float)
        style: Any = {"color": look.color, "marker": "o" if len(curve) <= MARKED else None, "markersize": 2}
        if "seeds" in curve and not (whole := (curve["seeds"] == curve["seeds"].max()).to_numpy()).all():
            axis.plot(places, means, **style, linestyle=":", linewidth=0.9)
            means = np.where(whole, means, np.nan)
        axis.plot(places, means, **style, linestyle=look.dashes, label=name)
        parts = _band(places, curve["low"].to_numpy(float), curve["high"].to_numpy(float))
        bands += [(part, (*look.color, OPACITY)) for part in parts]
    if bands:  # one collection is faster than many
        polygons, colors = zip(*bands, strict=True)
        axis.add_collection(PolyCollection(polygons, facecolors=colors, linewidth=0, label="bands"))
        axis.autoscale_view()
    axis.margins(x=0.02)
    if x in ("step", "hours"):
        axis.set_xlim(left=-0.02 * axis.dataLim.x1)
    panels.ticks(axis, "x")
    panels.ticks(axis, "y")
    if x == "step":
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))


def _band(places_S: Array, low_S: Array, high_S: Array) -> list[Array]:
    """The polygons (2S, 2) between the bounds, one per contiguous stretch of known bounds."""
    known = np.flatnonzero(np.isfinite(low_S) & np.isfinite(high_S))
    stretches = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(known) else []
    return [
        np.column_stack([np.r_[places_S[at], places_S[at][::-1]], np.r_[low_S[at], high_S[at][::-1]]])
        for at in stretches
    ]
