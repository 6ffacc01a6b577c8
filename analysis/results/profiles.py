"""Performance profiles: the fraction of a variant's runs that score above each threshold (Agarwal et al. 2021)."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis import bootstrap
from analysis.figures import panels
from analysis.figures.lines import lines
from analysis.figures.style import Look, handle, styled
from analysis.inputs import Inputs
from analysis.result import Plot, Result
from analysis.results import captions
from analysis.settings import AnalysisSettings
from analysis.statistics import strata

Array = NDArray[np.float64]

THRESHOLDS = 101
TAIL = 0.05  # fraction of runs that may be beyond either end of the thresholds, so that one game cannot stretch them
TITLE = "Performance profiles"


def result(inputs: Inputs) -> Result:
    """The profiles as numbers and figure."""
    found = profiles(inputs.normalized, inputs.settings)
    shows = (
        f"Lines: fraction of runs with a {inputs.settings.score} above τ; bands: {captions.interval(inputs)}. "
        "τ covers [0, 1], and more if over 5 % of a variant's runs are above or below. Dotted line: half of the runs."
    )
    shown = Plot(
        "profiles", TITLE, shows,
        captions.brief(inputs, TITLE, f"Lines: fraction of runs with score > τ; bands: {captions.interval(inputs)}"),
        partial(draw, found, inputs.looks, inputs.settings.score),
        captions.notes(inputs),
    )  # fmt: skip
    return Result("overview", {"profiles": found}, [shown])


def profiles(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The fraction of runs of all tasks that score above each threshold, with its interval.

    Tasks and runs are those of `statistics.strata`. There are 101 evenly spaced thresholds from 0 to 1. If more
    than 5 % of a variant's runs are above 1 or below 0, the thresholds extend to its 95 % or 5 % quantile.

    Args:
        finals: One row per run: task, variant, seed, score; normalised, finite.
        settings: `repetitions` (at most 2,000 are used), `confidence` and `seed` of the bootstrap.

    Returns:
        Rows variant, threshold, value, low, high. The bounds are NaN with a single run of every task.
    """
    scores_of = dict(strata(finals))
    thresholds_S = thresholds([np.concatenate(scores_T) for scores_T in scores_of.values()])
    settings = bootstrap.for_bands(settings)
    frames = []
    for variant, scores_T in scores_of.items():
        function = partial(shares_above, thresholds_S=thresholds_S)
        value_S, (low_S, high_S) = bootstrap.interval([scores_T], function, settings)
        columns = {"threshold": thresholds_S, "value": value_S, "low": low_S, "high": high_S}
        frames.append(pd.DataFrame({"variant": variant, **columns}))
    return pd.concat(frames, ignore_index=True)


def thresholds(samples: Sequence[Array]) -> Array:
    """Evenly spaced thresholds from 0 to 1, extended to the 5 % and 95 % quantiles of every variant's runs."""
    low = min(np.quantile(scores, TAIL) for scores in samples)
    high = max(np.quantile(scores, 1 - TAIL) for scores in samples)
    return np.linspace(min(0, low), max(1, high), THRESHOLDS)


def shares_above(scores_N: Array, thresholds_S: Array) -> Array:
    """The fraction of scores above each threshold, equal to rliable's, from one sort."""
    return (len(scores_N) - np.searchsorted(np.sort(scores_N), thresholds_S, side="right")) / len(scores_N)


@styled
def draw(profiles: pd.DataFrame, looks: Mapping[str, Look], score: str = "normalised score") -> Figure:
    """The fraction of runs whose score is above a threshold, with bands and a dotted line at one half.

    A profile crosses the line at its median, and the area below a profile is its mean (Agarwal et al. 2021).

    Args:
        profiles: Rows variant, threshold, value, low, high, ascending in threshold.
        looks: Variant -> look, in the order of the legend.
        score: What the scores are.
    """
    handles = [handle(name, look) for name, look in looks.items() if name in set(profiles["variant"])]
    figure, [axis] = panels.grid(1, None, len(handles))
    axis.axhline(0.5, color="0.3", linestyle=":", linewidth=0.9)
    lines(axis, profiles.rename(columns={"value": "mean"}), looks, "threshold")
    axis.set_ylim(-0.02, 1.02)
    return panels.finish(figure, handles, f"{score.capitalize()} τ", "Fraction of runs with score > τ")
