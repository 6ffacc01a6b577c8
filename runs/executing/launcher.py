"""Starts, watches and reports the processes of runs on this machine: those of a local suite or of a Slurm job."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from common import files, lock
from common.errors import UserError
from common.origin import ROOT
from common.text import counted, listed
from runs.executing.display import Display
from runs.executing.resources import share
from runs.store import run_folder, state, stop
from runs.store.run import OUTPUT, Run
from runs.store.state import State
from runs.store.stop import NOTICE
from runs.training.worker import BUSY, NO_ROOM, STOPPED
from runs.watching.failures import TAIL

COMMAND: tuple[str, ...] = (
    sys.executable,
    "-P",
    "-m",
    "runs.training.worker",
)  # -P: the current directory may contain other modules of that name
POLL = 0.2  # seconds
# Huge pages make a training step 2 % faster; C libraries other than glibc ignore this.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Launcher:
    """Trains runs, each in its own process, several in parallel."""

    def __init__(
        self,
        runs: Sequence[Run],
        workers: int,
        display: Display,
        signals: Sequence[int],
        *,
        retry_failed: bool = False,
        patience: Callable[[Run], float] = lambda run: math.inf,
        deadline: float | None = None,
        interval: float = 1.0,
        waiting_changed: Callable[[Sequence[Run]], None] = lambda waiting: None,
    ):
        """Sorts the runs by what to do with them; starts nothing yet.

        Args:
            runs: The runs, in the order to start them.
            workers: Runs in parallel; cores and GPUs are divided among them.
            display: Shows the progress of the runs.
            signals: Received signals that ask to stop; the list may grow while the launcher works.
            retry_failed: Resume failed runs from their newest checkpoint.
            patience: Seconds to wait for a run that another process holds, to resume it if that process ends early.
            deadline: Time from which a notice means the time limit, in seconds since the epoch.
            interval: Seconds between two reads of the runs' states.
            waiting_changed: Called with the runs that wait to be started, whenever they change.
        """
        self._runs = runs
        self._workers = workers
        self._display = display
        self._signals = signals
        self._patience = patience
        self._deadline = deadline
        self._interval = interval
        self._shown = -math.inf  # when the states were read last
        self._waiting_changed = waiting_changed
        self._waiting: deque[Run] = deque()
        self._reported: list[Run] = []  # what `waiting_changed` was called with last
        self._elsewhere: dict[Run, float] = {}  # held by other processes; until when to wait for them
        self._active: dict[Run, tuple[subprocess.Popen[bytes], int]] = {}  # process, and its place among the workers
        self._cancelled: list[Run] = []
        self.failed: dict[Run, State] = {}  # their last states, which a full disk may have lost
        self._again: list[Run] = []  # failed, but not by themselves
        self.stopped: list[Run] = []  # on request, with a checkpoint
        self.left: list[Run] = []  # held by other processes to the end
        self._done = 0
        for run in runs:
            self._sort(run, retry_failed)

    def run(self) -> None:
        """Works until all runs have ended, or until they have stopped after a signal."""
        self._display.note(
            f"{counted(len(self._runs), 'run')}: {self._done} done, {len(self.failed)} failed earlier, "
            f"{len(self._waiting)} to do, {self._workers} in parallel"
        )
        self._report_waiting()
        handled = 0
        while self._active or ((self._waiting or self._elsewhere) and not self._signals):
            if len(self._signals) > handled:
                self._stop(self._signals[handled], again=handled > 0)
                handled = len(self._signals)
            if not self._signals:
                self._start_more()
                self._check_elsewhere()
                self._report_waiting()
            time.sleep(POLL)
            self._reap()
            self._show()
        self._report()

    def _report_waiting(self) -> None:
        """Reports which runs wait, if they have changed."""
        if self._reported != (waiting := list(self._waiting)):
            self._reported = waiting
            self._waiting_changed(waiting)

    def _show(self) -> None:
        """Shows the progress of runs once per interval; a shared file system is slow, and may fail for a moment."""
        if time.monotonic() - self._shown > self._interval:
            self._shown = time.monotonic()
            with suppress(OSError):
                watched = [*self._active, *self._elsewhere]
                self._display.update({run.name: state.read(run.folder) for run in watched})

    def _sort(self, run: Run, retry_failed: bool) -> None:
        now = state.read(run.folder)
        if now.state == "done":
            self._done += 1
        elif now.state == "failed" and now.signal is None and not retry_failed:
            self.failed[run] = now
        else:
            self._waiting.append(run)

    def _start_more(self) -> None:
        while self._waiting and len(self._active) < self._workers:
            run = self._waiting.popleft()
            if stop.is_cancelled(run.folder):
                self._cancelled.append(run)
                self._display.note(f"{run.name}: cancelled before it started")
            elif lock.is_held(run.folder):
                self._held_elsewhere(run)
            else:
                try:
                    self._start(run)
                except lock.BusyError:
                    self._held_elsewhere(run)
                except (UserError, OSError) as error:  # must not stop the others
                    self._fail(run, State("failed", error=f"it cannot be started: {error}"), again=True)

    def _held_elsewhere(self, run: Run) -> None:
        patience = self._patience(run)
        then = "waiting for it" if patience else "skipped"
        self._display.note(f"{run.name}: another launcher is running it; {then}")
        if patience:
            self._elsewhere[run] = time.monotonic() + patience
        else:
            self.left.append(run)

    def _start(self, run: Run) -> None:
        run_folder.write_spec(run.spec, run.folder)
        taken = {place for _, place in self._active.values()}
        place = next(place for place in range(self._workers) if place not in taken)
        deadline = [] if self._deadline is None else ["--deadline", str(self._deadline)]
        # In a new session: a keyboard interrupt reaches only this process, which passes it on.
        # Without O_NONBLOCK, a FIFO in its place would be waited for.
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        with open(os.open(run.folder / OUTPUT, how, 0o644), "ab") as output:  # noqa: PTH123
            process = subprocess.Popen(
                [*COMMAND, str(run.folder), "--launcher", str(os.getpid()), *deadline],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | HUGE_PAGES | share(place, self._workers) | {"PYTHONPATH": python_path()},
                start_new_session=True,
            )
        self._active[run] = process, place
        saved = _saved(run)
        from_step = f" from step {saved:,}" if saved else ""
        self._display.note(f"{run.name}: started{from_step}")

    def _check_elsewhere(self) -> None:
        for run, end in list(self._elsewhere.items()):
            if not lock.is_held(run.folder):
                del self._elsewhere[run]
                self._sort(run, retry_failed=False)
            elif time.monotonic() > end:
                del self._elsewhere[run]
                self.left.append(run)
                self._display.note(f"{run.name}: another process still holds it; skipped")

    def _reap(self) -> None:
        for run, (process, _) in list(self._active.items()):
            code = process.poll()
            if code is not None:
                del self._active[run]
                self._settle(run, code)

    def _settle(self, run: Run, code: int) -> None:
        """Records how a run's process ended."""
        now = state.read(run.folder)
        if code == 0 and now.state == "done":
            self._done += 1
            shown = "" if now.return_ is None else f", return {now.return_:.1f}"
            self._display.note(f"{run.name}: done{shown}")
            for loss in now.damage or ():
                self._display.note(f"warning: {run.name}: {loss}")
        elif code == BUSY:
            self._held_elsewhere(run)
        elif stop.is_cancelled(run.folder) and (code == STOPPED or self._signals):
            self._cancelled.append(run)
            self._display.note(f"{run.name}: cancelled at step {now.step:,}; it can be resumed")
        elif code == STOPPED or self._signals:
            self.stopped.append(run)
            self._display.note(f"{run.name}: stopped at step {now.step:,}; it can be resumed")
        elif code in NO_ROOM:  # not recorded as failed, so that the next launcher takes it up again
            reason, step = os.strerror(NO_ROOM[code]), max(now.step, _saved(run))
            self._fail(run, dataclasses.replace(now, state="failed", step=step, error=reason, traceback=None), True)
        else:
            if now.state != "failed":
                now = _died(now, run, code)
                with suppress(OSError, lock.BusyError), lock.held(run.folder):
                    state.write(run.folder, now)
            self._fail(run, now, again=now.signal is not None)

    def _fail(self, run: Run, how: State, again: bool) -> None:
        """Notes a failure, and whether the next launcher takes the run up again without being asked to."""
        self.failed[run] = how
        if again:
            self._again.append(run)
        self._display.note(f"{run.name}: failed {_reached(how)}: {how.error}")

    def _stop(self, number: int, again: bool) -> None:
        # Slurm's notice tells a run the reason to stop; other signals are passed on as SIGTERM, the second as SIGKILL.
        passed_on = NOTICE if number == NOTICE else signal.SIGKILL if again else signal.SIGTERM
        how = "killing the runs" if passed_on == signal.SIGKILL else "stopping: runs save checkpoints"
        self._display.note(how)
        for process, _ in self._active.values():
            process.send_signal(passed_on)

    def _report(self) -> None:
        for run, now in self.failed.items():
            self._display.note(f"\nfailed: {run.name} {_reached(now)}: {now.error}")
            tail = (now.traceback or "").rstrip().splitlines()[-TAIL:]
            log = [f"see {run.folder / OUTPUT}"] if (run.folder / OUTPUT).exists() else []
            for line in [*tail, *log]:
                self._display.note(f"    {line}")
        if len(self.failed) > len(self._again):
            self._display.note("\nfailed runs are skipped without --retry-failed")
        if self._again:
            names = listed([run.name for run in self._again])
            self._display.note(f"\nthe same command takes up again, as no fault of their own ended them: {names}")
        left = len(self._runs) - self._done - len(self.failed) - len(self._cancelled)
        cancelled = f", {len(self._cancelled)} cancelled" if self._cancelled else ""
        self._display.note(
            f"{self._done} of {counted(len(self._runs), 'run')} done, {len(self.failed)} failed{cancelled}, {left} left"
        )


def python_path() -> str:
    """PYTHONPATH with which a worker finds this code from any directory."""
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(ROOT), inherited] if inherited else [str(ROOT)])


def _reached(now: State) -> str:
    return f"at step {now.step:,}" if now.step else "before its first step"


def _saved(run: Run) -> int:
    """The step of a run's newest checkpoint, which a state.json without room may not have."""
    from runs.store.checkpoint import Checkpoints

    return Checkpoints(run.folder / "checkpoints").position()[0]


def _died(before: State, run: Run, code: int) -> State:
    """The state of a run whose process ended without recording one."""
    killer = signal.Signals(-code).name if code < 0 else None
    if killer is None:
        error = f"its process ended with exit code {code}"
    else:
        error = f"its process was killed by {killer}" + (" (out of memory?)" if killer == "SIGKILL" else "")
    log = ""
    with suppress(OSError):  # its folder may have been moved
        log = files.read_bytes(run.folder / OUTPUT, limit=2**33).decode(errors="replace")
    tail = "\n".join(log.splitlines()[-TAIL:])
    return dataclasses.replace(
        before, state="failed", steps=run.spec.settings.steps, error=error, traceback=tail, signal=killer
    )
