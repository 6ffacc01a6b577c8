"""Run as a program: one environment at the other end of a pipe.

    python -m envs.worker <file descriptor>

The parent first sends (task, settings, what to observe), which is answered by the spaces of observations and actions,
and then calls as (method, keyword arguments). Each answer is (failed, value): the traceback if it failed, after which
the worker ends. It also ends when the parent's end of the pipe closes, so it never outlives the parent. Signals are
left to the parent: Slurm sends them to all processes of a job, and the parent may still want to finish a step and save.
"""

import contextlib
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from envs import make_env


def serve(connection: Connection) -> None:
    """Build the environment that is asked for, then answer calls until the pipe closes."""
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
