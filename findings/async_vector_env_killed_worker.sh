#!/usr/bin/env bash
# gymnasium: AsyncVectorEnv.step does not say which worker died, nor how.
#
# The kernel's out-of-memory killer sends SIGKILL to one worker process of several. One expects what happens after an
# exception in an environment: an error with the worker's index; and its exit code, -9, which the parent knows. But step
# raises the bare error of a pipe: BrokenPipeError if the worker died between two steps, EOFError without any message if
# it died during one. Nothing is logged.
#
# Output seen, with Python 3.11:
#
#   gymnasium 1.4.0
#   exception in environment 1
#     raised: ValueError(ValueError('no more'))
#     logged: Received the following error from Worker-1 - Shutting it down
#   worker 1 killed between two steps, exit code -9
#     raised: BrokenPipeError(32, 'Broken pipe')
#     logged: nothing
#   worker 1 killed during a step, exit code -9
#     raised: EOFError()
#     logged: nothing
#   as found
#
# Exits with 1 if any of this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6

cat >"$folder/killed_worker.py" <<'PYTHON'
import os
import signal
import sys
from unittest import mock

import gymnasium
from gymnasium.vector import AsyncVectorEnv


class Env(gymnasium.Env):
    """Does nothing, but may fail at action 1 and may be killed at action 2."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,))
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.low, {}

    def step(self, action):
        if action == 1:
            raise ValueError("no more")
        if action == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.observation_space.low, 0.0, False, False, {}


def step(title, actions, kill=False):
    """Prints what a step of three environments raises and logs; returns the error and the first line of the log."""
    envs = AsyncVectorEnv([Env] * 3)
    envs.reset(seed=0)
    worker = envs.processes[1]
    if kill:
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    with mock.patch("gymnasium.logger.error") as log:
        try:
            envs.step(actions)
            error = None
        except Exception as raised:
            error = raised
    worker.join()
    lines = [str(call.args[0]).splitlines()[0] for call in log.call_args_list]
    code = f", exit code {worker.exitcode}" if worker.exitcode else ""
    print(f"{title}{code}\n  raised: {error!r}\n  logged: {lines[0] if lines else 'nothing'}", flush=True)
    envs.close(terminate=True)
    return repr(error), lines[:1]


if __name__ == "__main__":
    print("gymnasium", gymnasium.__version__)
    found = [
        step("exception in environment 1", [0, 1, 0]),
        step("worker 1 killed between two steps", [0, 0, 0], kill=True),
        step("worker 1 killed during a step", [0, 2, 0]),
    ]
    as_found = [
        ("ValueError(ValueError('no more'))", ["Received the following error from Worker-1 - Shutting it down"]),
        ("BrokenPipeError(32, 'Broken pipe')", []),
        ("EOFError()", []),
    ]
    print("as found" if found == as_found else "CHANGED")
    sys.exit(found != as_found)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/killed_worker.py"
