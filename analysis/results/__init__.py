"""The results of an analysis. Each is a module here and a line in the list."""

from collections.abc import Callable, Sequence

from analysis.inputs import Inputs
from analysis.result import Result
from analysis.results import (
    aggregates,
    appendix,
    comparisons,
    compute,
    curves,
    discoveries,
    efficiency,
    final,
    improvement,
    model_errors,
    profiles,
    provenance,
    quality,
    sweeps,
)

# In the order of tables and figures; a result is None if the inputs have no data for it.
RESULTS: Sequence[Callable[[Inputs], Result | None]] = (
    aggregates.result,
    profiles.result,
    improvement.result,
    efficiency.result,
    final.result,
    appendix.result,
    curves.result,
    sweeps.result,
    comparisons.result,
    compute.result,
    model_errors.result,
    discoveries.result,
    quality.result,
    provenance.result,
)


def make(inputs: Inputs) -> list[Result]:
    """All results for which the inputs have data.

    Raises:
        UserError: No run has an evaluation, or the settings do not fit the data.
    """
    return [found for result in RESULTS if (found := result(inputs))]
