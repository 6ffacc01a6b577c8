"""The process of one run: `python -m runs.training.worker <folder>` trains the run of the folder's spec.yaml."""

import argparse
import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common import lock
from common.errors import UserError
from common.files import no_room
from runs.store import state
from runs.store.run_folder import read_spec
from runs.store.stop import NOTICE, Stop
from suites.plan import RunSpec

# Exit codes in addition to 0 (done).
FAILED, MISTAKE, BUSY, STOPPED = 1, 2, 3, 4
# Where there is no room, neither state.json nor output.log can tell: the exit code does.
NO_ROOM = {5: errno.ENOSPC, 6: errno.EDQUOT}


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains the run of a folder; returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="runs.training.worker", description="Train the run of a folder's spec.yaml in this process."
    )
    parser.add_argument("folder", type=Path, help="run folder: results/<suite>/<task>/<variant>/<seed>")
    parser.add_argument("--launcher", type=int, metavar="PID", help="stop when this process is no longer the parent")
    parser.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="time since the epoch from which SIGUSR2 means the time limit"
    )
    options = parser.parse_args(arguments)
    folder = options.folder
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    try:
        read_spec(folder)  # only run folders get a lock file
        # Locked before the slow imports, so that the run is not replaced meanwhile.
        with lock.held(folder) as ours:
            spec = read_spec(folder)
            if state.read(folder).state == "done":
                print(f"{folder} is done")
                return 0
            return _run(spec, folder, Stop(folder, options.launcher, options.deadline), ours)
    except lock.BusyError as error:
        print(error, file=sys.stderr)
        return BUSY
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except OSError as error:  # before the run began
        logging.exception("the run cannot be begun")
        return next((code for code, number in NO_ROOM.items() if number == no_room(error)), FAILED)


def _run(spec: RunSpec, folder: Path, stop: Stop, ours: lock.Lock) -> int:
    """Trains the run of a folder whose lock is held."""
    # Installed before the slow imports, so that signals during them are recorded.
    for number in (signal.SIGINT, signal.SIGTERM, NOTICE):
        signal.signal(number, stop)
    from runs.training.attempt import attempt
    from runs.training.monitor import Stopped

    try:
        attempt(spec, folder, stop, ours)
    except Stopped:
        print(f"{stop.reason}; run it again to resume from step {state.read(folder).step}")
        return STOPPED
    except (UserError, lock.BusyError):
        raise
    except Exception as error:
        logging.exception("the run failed")
        return next((code for code, number in NO_ROOM.items() if number == no_room(error)), FAILED)
    return 0


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # output.log may have no room
            stream.flush()
    # Everything is on disk. TensorFlow's shutdown would take seconds of a notice that may be short.
    os._exit(code)
