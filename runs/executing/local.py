"""The local executor: a new process for each run, one after another or in parallel."""

from collections.abc import Sequence
from pathlib import Path

from common import lock
from runs.executing.display import Display
from runs.executing.launcher import Launcher
from runs.executing.signals import collected
from runs.store import run_folder, stop
from runs.store.run import Run
from runs.watching import local_queue
from runs.watching.queue import look, refuse_changes
from suites.plan import RunSpec

INTERRUPTED = 130  # exit code


def launch(specs: Sequence[RunSpec], results: Path, workers: int, retry_failed: bool, replace: bool) -> int:
    """Trains the runs that are not done.

    Waits for runs that another launcher holds, and resumes them here if it ends early. Resumes runs that were killed by
    a signal like interrupted ones. Skips runs in Slurm's queue.

    Args:
        specs: The runs, in the order to start them.
        results: Root of all results.
        workers: Runs in parallel; cores and GPUs are divided among them.
        retry_failed: Resume failed runs from their newest checkpoint.
        replace: Move runs with changed settings aside.

    Returns:
        0, or 1 if any run has failed, now or earlier, or 130 after an interruption.

    Raises:
        UserError: settings have changed under the same name; nothing was started.
    """
    queue = look(results, {spec.suite for spec in specs}, local=False)
    refuse_changes(specs, results, queue)
    runs = [Run(spec, spec.folder(results)) for spec in specs]
    ours = [run for run in runs if run.folder not in queue.jobs]
    moved = run_folder.claim([run.spec for run in ours], results, replace)
    with Display() as display, collected() as signals, local_queue.queue_file(results / specs[0].suite) as write:
        for path in moved:
            display.note(f"moved aside: {path}")
        for warning in queue.warnings:
            display.note(f"warning: {warning}")
        if len(ours) < len(runs):
            display.note(f"{len(runs) - len(ours):,} of {len(runs):,} runs are in Slurm's queue; skipped here")
        for run in ours:
            if not lock.is_held(run.folder):
                stop.allow(run.folder)
        launcher = Launcher(ours, workers, display, signals, retry_failed=retry_failed, waiting_changed=write)
        launcher.run()
        if signals:
            display.note("interrupted; run the same command to resume")
            return INTERRUPTED
        return 1 if launcher.failed else 0
