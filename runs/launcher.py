"""The local executor: a fresh process for each run, one after the other or side by side."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from runs import folder, lock, state
from runs.display import Display
from runs.state import State
from runs.worker import BUSY, STOPPED
from suites.errors import UserError
from suites.plan import RunSpec

COMMAND = (sys.executable, "-P", "-m", "runs.worker")  # -P: the current directory may hold other modules of that name
ROOT = Path(__file__).parent.parent
OUTPUT = "output.log"
POLL = 0.2  # seconds
TAIL = 8  # lines of a traceback or log that are shown
INTERRUPTED = 130  # exit code
# Large tensors in large pages spare a training step 2 % of its time; other C libraries ignore this.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@dataclass(frozen=True)
class Job:
    """A run and its folder."""

    spec: RunSpec
    folder: Path

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.spec.task}/{self.spec.variant}/{self.spec.seed}"


def launch(specs: Sequence[RunSpec], results: Path, workers: int, retry_failed: bool, replace: bool) -> int:
    """Trains the runs that are not done.

    Runs that another launcher holds are waited for, and taken up here if it ends early. Runs that a signal killed are
    taken up again like interrupted ones.

    Args:
        specs: The runs, in the order to start them.
        results: Root of all results.
        workers: Runs side by side; the cores are shared out among them.
        retry_failed: Start failed runs again from their newest checkpoint.
        replace: Move runs aside whose settings have changed.

    Returns:
        0, or 1 if any run has failed, now or earlier, or 130 after an interruption.

    Raises:
        UserError: settings have changed under the same name; nothing was started.
    """
    moved = folder.claim(specs, results, replace)
    with Display() as display, _signals() as signals:
        for path in moved:
            display.note(f"moved aside: {path}")
        jobs = [Job(spec, spec.folder(results)) for spec in specs]
        return Launcher(jobs, workers, retry_failed, display, signals).run()


class Launcher:
    """Starts, watches and reports the processes of some runs."""

    def __init__(self, jobs: Sequence[Job], workers: int, retry_failed: bool, display: Display, signals: list[int]):
        """Sorts out what there is to do; starts nothing yet."""
        self._jobs = jobs
        self._workers = workers
        self._display = display
        self._signals = signals
        self._waiting: deque[Job] = deque()
        self._elsewhere: list[Job] = []  # held by other launchers
        self._active: dict[Job, subprocess.Popen[bytes]] = {}
        self._failed: dict[Job, State] = {}  # how they ended, which a full disk may not have kept
        self._done = 0
        for job in jobs:
            self._sort(job, retry_failed)

    def run(self) -> int:
        """Works until nothing is left to do; returns the exit code."""
        self._display.note(
            f"{_count(self._jobs)}: {self._done} done, {len(self._failed)} failed earlier, "
            f"{len(self._waiting)} to do, {self._workers} side by side"
        )
        stopped = 0
        while self._active or ((self._waiting or self._elsewhere) and not self._signals):
            if len(self._signals) > stopped:
                self._stop(signal.SIGTERM if stopped == 0 else signal.SIGKILL)
                stopped = len(self._signals)
            if not self._signals:
                self._start_more()
                self._look_elsewhere()
            time.sleep(POLL)
            self._reap()
            watched = [*self._active, *self._elsewhere]
            self._display.update({job.name: state.read(job.folder) for job in watched})
        self._report()
        if self._signals:
            return INTERRUPTED
        return 1 if self._failed else 0

    def _sort(self, job: Job, retry_failed: bool) -> None:
        now = state.read(job.folder)
        if now.state == "done":
            self._done += 1
        elif now.state == "failed" and now.signal is None and not retry_failed:
            self._failed[job] = now
        else:
            self._waiting.append(job)

    def _start_more(self) -> None:
        while self._waiting and len(self._active) < self._workers:
            job = self._waiting.popleft()
            if lock.is_held(job.folder):
                self._display.note(f"{job.name}: another launcher runs it; waiting for it")
                self._elsewhere.append(job)
            else:
                try:
                    self._start(job)
                except (UserError, OSError) as error:  # one that cannot start does not stop the others
                    self._fail(job, State("failed", error=f"it cannot be started: {error}"))

    def _start(self, job: Job) -> None:
        folder.write_spec(job.spec, job.folder)
        before = state.read(job.folder)
        # In a session of its own: an interrupt from the keyboard reaches this process only, which passes it on.
        with (job.folder / OUTPUT).open("ab") as output:
            self._active[job] = subprocess.Popen(
                [*COMMAND, str(job.folder), "--launcher", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | HUGE_PAGES | threads(self._workers) | {"PYTHONPATH": _python_path()},
                start_new_session=True,
            )
        from_step = f" from step {before.step:,}" if before.step else ""
        self._display.note(f"{job.name}: started{from_step}")

    def _look_elsewhere(self) -> None:
        for job in [job for job in self._elsewhere if not lock.is_held(job.folder)]:
            self._elsewhere.remove(job)
            self._sort(job, retry_failed=False)

    def _reap(self) -> None:
        for job, process in list(self._active.items()):
            code = process.poll()
            if code is not None:
                del self._active[job]
                self._settle(job, code)

    def _settle(self, job: Job, code: int) -> None:
        """Takes note of how a run's process ended."""
        now = state.read(job.folder)
        if code == 0 and now.state == "done":
            self._done += 1
            shown = "" if now.return_ is None else f", return {now.return_:.1f}"
            self._display.note(f"{job.name}: done{shown}")
        elif code == BUSY:
            self._elsewhere.append(job)
        elif code == STOPPED or self._signals:
            self._display.note(f"{job.name}: stopped at step {now.step:,}; it can be taken up again")
        else:
            if now.state != "failed":
                now = _died(now, job, code)
                with suppress(OSError):
                    state.write(job.folder, now)
            self._fail(job, now)

    def _fail(self, job: Job, how: State) -> None:
        self._failed[job] = how
        self._display.note(f"{job.name}: failed: {how.error}")

    def _stop(self, number: signal.Signals) -> None:
        how = "stopping: runs save themselves" if number == signal.SIGTERM else "killing the runs"
        self._display.note(how)
        for process in self._active.values():
            process.send_signal(number)

    def _report(self) -> None:
        for job, now in self._failed.items():
            self._display.note(f"\nfailed: {job.name} at step {now.step:,}: {now.error}")
            tail = (now.traceback or "").rstrip().splitlines()[-TAIL:]
            log = [f"see {job.folder / OUTPUT}"] if (job.folder / OUTPUT).exists() else []
            for line in [*tail, *log]:
                self._display.note(f"    {line}")
        if self._failed:
            self._display.note("\nfailed runs are skipped unless you ask for --retry-failed")
        left = len(self._jobs) - self._done - len(self._failed)
        self._display.note(f"{self._done} of {_count(self._jobs)} done, {len(self._failed)} failed, {left} left")
        if self._signals:
            self._display.note("interrupted; the same command goes on from here")


def _count(jobs: Sequence[Job]) -> str:
    return f"{len(jobs):,} run{'s' if len(jobs) != 1 else ''}"


def threads(workers: int) -> dict[str, str]:
    """Environment variables that share this machine's cores out among workers."""
    share = str(max(1, len(os.sched_getaffinity(0)) // workers))
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, share)


def _python_path() -> str:
    """Lets a worker find the rooms, wherever the command was called from."""
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(ROOT), inherited] if inherited else [str(ROOT)])


def _died(before: State, job: Job, code: int) -> State:
    """The state of a run whose process ended without a word."""
    killer = signal.Signals(-code).name if code < 0 else None
    if killer is None:
        error = f"its process ended with exit code {code}"
    else:
        error = f"its process was killed by {killer}" + (" (out of memory?)" if killer == "SIGKILL" else "")
    log = ""
    with suppress(OSError):  # its folder may have been moved
        log = (job.folder / OUTPUT).read_text(errors="replace")
    tail = "\n".join(log.splitlines()[-TAIL:])
    return dataclasses.replace(
        before, state="failed", steps=job.spec.settings.steps, error=error, traceback=tail, signal=killer
    )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects the signals that ask to stop, instead of dying of them."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup sets it
        wanted.append(signal.SIGHUP)
    before = [signal.signal(number, note) for number in wanted]
    try:
        yield received
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)
