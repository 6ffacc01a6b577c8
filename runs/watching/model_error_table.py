"""Tables of world models' errors on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from runs.watching.status_table import console

if TYPE_CHECKING:
    from runs.training.evaluate import ModelError


# Titles of measures that are not observations; errors of observations are squared.
TITLES = {"reward": "reward, mean absolute", "kl": "KL, nats", "state_unexplained": "state, variance unexplained"}


def show_errors(found: Sequence["ModelError"]) -> None:
    """Prints a row for each run and prediction horizon."""
    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("run", overflow="fold")
    # A run may lack a measure: a vector that never changes has no variance to explain.
    measures = list(dict.fromkeys(measure for error in found for measure in _measured(error)[0]))
    titles = (TITLES.get(measure, f"{measure}, mean squared") for measure in measures)
    for header in ("steps ahead", *titles, "sequences", "episodes"):
        drawn.add_column(header, justify="right")
    for error in found:
        _, horizons = _measured(error)
        for row, horizon in enumerate(horizons):
            values = (error.metrics.get(f"model_error/{measure}/{horizon}") for measure in measures)
            cells = ("-" if value is None else f"{value:.5g}" for value in values)
            run = f"{error.folder}, step {error.step:,}" if row == 0 else ""
            rest = (f"{error.metrics['model_error/sequences']:.0f}", error.fingerprint) if row == 0 else ()
            drawn.add_row(run, horizon, *cells, *rest)
    console().print(drawn)


def show_dimensions(found: Sequence["ModelError"]) -> None:
    """Prints the mean squared error of each dimension of a state vector: a table for each run."""
    for error in found:
        if not error.dimensions:
            console().print(f"{error.folder} observes no state vector: its error has no dimensions")
            continue
        drawn = Table(title=f"{error.folder}, step {error.step:,}", title_justify="left", box=None, pad_edge=False)
        drawn.add_column("mean squared error, by steps ahead", overflow="fold")
        for metric in error.dimensions:
            drawn.add_column(metric.rpartition("/")[2], justify="right")
        for name in next(iter(error.dimensions.values())):
            drawn.add_row(name, *(f"{errors[name]:.4g}" for errors in error.dimensions.values()))
        console().print(drawn)


def _measured(error: "ModelError") -> tuple[list[str], list[str]]:
    """The measures and the horizons of `model_error/<measure>/<horizon>`."""
    parts = [name.split("/")[1:] for name in error.metrics if name.count("/") == 2]
    return list(dict.fromkeys(measure for measure, _ in parts)), list(dict.fromkeys(horizon for _, horizon in parts))
