"""One run from its first step to its last: prefill, pretrain, then collect, train, evaluate, record, checkpoint.

All of it is counted in environment steps. Between two calls of the agent the whole state of a run is the agent's
arrays, the driver's arrays, the counters in `Progress` and the episodes on disk. So a checkpoint can be taken at any of
these points, and a run that goes on from one repeats exactly what the killed one did.
"""

import logging
import math
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

import agents.registry
import envs
import envs.parallel
from agents.agent import IMAGE, ActionSpec, Agent, Observations, PolicyState, Report
from common.errors import UserError
from common.seeds import Stream, derive
from envs.registry import family
from envs.settings import EnvSettings
from envs.task import TaskEnv
from runs.store import lock, provenance, state
from runs.store.checkpoint import Checkpoint, Checkpoints
from runs.store.episodes import RecordSpec, record_spec
from runs.store.state import Phase, State
from runs.store.stop import Stop
from runs.training import resolve_groups
from runs.training.actions import Actions, action_spec
from runs.training.batches import Batches
from runs.training.driver import Driver, play
from runs.training.episode import EpisodeBuilder
from runs.training.evaluation_sequences import heldout
from runs.training.observations import observation_spec
from runs.training.progress import Progress
from runs.training.recorder import METRICS, Recorder
from runs.training.replay import Replay
from runs.training.runtime import choose_renderer, prepare_tensorflow
from suites.plan import RunSpec

logger = logging.getLogger(__name__)

FILMED = 1000  # pictures of an evaluation that are shown: all of dm_control's, and the beginning of a long game


class Stopped(Exception):  # noqa: N818  # an event, not an error
    """The run was asked to stop, and has saved itself."""


class DivergedError(Exception):
    """A loss or a gradient is not a number any more."""


@dataclass
class Parts:
    """What a run is made of, besides its progress."""

    agent: Agent
    spec: ActionSpec
    driver: Driver
    evaluation: TaskEnv
    replay: Replay
    batches: Batches
    checkpoints: Checkpoints
    recorder: Recorder


def run(spec: RunSpec, folder: Path, stop: Stop | None = None) -> None:
    """Trains one run to its end in this process, from its newest checkpoint if it has one.

    Args:
        spec: What to run.
        folder: Its folder.
        stop: Asks the run to save itself and end early.

    Raises:
        Stopped: it was asked to, and can be taken up again.
        runs.store.lock.BusyError: another process runs it.
        DivergedError: a loss is NaN or infinite; the last checkpoint is kept.
        UserError: the settings make training impossible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock.held(folder):
        Attempt(spec, folder, stop or Stop(folder)).run()


class Attempt:
    """One process's share of a run: it may start in the middle and end early."""

    def __init__(self, spec: RunSpec, folder: Path, stop: Stop):
        """Takes the run's folder, whose lock is held; changes nothing yet."""
        self.spec = spec
        self.settings = spec.settings
        self.folder = folder
        self.stop = stop
        before = state.read(folder)
        self.progress = Progress(step=before.step, last_return=before.return_)  # until the checkpoint is read
        self._began = time.monotonic()
        self._beat = -math.inf
        self._window = (0, self._began)  # step and time at the last line of training metrics
        self._fps: float | None = None

    def run(self) -> None:
        """Trains to the end, and says in state.json and provenance.json how it ended."""
        position = Checkpoints(self.folder / "checkpoints").position()
        provenance.begin(self.folder, *position, state.read(self.folder).heartbeat)
        self._tell("running")
        try:
            with self._assembled() as parts:
                self._train(parts)
        except (Stopped, KeyboardInterrupt):
            self._end_early()
            raise
        except BaseException as error:
            if self.stop.reason and not isinstance(error, DivergedError):
                # Slurm's signals reach children, too: what breaks while a run is being stopped is no failure.
                logger.exception("broken while it was being stopped")
                self._end_early()
                raise Stopped from error
            message = str(error) or type(error).__name__
            trace = "" if isinstance(error, UserError) else traceback.format_exc()
            self._tell("failed", message, trace)
            provenance.end(self.folder, self.progress.step, f"failed: {message}")
            raise
        self._tell("done")
        provenance.end(self.folder, self.progress.step, "done")

    def _end_early(self) -> None:
        self._tell("pending")
        provenance.end(self.folder, self.progress.step, self.stop.reason or "interrupted")

    @contextmanager
    def _assembled(self) -> Iterator[Parts]:
        """Builds everything, and goes back to the newest checkpoint."""
        self._wait()  # a wish that came early spares the building
        settings, seed = self.settings, self.spec.seed
        with refusals(self.spec):
            renderer = choose_renderer(self.spec)
        checkpoints = Checkpoints(self.folder / "checkpoints", settings.checkpoint.keep)
        found = checkpoints.newest()
        device = prepare_tensorflow(seed)
        with ExitStack() as stack:
            evaluation = envs.make_env(self.spec.task, settings.for_evaluation())
            stack.callback(evaluation.close)
            self._check_length(evaluation.time_limit)
            observations = observation_spec(evaluation.observation_space)
            spec = action_spec(evaluation.action_space)
            if found is None:
                settled = resolve_groups.settle(self.spec, observations, self.folder, self._wait)
            else:
                settled = resolve_groups.recall(settings, found[1].progress.get("settled", {}))
            plain = env_settings(settings)
            parallel = stack.enter_context(envs.parallel.ParallelEnvs(self.spec.task, plain, settings.envs))
            with refusals(self.spec):
                agent = agents.registry.make_agent(settled, observations, spec, seed)
            driver = Driver(parallel, spec, seed, agent.initial_state(settings.envs))
            replay = self._restore(checkpoints, found, agent, driver, record_spec(observations, spec))
            self.progress.settled = resolve_groups.kept(settled)
            packages = family(self.spec.task).packages
            provenance.describe(self.folder, packages, device, renderer, self.progress.settled)
            recorder = stack.enter_context(Recorder(self.folder, self.progress.position, self.progress.step))
            cost = agent.cost(settings.train.batch_size, settings.train.batch_length)
            if cost and self.progress.position == 0:
                recorder.line(0, cost)
                logger.info("cost: %s", ", ".join(f"{name} {number:,}" for name, number in cost.items()))
            batches = Batches(replay, seed, settings.train.batch_size)
            stack.callback(batches.close)
            yield Parts(agent, spec, driver, evaluation, replay, batches, checkpoints, recorder)

    def _check_length(self, time_limit: int) -> None:
        settings = self.settings
        longest = -(-time_limit // settings.action_repeat) + 1
        if longest < settings.train.batch_length:
            raise UserError(
                f"train.batch_length = {settings.train.batch_length} is impossible: an episode of {self.spec.task} has "
                f"at most {longest} records (time limit {time_limit}, action_repeat {settings.action_repeat})"
            )

    def _restore(
        self,
        checkpoints: Checkpoints,
        found: tuple[int, Checkpoint] | None,
        agent: Agent,
        driver: Driver,
        records: RecordSpec,
    ) -> Replay:
        """Takes up the newest checkpoint, and trims what is newer; without any, starts anew.

        Raises:
            UserError: the agent cannot take over what was saved, or the episodes hold other records.
        """
        settings = self.settings
        if found is None:
            if checkpoints:
                logger.warning("%s: no checkpoint can be read; starting anew, the old data is set aside", self.folder)
                set_aside(self.folder, "episodes", METRICS, "events.*", "checkpoints")
            checkpoints.clear(after=-1)
            self.progress = Progress()
            driver.start()
        else:
            step, checkpoint = found
            checkpoints.clear(after=step)
            self.progress = Progress.from_json(checkpoint.progress)
            with refusals(self.spec):
                agent.load(checkpoint.agent)
            driver.load(checkpoint.driver)
            logger.info("going on from the checkpoint at step %d", step)
        replay = Replay(
            self.folder / "episodes",
            records,
            settings.train.batch_length,
            settings.replay.size // settings.action_repeat,
            settings.replay.memory,
            settings.replay.sampling,
            settings.replay.balance,
        )
        replay.restore(self.progress.replay_first, self.progress.replay_next)
        self._window = (self.progress.step, time.monotonic())
        return replay

    def _train(self, parts: Parts) -> None:
        progress, settings = self.progress, self.settings
        while True:
            self._update(parts)
            self._evaluate(parts)
            self._record(parts)
            if progress.step >= settings.steps:
                break
            if self._due(progress.saved, settings.checkpoint.every):
                self._save(parts)
            self._stop_if_wanted(parts)
            self._collect(parts)
        self._save(parts)

    def _collect(self, parts: Parts) -> None:
        """Takes one agent step in every environment; what it makes due is noted as debt."""
        progress, train = self.progress, self.settings.train
        before = progress.step
        if progress.pretrained:
            taken, ended = parts.driver.policy_step(lambda seen, memory: parts.agent.policy(seen, memory, True))
        else:
            taken, ended = parts.driver.random_step()
        progress.step += taken
        for index, trace in ended:
            parts.replay.add(trace.episode(), index)
            progress.episodes += 1
            if progress.evaluations == 0:
                progress.last_return = trace.score
            parts.recorder.line(progress.step, {"train/return": trace.score, "train/length": trace.steps})
        if progress.pretrained:
            progress.debt = train.updates * crossings(before, progress.step, train.every)
        elif progress.step >= train.prefill and len(parts.replay):
            parts.replay.snapshot()  # too short episodes are an error now, not when training begins
            progress.pretrained, progress.debt = True, train.pretrain
        self._heartbeat()

    def _update(self, parts: Parts) -> None:
        """Pays off the gradient steps that are owed."""
        progress = self.progress
        if progress.debt == 0:
            return
        for batch in parts.batches.draw(parts.replay.snapshot(), progress.updates, progress.debt):
            self._stop_if_wanted(parts)
            metrics = parts.agent.train(batch)
            self._check_finite(metrics)
            progress.updates += 1
            progress.debt -= 1
            progress.add(metrics)
            self._heartbeat()

    def _check_finite(self, metrics: dict[str, float]) -> None:
        """A gradient may overflow while a loss scale is in force: the agent skips that step and lowers the scale."""
        scaled = metrics.get("optimizer/loss_scale", 1.0) > 1.0
        for name, value in metrics.items():
            expected = ("loss/",) if scaled else ("loss/", "gradient/")
            if name.startswith(expected) and not math.isfinite(value):
                raise DivergedError(
                    f"{name} is {value} at step {self.progress.step}, update {self.progress.updates}; "
                    "the last checkpoint is kept"
                )

    def _evaluate(self, parts: Parts) -> None:
        """Plays episodes with the actor's mode: first after pretraining, then at multiples, and at the end."""
        progress, settings = self.progress, self.settings
        at_end = progress.step >= settings.steps and progress.evaluated != progress.step
        if not at_end and not (progress.pretrained and self._due(progress.evaluated, settings.eval.every)):
            return
        before = parts.agent.save()
        try:
            traces = [self._play(parts, number) for number in range(settings.eval.episodes)]
        except Stopped:
            parts.agent.load(before)  # as if the evaluation had not begun
            self._save(parts)
            raise
        report = Report({}, {})
        if progress.pretrained and (sequences := heldout(traces)) is not None:
            report = parts.agent.report(sequences)
        progress.evaluations += 1
        progress.evaluated = progress.step
        progress.last_return = float(np.mean([trace.score for trace in traces]))
        line = {
            "eval/return": progress.last_return,
            "eval/returns": [trace.score for trace in traces],
            "eval/episodes": len(traces),
            "eval/length": float(np.mean([trace.steps for trace in traces])),
        }
        parts.recorder.line(progress.step, line | report.metrics)
        if settings.eval.video:
            shown = traces[0].observations[:FILMED]
            if IMAGE in shown[0]:
                parts.recorder.video(progress.step, "eval/episode", np.stack([each[IMAGE] for each in shown]))
            for name, video in report.videos.items():
                parts.recorder.video(progress.step, name, video)
        logger.info("step %d: evaluation return %.1f", progress.step, progress.last_return)

    def _play(self, parts: Parts, number: int) -> EpisodeBuilder:
        """Plays one episode of an evaluation.

        Raises:
            Stopped: the run was asked to stop; nothing is saved yet.
        """

        def act(observations: Observations, memory: PolicyState) -> tuple[Actions, PolicyState]:
            if self.stop.wanted:
                raise Stopped
            self._heartbeat()
            return parts.agent.policy(observations, memory, False)

        count = self.progress.evaluations * self.settings.eval.episodes + number
        seed = derive(self.spec.seed, Stream.EVAL, count)
        return play(parts.evaluation, act, parts.agent.initial_state(1), parts.spec, seed)

    def _record(self, parts: Parts) -> None:
        """Writes a line of training metrics, averaged since the last one."""
        progress = self.progress
        if not self._due(progress.recorded, self.settings.record.every):
            return
        now = time.monotonic()
        step, since = self._window
        self._fps = (progress.step - step) / max(now - since, 1e-9)
        self._window = (progress.step, now)
        progress.recorded = progress.step
        line = {
            **progress.take_averages(),
            "train/updates": progress.updates,
            "time/fps": self._fps,
            "time/hours": self._seconds() / 3600,
        }
        parts.recorder.line(progress.step, line)

    def _save(self, parts: Parts) -> None:
        """Writes a checkpoint, then deletes the episodes that no kept checkpoint counts."""
        progress = self.progress
        progress.saved = progress.step
        progress.position = parts.recorder.sync()
        progress.replay_first, progress.replay_next = parts.replay.first, parts.replay.next
        counters = progress.to_json() | {"seconds": self._seconds()}
        parts.checkpoints.save(progress.step, Checkpoint(parts.agent.save(), parts.driver.save(), counters))
        kept = parts.checkpoints.progresses()
        parts.replay.discard(before=min(counted.get("replay_first", 0) for counted in kept))

    def _wait(self, _: int = 0) -> None:
        """What is called while something before the training takes long: nothing is lost yet if it stops there."""
        if self.stop.wanted:
            raise Stopped
        self._heartbeat()

    def _stop_if_wanted(self, parts: Parts) -> None:
        if self.stop.wanted:
            self._save(parts)
            raise Stopped

    def _due(self, last: int, every: int) -> bool:
        """Whether a multiple of `every` has been passed since a mark; a mark of -1 was never made."""
        return last < 0 or crossings(last, self.progress.step, every) > 0

    def _seconds(self) -> float:
        return self.progress.seconds + time.monotonic() - self._began

    def _heartbeat(self) -> None:
        if time.monotonic() - self._beat > self.settings.record.heartbeat:
            self._tell("running")

    def _tell(self, phase: Phase, error: str | None = None, trace: str | None = None) -> None:
        self._beat = time.monotonic()
        progress = self.progress
        told = State(
            phase,
            progress.step,
            self.settings.steps,
            progress.last_return,
            self._fps if phase == "running" else None,
            error=error,
            traceback=trace,
        )
        state.write(self.folder, told)


@contextmanager
def refusals(spec: RunSpec) -> Iterator[None]:
    """What an agent or a renderer refuses is a mistake in the suite, and needs no traceback."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{spec.task}, {spec.variant}: {error}") from error


def env_settings(settings: EnvSettings) -> EnvSettings:
    """The environment's share of all settings, so that its process need not import what the others mean."""
    return EnvSettings.model_validate({name: getattr(settings, name) for name in EnvSettings.model_fields})


def set_aside(folder: Path, *patterns: str) -> None:
    """Moves what a lost run wrote out of the way of a new one, in the order of the patterns."""
    aside = folder / f"set_aside-{datetime.now():%Y%m%d-%H%M%S-%f}"
    aside.mkdir()
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.rename(aside / path.name)


def crossings(before: int, now: int, every: int) -> int:
    """How many multiples of `every` lie in (before, now]: counted so, uneven steps never make a schedule drift."""
    return now // every - before // every
