"""Trains one run in this process and terminal, with a debugger where it fails."""

import logging
import pdb
import signal
import traceback
from pathlib import Path

from common.errors import UserError
from common.lock import BusyError
from runs.store import state, stop
from runs.store.run_folder import read_spec
from runs.training.attempt import run
from runs.training.monitor import Stopped


def debug(folder: Path) -> int:
    """Trains the run of a folder to its end, or to its failure, and then looks at the frames of the failure.

    The run continues from its newest checkpoint as in any launch, and its outcome is recorded. An interrupt saves a
    checkpoint and ends it.

    Args:
        folder: The run's folder.

    Returns:
        An exit code: 0 if the run is done or was interrupted, 1 if it has failed.

    Raises:
        UserError: the folder is not that of a run, another process is running it, or its settings make training
            impossible.
    """
    spec = read_spec(folder)
    if state.read(folder).state == "done":
        print(f"{folder} is done")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    stop.allow(folder)
    requests = stop.Stop(folder)
    before = signal.signal(signal.SIGINT, requests)
    try:
        run(spec, folder, requests)
    except Stopped:
        print(f"{requests.reason}; it can be resumed from step {state.read(folder).step:,}")
    except BusyError as error:
        raise UserError(str(error)) from None
    except UserError:
        raise
    except Exception as error:
        signal.signal(signal.SIGINT, before)  # the debugger has an interrupt of its own
        traceback.print_exc()
        pdb.post_mortem(error.__traceback__)
        return 1
    finally:
        signal.signal(signal.SIGINT, before)
    return 0
