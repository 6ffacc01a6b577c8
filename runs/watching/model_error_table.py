"""The table of world models' errors for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from runs.watching.status_table import console

if TYPE_CHECKING:
    from runs.training.evaluate import ModelError


def show_errors(found: Sequence["ModelError"]) -> None:
    """Prints a row for each run and horizon of a prediction."""
    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("run", overflow="fold")
    for header in ("steps ahead", "image, mean squared", "reward, mean absolute", "KL, nats", "sequences", "episodes"):
        drawn.add_column(header, justify="right")
    for error in found:
        horizons = [name.rpartition("/")[2] for name in error.metrics if name.startswith("model_error/image/")]
        for row, horizon in enumerate(horizons):
            cells = (
                f"{error.metrics[f'model_error/{measure}/{horizon}']:.5g}" for measure in ("image", "reward", "kl")
            )
            run = f"{error.folder}, step {error.step:,}" if row == 0 else ""
            rest = (f"{error.metrics['model_error/sequences']:.0f}", error.fingerprint) if row == 0 else ()
            drawn.add_row(run, horizon, *cells, *rest)
    console().print(drawn)
