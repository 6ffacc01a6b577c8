"""An attempt: the part of a run in one process, from the newest checkpoint to the end or to a stop."""

import logging
import traceback
from pathlib import Path

from common import files, lock
from common.errors import UserError
from runs.store import provenance, run_folder, state
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
        spec: The run.
        folder: Its folder.
        stop: Stop requests, on which the run saves a checkpoint and ends early.

    Raises:
        Stopped: it was asked to stop, and can be resumed.
        common.lock.BusyError: another process is running it, or has taken it over.
        DivergedError: a loss is NaN or infinite; the last checkpoint is kept.
        UserError: the settings make training impossible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock.held(folder) as ours:
        attempt(spec, folder, stop or Stop(folder), ours)


def attempt(spec: RunSpec, folder: Path, stop: Stop, ours: lock.Lock) -> None:
    """Trains a run whose lock is held; records the outcome in state.json and provenance.json.

    Raises:
        Stopped, BusyError, DivergedError, UserError: see `run`.
    """
    run_folder.clear_temporary(folder)
    monitor = Monitor(folder, spec.settings.steps, spec.settings.record.heartbeat, stop, ours)
    position = Checkpoints(folder / "checkpoints").position()
    provenance.begin(folder, *position, state.read(folder).heartbeat)
    monitor.write("running")
    try:
        with assembled(spec, folder, monitor) as parts:
            Loop(spec, parts, monitor).run()
    except (Stopped, KeyboardInterrupt):
        _end_early(folder, monitor)
        raise
    except lock.BusyError:
        raise  # the folder is another process's now: nothing is recorded in it
    except BaseException as error:
        if monitor.stop_reason and not isinstance(error, DivergedError):
            # Slurm's signals also reach child processes: an error while a run is being stopped is not a failure.
            logger.exception("error while the run was being stopped")
            _end_early(folder, monitor)
            raise Stopped from error
        message = str(error) or type(error).__name__
        if files.no_room(error):  # no failure of the run: it is taken up again once there is room
            monitor.write("pending", message)
            raise
        monitor.write("failed", message, "" if isinstance(error, UserError) else traceback.format_exc())
        provenance.end(folder, monitor.progress.step, f"failed: {message}")
        raise
    monitor.write("done")
    provenance.end(folder, monitor.progress.step, "done")


def _end_early(folder: Path, monitor: Monitor) -> None:
    monitor.write("pending")
    provenance.end(folder, monitor.progress.step, monitor.stop_reason or "interrupted")
