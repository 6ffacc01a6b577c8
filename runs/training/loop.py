"""The schedule of a run: prefill, pretrain, then collect, train, evaluate, record, checkpoint.

The schedule is counted in environment steps. Between two calls of the agent, the whole state of a run is the agent's
arrays, the driver's arrays, the counters in `Progress` and the episodes on disk. A checkpoint can be written at any of
these points, and a resumed run repeats exactly what the killed one did.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable

import gymnasium
import numpy as np

from agents.agent import Agent, Batch, Observations, PolicyState, Report
from common.seeds import Stream, derive
from runs.store.checkpoint import Checkpoint, counter
from runs.training.actions import Actions
from runs.training.assemble import Parts
from runs.training.beside import Companion
from runs.training.driver import play
from runs.training.episode import EpisodeBuilder
from runs.training.evaluation_sequences import evaluation_sequences
from runs.training.film import Filmed
from runs.training.monitor import Monitor, Stopped
from runs.training.predictions import by_dimension, draw, unexplained
from runs.training.progress import crossings
from suites.plan import RunSpec

logger = logging.getLogger(__name__)

FILMED = 1000  # images in an evaluation's video: all of a dm_control episode, the beginning of a long game


class DivergedError(Exception):
    """A loss or a gradient is not finite."""


class Loop:
    """Collects, trains, evaluates, records and saves, each when it is due."""

    def __init__(self, spec: RunSpec, parts: Parts, monitor: Monitor):
        """Continues from the state of the parts."""
        self.settings = spec.settings
        self.seed = spec.seed
        self.parts = parts
        self.monitor = monitor
        self.progress = monitor.progress
        self._window = (self.progress.step, time.monotonic())  # at the last line of training metrics

    def run(self) -> None:
        """Trains to the last step.

        Raises:
            Stopped: the run was asked to stop, and has saved a checkpoint.
            DivergedError: a loss or a gradient is not finite; the last checkpoint is kept.
        """
        progress, settings = self.progress, self.settings
        if self.parts.damaged:
            self._save()  # so that what is lost stays known, and is found once
        while True:
            self._learn()
            self._evaluate()
            self._record()
            if progress.step >= settings.steps and progress.debt == 0:
                break
            if self._due(progress.saved, settings.checkpoint.every):
                self._save()
            self._stop_if_requested()
            if progress.debt == 0:
                progress.debt = self._collect(self.parts.agent)
                self.monitor.heartbeat()
        self._save()

    def _learn(self) -> None:
        """Takes the gradient steps that are due; with a companion, beside the environment steps up to the next ones."""
        progress, companion = self.progress, self.parts.companion
        if progress.debt == 0:
            return
        batches = self.parts.material.draw(progress.updates, progress.debt)
        if companion is not None:
            self._learn_beside(companion, batches)
            return
        try:
            self._train(batches)
        except Stopped:
            self._save()
            raise

    def _learn_beside(self, companion: Companion, batches: Iterable[Batch]) -> None:
        step, begun = self._capture()
        try:
            with companion.collecting(self.parts.agent, begun.agent, self._collect_ahead) as collected:
                self._train(batches)
        except Stopped:
            self._write(step, begun)  # half a phase is none of the points at which a checkpoint can be written
            raise
        self.progress.debt = collected.result()

    def _train(self, batches: Iterable[Batch]) -> None:
        progress = self.progress
        for batch in batches:
            if self.monitor.stop_requested:
                raise Stopped
            metrics = self.parts.agent.train(batch)
            self._check_finite(metrics)
            progress.updates += 1
            progress.debt -= 1
            progress.add(metrics)
            self.monitor.heartbeat()

    def _collect_ahead(self, agent: Agent, abandoned: Callable[[], bool]) -> int:
        """Takes agent steps until gradient steps are due, or until the last step; returns how many are due."""
        due = 0
        while not due and self.progress.step < self.settings.steps and not abandoned():
            due = self._collect(agent)
        return due

    def _collect(self, agent: Agent) -> int:
        """Takes one agent step in every environment; returns the gradient steps that became due."""
        progress = self.progress
        before = progress.step
        if progress.pretrained:
            taken, ended = self.parts.driver.policy_step(lambda seen, memory: agent.policy(seen, memory, True))
        else:
            taken, ended = self.parts.driver.random_step()
        progress.step += taken
        for index, episode in ended:
            self.monitor.check_lock()
            self.parts.replay.add(episode.arrays(), index)
            progress.episodes += 1
            if progress.evaluations == 0:
                progress.last_return = episode.score
            self.parts.recorder.line(progress.step, {"train/return": episode.score, "train/length": episode.steps})
        if progress.pretrained:
            progress.acts += 1
            return self.parts.material.due(before, progress)
        if progress.step >= self.settings.train.prefill and len(self.parts.replay):
            self.parts.agent.prepare(self.parts.replay.episodes())
            progress.pretrained = True
            return self.parts.material.begin()
        return 0

    def _check_finite(self, metrics: dict[str, float]) -> None:
        """With loss scaling a gradient may overflow: the agent then skips the step and lowers the scale."""
        scaled = metrics.get("optimizer/loss_scale", 1.0) > 1.0
        for name, value in metrics.items():
            expected = ("loss/",) if scaled else ("loss/", "gradient/")
            if name.startswith(expected) and not math.isfinite(value):
                raise DivergedError(
                    f"{name} is {value} at step {self.progress.step}, update {self.progress.updates}; "
                    "the last checkpoint is kept"
                )

    def _evaluate(self) -> None:
        """Plays episodes with the actor's mode: after pretraining, at multiples of `eval.every`, and at the end."""
        progress, settings = self.progress, self.settings
        at_end = progress.step >= settings.steps and progress.debt == 0 and progress.evaluated != progress.step
        if not at_end and not (progress.pretrained and self._due(progress.evaluated, settings.eval.every)):
            return
        before, film = self.parts.agent.save(), Filmed(self.parts.evaluation, FILMED)
        try:
            episodes = [
                self._play(number, film if number == 0 and settings.eval.video else self.parts.evaluation)
                for number in range(settings.eval.episodes)
            ]
        except Stopped:
            self.parts.agent.load(before)  # as before the evaluation
            self._save()
            raise
        report = Report()
        if progress.pretrained and (sequences := evaluation_sequences(episodes)) is not None:
            report = self.parts.agent.report(sequences)
        progress.evaluations += 1
        progress.evaluated = progress.step
        progress.last_return = float(np.mean([episode.score for episode in episodes]))
        line = {
            "eval/return": progress.last_return,
            "eval/returns": [episode.score for episode in episodes],
            "eval/episodes": len(episodes),
            "eval/length": float(np.mean([episode.steps for episode in episodes])),
        }
        self.monitor.check_lock()
        errors = report.metrics | unexplained(report.predictions) | by_dimension(report.predictions)
        self.parts.recorder.line(progress.step, line | errors)
        if settings.eval.video:
            self.parts.recorder.video(progress.step, "eval/episode", np.stack(film.frames))
            for name, video in report.videos.items():
                self.parts.recorder.video(progress.step, name, video)
            for name, prediction in report.predictions.items():
                picture = draw(prediction, self.parts.evaluation.state_names)
                self.parts.recorder.video(progress.step, f"openloop/{name}", picture[None])
        logger.info("step %d: evaluation return %.1f", progress.step, progress.last_return)

    def _play(self, number: int, env: gymnasium.Env) -> EpisodeBuilder:
        """Plays one episode of an evaluation in its environment, which may be filmed.

        Raises:
            Stopped: the run was asked to stop; nothing is saved yet.
        """

        def act(observations: Observations, memory: PolicyState) -> tuple[Actions, PolicyState]:
            self.monitor.check()
            return self.parts.agent.policy(observations, memory, False)

        count = self.progress.evaluations * self.settings.eval.episodes + number
        seed = derive(self.seed, Stream.EVAL, count)
        return play(env, act, self.parts.agent.initial_state(1), self.parts.actions, seed)

    def _record(self) -> None:
        """Writes a line of training metrics, averaged over the steps since the last line."""
        progress = self.progress
        if not self._due(progress.recorded, self.settings.record.every):
            return
        now = time.monotonic()
        step, since = self._window
        self.monitor.fps = (progress.step - step) / max(now - since, 1e-9)
        self._window = (progress.step, now)
        progress.recorded = progress.step
        line = {
            **progress.take_averages(),
            "train/updates": progress.updates,
            "time/fps": self.monitor.fps,
            "time/hours": self.monitor.seconds / 3600,
        }
        self.monitor.check_lock()
        self.parts.recorder.line(progress.step, line)

    def _save(self) -> None:
        """Writes a checkpoint."""
        self.progress.saved = self.progress.step
        self._write(*self._capture())

    def _capture(self) -> tuple[int, Checkpoint]:
        """The step, and the content of a checkpoint of now."""
        progress = self.progress
        progress.position, progress.digest = self.parts.recorder.sync(), self.parts.recorder.digest
        progress.lost = sorted(self.parts.replay.lost.union(progress.lost))
        progress.replay_first, progress.replay_next = self.parts.replay.first, self.parts.replay.next
        counters = progress.to_json() | {"seconds": self.monitor.seconds}
        return progress.step, Checkpoint(self.parts.agent.save(), self.parts.driver.save(), counters)

    def _write(self, step: int, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint, then deletes the episodes that no remaining checkpoint needs."""
        self.monitor.check_lock()
        self.parts.checkpoints.save(step, checkpoint)
        self.monitor.check_lock()
        kept = self.parts.checkpoints.progresses()
        self.parts.replay.discard(before=min(counter(progress, "replay_first") for progress in kept))

    def _stop_if_requested(self) -> None:
        if self.monitor.stop_requested:
            self._save()
            raise Stopped

    def _due(self, last: int, every: int) -> bool:
        """Whether a multiple of `every` was passed since the step `last`; -1 means never before."""
        return last < 0 or crossings(last, self.progress.step, every) > 0
