"""The local executor: a fresh process for each run, one after the other or side by side."""

from collections.abc import Sequence
from pathlib import Path

from runs.executing.display import Display
from runs.executing.launcher import Launcher
from runs.executing.signals import collected
from runs.store import lock, run_folder, stop
from runs.store.run import Run
from runs.watching import local_queue
from runs.watching.queue import look, refuse_changes
from suites.plan import RunSpec

INTERRUPTED = 130  # exit code


def launch(specs: Sequence[RunSpec], results: Path, workers: int, retry_failed: bool, replace: bool) -> int:
    """Trains the runs that are not done.

    Runs that another launcher holds are waited for, and taken up here if it ends early. Runs that a signal killed are
    taken up again like interrupted ones. Runs that Slurm has in its queue are left to it.

    Args:
        specs: The runs, in the order to start them.
        results: Root of all results.
        workers: Runs side by side; the cores and GPUs are shared out among them.
        retry_failed: Start failed runs again from their newest checkpoint.
        replace: Move runs aside whose settings have changed.

    Returns:
        0, or 1 if any run has failed, now or earlier, or 130 after an interruption.

    Raises:
        UserError: settings have changed under the same name; nothing was started.
    """
    queue = look(results, {spec.suite for spec in specs}, rosters=False)
    refuse_changes(specs, results, queue)
    runs = [Run(spec, spec.folder(results)) for spec in specs]
    ours = [run for run in runs if run.folder not in queue.jobs]
    moved = run_folder.claim([run.spec for run in ours], results, replace)
    with Display() as display, collected() as signals, local_queue.posted(results / specs[0].suite) as post:
        for path in moved:
            display.note(f"moved aside: {path}")
        for warning in queue.warnings:
            display.note(f"warning: {warning}")
        if len(ours) < len(runs):
            display.note(f"{len(runs) - len(ours):,} of {len(runs):,} runs are in Slurm's queue, and left to it")
        for run in ours:
            if not lock.is_held(run.folder):
                stop.allow(run.folder)
        launcher = Launcher(ours, workers, display, signals, retry_failed=retry_failed, waiting_changed=post)
        launcher.run()
        if signals:
            display.note("interrupted; the same command goes on from here")
            return INTERRUPTED
        return 1 if launcher.failed else 0
