"""One process's share of a run: it may start in the middle and end early."""

import logging
import traceback
from pathlib import Path

from common.errors import UserError
from runs.store import lock, provenance, state
from runs.store.checkpoint import Checkpoints
from runs.store.stop import Stop
from runs.training.assemble import assembled
from runs.training.loop import DivergedError, Loop
from runs.training.monitor import Monitor, Stopped
from suites.plan import RunSpec

logger = logging.getLogger(__name__)


def run(spec: RunSpec, folder: Path, stop: Stop | None = None) -> None:
    """Trains one run to its end in this process, from its newest checkpoint if it has one.

    Args:
        spec: What to run.
        folder: Its folder.
        stop: Asks the run to save itself and end early.

    Raises:
        Stopped: it was asked to, and can be taken up again.
        runs.store.lock.BusyError: another process runs it.
        DivergedError: a loss is NaN or infinite; the last checkpoint is kept.
        UserError: the settings make training impossible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock.held(folder):
        attempt(spec, folder, stop or Stop(folder))


def attempt(spec: RunSpec, folder: Path, stop: Stop) -> None:
    """Trains a run whose lock is held; records in state.json and provenance.json how that ended.

    Raises:
        Stopped, DivergedError, UserError: see `run`.
    """
    monitor = Monitor(folder, spec.settings.steps, spec.settings.record.heartbeat, stop)
    position = Checkpoints(folder / "checkpoints").position()
    provenance.begin(folder, *position, state.read(folder).heartbeat)
    monitor.write("running")
    try:
        with assembled(spec, folder, monitor) as parts:
            Loop(spec, parts, monitor).run()
    except (Stopped, KeyboardInterrupt):
        _end_early(folder, monitor)
        raise
    except BaseException as error:
        if monitor.stop_reason and not isinstance(error, DivergedError):
            # Slurm's signals reach children, too: what breaks while a run is being stopped is no failure.
            logger.exception("broken while it was being stopped")
            _end_early(folder, monitor)
            raise Stopped from error
        message = str(error) or type(error).__name__
        monitor.write("failed", message, "" if isinstance(error, UserError) else traceback.format_exc())
        provenance.end(folder, monitor.progress.step, f"failed: {message}")
        raise
    monitor.write("done")
    provenance.end(folder, monitor.progress.step, "done")


def _end_early(folder: Path, monitor: Monitor) -> None:
    monitor.write("pending")
    provenance.end(folder, monitor.progress.step, monitor.stop_reason or "interrupted")
