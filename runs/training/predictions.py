"""Open-loop predictions of state vectors: their errors by dimension, and a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.agent import CONTEXT, HORIZONS, Prediction

DIMENSIONS, SEQUENCES = 12, 3  # at most, in a picture
DIGITS = 4  # significant ones of each dimension's error, so that metrics.jsonl stays small


def by_dimension(predictions: Mapping[str, Prediction]) -> dict[str, list[float]]:
    """`model_errors/<name>/<horizon>` -> mean squared error of each dimension."""
    return {
        f"model_errors/{name}/{horizon}": [float(f"{error:.{DIGITS}g}") for error in errors]
        for name, prediction in predictions.items()
        for horizon, errors in _errors(prediction).items()
    }


def unexplained(predictions: Mapping[str, Prediction]) -> dict[str, float]:
    """`model_error/<name>_unexplained/<horizon>` -> fraction of variance unexplained.

    This is the squared error divided by the variance of the truth, both summed over the dimensions, so it hardly
    depends on the scale that a run gives its observations. 0 is perfect; a constant prediction, the mean of each
    dimension, achieves about 1, because the error is that of one step of each sequence and the variance that of all
    steps. A vector that never changes has none.
    """
    return {
        f"model_error/{name}_unexplained/{horizon}": float(errors.sum() / variance)
        for name, prediction in predictions.items()
        if (variance := _variance(prediction).sum()) > 0
        for horizon, errors in _errors(prediction).items()
    }


def draw(prediction: Prediction, names: Sequence[str]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of the first sequences, side by side, with a panel for each dimension.

    Of many dimensions it shows those whose truth varies most. The context is grey.

    Args:
        prediction: The truth and the prediction (B, L, S).
        names: The names of the dimensions.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    truth, predicted = (part[:SEQUENCES] for part in prediction)
    count, length, size = truth.shape
    shown = most_varied(prediction)
    height = 0.65 * len(shown) + 1.1  # inches
    figure = Figure(figsize=(9, height))
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    figure.subplots_adjust(left=0.2, right=0.98, bottom=0.5 / height, top=1 - 0.6 / height, hspace=0.25)
    for axis, dimension in zip(axes, shown, strict=True):
        for sequence in range(count):
            first = sequence * length
            steps = np.arange(first, first + length)
            axis.axvspan(first - 0.5, first + CONTEXT - 0.5, color="0.85", linewidth=0)
            axis.plot(steps, truth[sequence, :, dimension], color="black", linewidth=1.2)
            axis.plot(steps, predicted[sequence, :, dimension], color="tab:red", linewidth=1.2)
        axis.set_ylabel(names[dimension], rotation=0, ha="right", va="center")
        axis.tick_params(labelsize="small")
        axis.margins(x=0)
    which = f"all {size} dimensions" if size == len(shown) else f"the {len(shown)} of {size} dimensions that vary most"
    axes[0].set_title(f"{which}; black: truth, red: prediction, grey: context", fontsize="medium")
    axes[-1].set_xlabel(f"agent steps; sequences of {length}, side by side")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def most_varied(prediction: Prediction) -> list[int]:
    """The dimensions that a picture shows, in the order of the vector."""
    ranked = np.argsort(-_variance(prediction), kind="stable")
    return sorted(ranked[:DIMENSIONS].tolist())


def _errors(prediction: Prediction) -> dict[int, NDArray[np.float64]]:
    """Horizon -> mean squared error (S), over the sequences."""
    squared = np.square(np.asarray(prediction.predicted, float) - prediction.truth)
    length = squared.shape[1]
    return {horizon: squared[:, CONTEXT + horizon - 1].mean(0) for horizon in HORIZONS if CONTEXT + horizon <= length}


def _variance(prediction: Prediction) -> NDArray[np.float64]:
    """The variance of each dimension's truth (S), over all sequences and steps."""
    return np.var(np.asarray(prediction.truth, float), (0, 1))
