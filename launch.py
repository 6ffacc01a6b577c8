#!/usr/bin/env python
# PYTHON_ARGCOMPLETE_OK
"""The command line for suites and runs.

    launch.py validate SUITE...     check suites
    launch.py run SUITE             train the runs that are not done, here or on a Slurm cluster
    launch.py status SUITE...       show the state of every run
    launch.py cancel SUITE          stop queued and running runs, here or on the cluster
    launch.py logs RUN_FOLDER       print the output of a run
    launch.py debug RUN_FOLDER      train a run here, with a debugger where it fails
    launch.py eval RUN_FOLDER       play a trained agent, or measure its model
    launch.py discover TASK         find the action groups of a task (SD2)
    launch.py schema                print the suite format as a JSON Schema, for editors

Exit codes: 0 done, 1 a run failed, 2 a mistake of the user, 130 interrupted.
"""

import argparse
import dataclasses
import io
import os
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from common.arguments import Parser, add_results, filled_path, natural, positive
from common.errors import UserError, unwritable
from common.text import counted, printable

if TYPE_CHECKING:
    from discovery.discovery import Discovery
    from runs.training.evaluate import ModelError
    from runs.watching.request import RunRequest
    from suites.plan import RunSpec


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb of the command line and returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may follow
        from suites.completion import complete

        complete(parser)
    arguments = parser.parse_args(argv)
    verb: Callable[[argparse.Namespace], int] = arguments.verb
    try:
        code = verb(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except UnicodeEncodeError as error:
        print(f"error: {unwritable(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted" + ("; run the same command to resume" if verb is run else ""), file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as head, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # a full disk, a folder that is a file, missing permissions
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2


def validate(arguments: argparse.Namespace) -> int:
    """Checks suites, presets and task lists; an invalid file does not stop the check of the others."""
    from suites.cluster import slurm_settings
    from suites.groups import PUBLISHED, published_groups
    from suites.plan import plan
    from suites.settings import PRESETS, presets
    from suites.suite import load_suite
    from suites.tasks import LISTS, task_lists

    others = {PRESETS: presets, LISTS: task_lists, PUBLISHED: published_groups}
    code = 0
    for path in arguments.suites:
        try:
            if other := others.get(path.resolve()):
                print(f"{path}: {', '.join(other())}")
            else:
                suite = load_suite(path)
                slurm_settings(suite)
                print(f"{path}: {_summary(plan(suite))}")
        except UserError as error:
            print(f"error: {printable(str(error))}", file=sys.stderr)
            code = 2
    return code


def run(arguments: argparse.Namespace) -> int:
    """Trains the runs of a suite that are not done, here or on a cluster, or only shows them."""
    from runs.executing import dispatch

    on_slurm = arguments.executor == "slurm"
    if arguments.slurm and not on_slurm:
        raise UserError("--slurm requires --executor slurm")
    if arguments.workers is not None and on_slurm:
        raise UserError("--workers requires --executor local; with Slurm, use --slurm runs_per_job=N")
    if arguments.wait and not on_slurm:
        raise UserError("--wait requires --executor slurm; the local executor always waits")
    request = dataclasses.replace(
        _request(arguments, arguments.suite, arguments.slurm),
        retry_failed=arguments.retry_failed,
        replace=arguments.replace,
    )
    if arguments.print_command:
        for command in dispatch.commands(request, arguments.suite, arguments.set):
            print(command)
        return 0
    if arguments.dry_run:
        (dispatch.preview_jobs if on_slurm else dispatch.preview)(request)
        print(_summary(request.specs))
        return 0
    if on_slurm:
        return dispatch.submit(request, arguments.wait)
    return dispatch.train(request, arguments.workers or 1)


def status(arguments: argparse.Namespace) -> int:
    """Prints the state of every run of some suites, or of some Slurm jobs."""
    from runs.executing import dispatch
    from runs.watching import job_runs, status_table

    jobs = [str(path) for path in arguments.suites if job_runs.is_job(str(path)) and not path.exists()]
    if jobs:
        return _job_status(arguments, jobs)
    requests = {path: _request(arguments, path) for path in arguments.suites}
    queue = dispatch.ask(list(requests.values()))
    found = {path: request.look(queue) for path, request in requests.items()}
    gone = {} if arguments.only else {path: request.gone(queue) for path, request in requests.items()}
    if arguments.json:
        import json

        content = {"runs": found} if arguments.only else {"runs": found, "gone": gone}
        listed = {key: [status_table.to_json(row) for row in chain(*of.values())] for key, of in content.items()}
        print(json.dumps(listed))
        return 0
    for number, (path, rows) in enumerate(found.items()):
        if len(found) > 1:
            print(f"{chr(10) if number else ''}{path}")
        status_table.show(rows)
        if no_longer_named := gone.get(path):
            print("\nno longer named by the suite; `launch.py cancel SUITE --gone` stops what is queued or running:")
            status_table.show(no_longer_named)
    return 0


def cancel(arguments: argparse.Namespace) -> int:
    """Stops the queued and running runs of a suite; they can be resumed."""
    from runs.watching import cancellation

    if arguments.gone and arguments.only:
        raise UserError("--gone cannot be combined with --only, which selects among the runs that the suite names")
    print(cancellation.cancel(_request(arguments, arguments.suite), arguments.gone))
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Prints the output of a run."""
    from runs.watching import job_runs
    from runs.watching import logs as run_logs

    folder = arguments.folder
    if job_runs.is_job(str(folder)) and not folder.exists():
        folder = job_runs.folder(arguments.results, str(folder))
    run_logs.show(folder, arguments.follow)
    return 0


def debug(arguments: argparse.Namespace) -> int:
    """Trains a run in this terminal; a failure opens a debugger."""
    from runs.executing import debug as debugging

    return debugging.debug(arguments.folder)


def evaluate(arguments: argparse.Namespace) -> int:
    """Plays a trained agent and prints its returns, or prints the errors of world models."""
    for folder in arguments.folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such run folder; expected results/<suite>/<task>/<variant>/<seed>")
    from runs.training import evaluate as evaluation

    if arguments.model_error:
        if arguments.video:
            raise UserError("--video cannot be combined with --model-error")
        policy = arguments.policy or evaluation.OWN
        found = evaluation.model_errors(arguments.folders, policy, arguments.episodes, arguments.seed)
        _print_errors(list(found), arguments)
        return 0
    if arguments.dimensions:
        raise UserError("--dimensions requires --model-error")
    if arguments.policy is not None:
        raise UserError("--policy requires --model-error; without it, a run's own policy plays")
    if len(arguments.folders) > 1:
        raise UserError("several runs require --model-error; without it, name one run")
    [folder] = arguments.folders
    returns = evaluation.evaluate(folder, arguments.episodes, arguments.seed, arguments.video)
    if arguments.json:
        import json

        print(json.dumps({"returns": returns}))
        return 0
    for episode, value in enumerate(returns, 1):
        print(f"episode {episode}: return {value:.1f}")
    print(f"mean return of {counted(len(returns), 'episode')}: {sum(returns) / len(returns):.1f}")
    if arguments.video:
        print(f"video: {arguments.video}")
    return 0


def discover(arguments: argparse.Namespace) -> int:
    """Finds the action groups of a task, prints and draws them; a failure to draw is only a warning."""
    from discovery import command

    options = {name: getattr(arguments, name) for name in ("input", "steps", "eta")}
    given = {name: text for name, text in options.items() if text is not None}
    settings = command.read_options(given, arguments.seed)
    found = command.discover_all(arguments.task, settings, arguments.results)
    print(command.to_json(found) if arguments.json else command.describe(found), flush=True)
    try:
        _keep(found)
    except OSError as error:
        print(f"warning: figures or stability could not be written: {error}", file=sys.stderr)
    return 0


def schema(arguments: argparse.Namespace) -> int:
    """Prints or writes the JSON Schema of the suite format."""
    from suites.json_schema import render

    if arguments.write:
        try:
            arguments.write.write_text(render(), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{arguments.write}: cannot be written: {error.strerror}") from None
        print(f"wrote {arguments.write}")
    else:
        print(render(), end="")
    return 0


def _job_status(arguments: argparse.Namespace, jobs: Sequence[str]) -> int:
    """Prints the state of the runs of some Slurm jobs."""
    from runs.settings import SlurmSettings
    from runs.watching import job_runs, status_table
    from runs.watching.queue import look
    from runs.watching.status import statuses

    if len(jobs) < len(arguments.suites) or arguments.only or arguments.set:
        raise UserError("the status of jobs cannot be combined with suites, --only or --set")
    runs = list(dict.fromkeys(run for job in jobs for run in job_runs.find(arguments.results, job)))
    queue = look(arguments.results, {run.suite for run in runs})
    for warning in queue.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    rows = statuses(runs, arguments.results, queue, SlurmSettings().stale)
    if arguments.json:
        import json

        print(json.dumps({"runs": [status_table.to_json(row) for row in rows]}))
    else:
        status_table.show(rows)
    return 0


def _keep(found: "Sequence[Discovery]") -> None:
    """Draws discoveries into their folders; for several, also writes how stable their groups are."""
    from discovery.figures import draw
    from discovery.store import write_stability

    if len(found) > 1:
        write_stability(found)
    for each in found:
        draw(each, each.folder)


def _print_errors(found: "Sequence[ModelError]", arguments: argparse.Namespace) -> None:
    if arguments.json:
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(error) for error in found]))
        return
    from runs.watching.model_error_table import show_dimensions, show_errors

    show_errors(found)
    if arguments.dimensions:
        show_dimensions(found)
    print(f"{counted(arguments.episodes, 'episode')} with seed {arguments.seed}; equal codes mean equal episodes")
    players = {(error.policy, error.policy_step): error.mean_return for error in found}
    for (policy, step), mean in players.items():
        print(f"played by {policy}{f' at step {step:,}' if step else ''}: mean return {mean:.1f}")


def _request(arguments: argparse.Namespace, path: Path, slurm: Sequence[str] = ()) -> "RunRequest":
    from runs.watching.request import RunRequest
    from suites.cluster import slurm_settings
    from suites.plan import names, plan, selection
    from suites.suite import load_suite

    suite = load_suite(path, arguments.set)
    specs = plan(suite, selection(arguments.only), arguments.results)
    return RunRequest(specs, names(suite), arguments.results, slurm_settings(suite, slurm))


def _summary(specs: "Sequence[RunSpec]") -> str:
    steps = sum(spec.settings.steps for spec in specs)
    names = ("task", "variant", "seed")
    grid = " x ".join(counted(len({getattr(spec, name) for spec in specs}), name) for name in names)
    return f"{counted(len(specs), 'run')} ({grid}), {steps:,} environment steps"


def _parser() -> Parser:
    parser = Parser(
        prog="launch.py", description="Check, run and watch suites of Dreamer ablations.", allow_abbrev=False
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="name")

    def verb(name: str, function: Callable[[argparse.Namespace], int], text: str) -> Parser:
        child: Parser = verbs.add_parser(name, help=text, description=text.capitalize() + ".", allow_abbrev=False)
        child.set_defaults(verb=function)
        return child

    def suite(child: Parser, several: bool = False) -> None:
        if several:
            child.add_argument(
                "suites", type=filled_path, nargs="+", metavar="SUITE", help="YAML files, or ids of Slurm jobs"
            )
        else:
            child.add_argument("suite", type=filled_path, metavar="SUITE", help="YAML file, such as suites/demo.yaml")
        child.add_argument(
            "--only", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
            help="select runs: task=..., variant=..., seed=...; separate values by commas, * matches anything",
        )  # fmt: skip
        child.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
            help="override settings of all runs, such as steps=1e5 behavior.horizon=10",
        )  # fmt: skip
        add_results(child, "root of all results")

    child = verb("validate", validate, "check suites without running anything")
    child.add_argument("suites", type=filled_path, nargs="+", metavar="SUITE", help="YAML files")

    child = verb("run", run, "train the runs of a suite that are not done")
    suite(child)
    child.add_argument("--dry-run", action="store_true", help="only show what would run, and how it would be submitted")
    child.add_argument("--print-command", action="store_true", help="print a command for each run")
    child.add_argument("--retry-failed", action="store_true", help="resume failed runs from their last checkpoint")
    child.add_argument(
        "--replace", action="store_true", help="move runs with changed settings aside and start them from scratch"
    )
    child.add_argument("--workers", type=positive, metavar="N", help="local: runs in parallel (1)")
    child.add_argument(
        "--executor", choices=("local", "slurm"), default="local", help="train here, or submit jobs and return (local)"
    )
    child.add_argument(
        "--slurm", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="override what jobs request, such as partition=gpu hours=12",
    )  # fmt: skip
    child.add_argument("--wait", action="store_true", help="slurm: follow the runs until none is queued or running")

    child = verb("status", status, "show the state of every run")
    suite(child, several=True)
    child.add_argument("--json", action="store_true", help="print JSON")

    child = verb("cancel", cancel, "stop queued and running runs; they can be resumed")
    suite(child)
    child.add_argument(
        "--gone", action="store_true", help="stop the runs that the suite no longer names, and no others"
    )

    child = verb("logs", logs, "print the output of a run")
    child.add_argument(
        "folder", type=filled_path, metavar="RUN_FOLDER",
        help="results/<suite>/<task>/<variant>/<seed>, or the id of its Slurm job, such as 12_3",
    )  # fmt: skip
    add_results(child, "root of all results")
    child.add_argument("-f", "--follow", action="store_true", help="follow the output until the run ends")

    child = verb("debug", debug, "train a run in this terminal, with a debugger where it fails")
    child.add_argument("folder", type=filled_path, metavar="RUN_FOLDER", help="results/<suite>/<task>/<variant>/<seed>")

    child = verb("eval", evaluate, "play a trained agent, or measure the error of its world model")
    child.add_argument(
        "folders", type=filled_path, nargs="+", metavar="RUN_FOLDER",
        help="results/<suite>/<task>/<variant>/<seed>; several with --model-error",
    )  # fmt: skip
    child.add_argument("--episodes", type=positive, default=10, metavar="N", help="episodes to play (%(default)s)")
    child.add_argument(
        "--seed", type=natural, default=0, metavar="S",
        help="seed of the episodes' initial states (%(default)s); equal seeds give every run the same ones",
    )  # fmt: skip
    child.add_argument("--video", type=filled_path, metavar="GIF", help="write the first episode as a GIF")
    child.add_argument("--model-error", action="store_true", help="measure predictions 1, 5, 15 and 45 steps ahead")
    child.add_argument(
        "--dimensions", action="store_true", help="with --model-error, also the error of each number of a state vector"
    )
    child.add_argument(
        "--policy", metavar="POLICY",
        help="with --model-error, which policy plays: own (the default), random, or the folder of a run",
    )  # fmt: skip
    child.add_argument("--json", action="store_true", help="print JSON")

    child = verb("discover", discover, "find the action groups of a task with SD2, for ED2's sub-models")
    child.add_argument("task", metavar="TASK", help="a task with continuous actions, such as dmc_cheetah_run")
    child.add_argument("--input", metavar="INPUT", help="correlate actions with state or pixels (state)")
    child.add_argument("--steps", metavar="N", help="environment steps of random actions (20000)")
    child.add_argument("--eta", metavar="X", help="merge groups while the best pair's Rela is at least this (0)")
    child.add_argument("--seed", nargs="+", action="extend", default=[], metavar="S", help="one seed or several (0)")
    child.add_argument("--json", action="store_true", help="print JSON")
    add_results(child, "results go to DIR/sd2/TASK")

    child = verb("schema", schema, "print the suite format as a JSON Schema")
    child.add_argument(
        "--write", type=filled_path, metavar="FILE", help="output file, such as suites/suite.schema.json"
    )

    parsers = (parser, *verbs.choices.values())
    names = {*verbs.choices, *(option for each in parsers for option in each._option_string_actions)}
    for each in parsers:
        each.names = names
    return parser


if __name__ == "__main__":
    sys.exit(main())
