"""Worker process: runs one environment at the other end of a pipe.

    python -m envs.worker <file descriptor>

The parent first sends (task, settings, observe), which is answered by the spaces of observations and actions, and then
sends calls as (method, keyword arguments). Each answer is (failed, value). After a failure, value is the traceback and
the worker exits. It also exits when the parent's end of the pipe closes, so it never outlives the parent. It ignores
signals: Slurm sends them to all processes of a job, and the parent may still need the worker to finish a step and save.
"""

import contextlib
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from envs import make_env


def serve(connection: Connection) -> None:
    """Build the requested environment, then answer calls until the pipe closes."""
    try:
        task, settings, observe = connection.recv()
        with contextlib.closing(make_env(task, settings, observe=observe)) as env:
            connection.send((False, (env.observation_space, env.action_space)))
            while True:
                method, arguments = connection.recv()
                connection.send((False, getattr(env, method)(**arguments)))
    except (EOFError, ConnectionError):
        return
    except Exception:
        with contextlib.suppress(ConnectionError):
            connection.send((True, traceback.format_exc()))


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
