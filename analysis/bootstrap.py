"""rliable's stratified bootstrap (Agarwal et al. 2021), reseeded at each call.

Called once for each variant, it gives equal numbers for equal scores, whatever other variants there are.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rliable import library

from analysis.settings import AnalysisSettings

Array = NDArray[np.float64]

BAND_REPETITIONS = 2000  # for bands, which consist of many intervals; rliable's default for profiles


def interval(
    scores: Sequence[NDArray[Any]], function: Callable[..., Array], settings: AnalysisSettings
) -> tuple[Array, Array]:
    """A statistic and its percentile bootstrap interval; runs are resampled within each task.

    Args:
        scores: Runs x tasks; several such arrays are resampled independently.
        function: Maps arrays of these shapes to K values.
        settings: `repetitions`, `confidence` and `seed`.

    Returns:
        The values (K) and their lower and upper bounds (2 x K). The bounds are NaN if any array has a single run,
        which has no spread to resample.
    """
    if min(map(len, scores)) == 1:
        values_K = function(*scores)
        return values_K, np.full((2, len(values_K)), np.nan)
    with global_seed(settings.seed):
        values, bounds = library.get_interval_estimates(
            {"": scores[0] if len(scores) == 1 else list(scores)},
            function,
            reps=settings.repetitions,
            confidence_interval_size=settings.confidence,
        )
    return values[""], bounds[""]


def for_bands(settings: AnalysisSettings) -> AnalysisSettings:
    """The settings with at most `BAND_REPETITIONS` repetitions."""
    return settings.model_copy(update={"repetitions": min(settings.repetitions, BAND_REPETITIONS)})


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seeds numpy's global generator within the context: rliable 1.2.0 draws from it and ignores `random_state`."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
