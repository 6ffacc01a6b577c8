"""Builds the parts of a run, from scratch or from its newest checkpoint."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import agents.registry
import envs
import envs.parallel
from agents.agent import ActionSpec, Agent
from agents.registry import AGENTS
from common.errors import UserError
from common.text import counted
from envs.registry import packages
from envs.settings import EnvSettings
from envs.task import TaskEnv
from runs.store import provenance
from runs.store.checkpoint import Checkpoint, Checkpoints
from runs.store.episodes import RecordSpec, record_spec
from runs.training import resolve_groups
from runs.training.actions import action_spec
from runs.training.beside import Companion
from runs.training.driver import Driver
from runs.training.material import Material, make_material
from runs.training.monitor import Monitor
from runs.training.observations import observation_spec
from runs.training.progress import Progress
from runs.training.recorder import METRICS, Recorder
from runs.training.replay import Replay
from runs.training.runtime import choose_renderer, prepare_tensorflow
from suites.plan import RunSpec

logger = logging.getLogger(__name__)


@dataclass
class Parts:
    """The parts of a run, except its progress."""

    agent: Agent
    companion: Companion | None
    actions: ActionSpec
    driver: Driver
    evaluation: TaskEnv
    replay: Replay
    material: Material
    checkpoints: Checkpoints
    recorder: Recorder
    damaged: bool  # whether files were found damaged since the checkpoint


@contextmanager
def assembled(spec: RunSpec, folder: Path, monitor: Monitor) -> Iterator[Parts]:
    """Builds all parts, restores the newest checkpoint, and closes what must be closed afterwards.

    Raises:
        Stopped: the run was asked to stop; nothing is lost.
        UserError: the settings make training impossible, or the agent or the episodes are from another version.
    """
    monitor.check()  # an early stop request avoids the cost of building
    settings, seed = spec.settings, spec.seed
    with refusals(spec):
        renderer = choose_renderer(spec)
    checkpoints = Checkpoints(folder / "checkpoints", settings.checkpoint.keep)
    found = checkpoints.newest()
    device = prepare_tensorflow(seed)
    with ExitStack() as stack:
        evaluation = envs.make_env(spec.task, settings.for_evaluation())
        stack.callback(evaluation.close)
        observations = observation_spec(evaluation.observation_space)
        actions = action_spec(evaluation.action_space)
        if found is None:
            settled = resolve_groups.settle(spec, observations, folder, lambda _: monitor.check())
        else:
            settled = resolve_groups.recall(settings, found[1].progress.get("settled", {}))
        plain = env_settings(settings)
        beside = settings.collect == "beside"
        parallel = stack.enter_context(envs.parallel.ParallelEnvs(spec.task, plain, settings.envs, apart=beside))
        with refusals(spec):
            agent = agents.registry.make_agent(settled, observations, actions, seed)
        companion = None
        if beside:
            companion = Companion(agents.registry.make_agent(settled, observations, actions, seed))
            stack.callback(companion.close)
        driver = Driver(parallel, actions, seed, agent.initial_state(settings.envs))
        _restore(spec, folder, checkpoints, found, agent, driver, monitor)
        progress = monitor.progress
        longest = -(-evaluation.time_limit // settings.action_repeat)
        replay = _replay(spec, folder, record_spec(observations, actions), agent.length, longest, progress)
        progress.settled = resolve_groups.kept(settled)
        position = (progress.step, progress.updates)
        provenance.describe(folder, position, packages(spec.task), device, renderer, progress.settled)
        recorder = stack.enter_context(Recorder(folder, progress.position, progress.step, progress.digest))
        progress.damage += [recorder.damage] if recorder.damage else []
        damaged = bool(recorder.damage) or not replay.lost.issubset(progress.lost)
        material = make_material(settings, replay, driver, seed)
        stack.callback(material.close)
        cost = agent.cost(material.sequences, material.length)
        if cost and progress.position == 0:
            recorder.line(0, cost)
            logger.info("cost: %s", ", ".join(f"{name} {number:,}" for name, number in cost.items()))
        yield Parts(agent, companion, actions, driver, evaluation, replay, material, checkpoints, recorder, damaged)


def _restore(
    spec: RunSpec,
    folder: Path,
    checkpoints: Checkpoints,
    found: tuple[int, Checkpoint] | None,
    agent: Agent,
    driver: Driver,
    monitor: Monitor,
) -> None:
    """Restores the newest checkpoint and drops newer data; without a checkpoint, starts from scratch.

    Raises:
        UserError: the agent cannot load its saved arrays.
    """
    if found is None:
        if checkpoints:
            logger.warning("%s: no checkpoint can be read; starting from scratch, the old data is set aside", folder)
            set_aside(folder, "episodes", METRICS, "events.*", "checkpoints")
        checkpoints.clear(after=-1)
        monitor.progress = Progress()
        driver.start()
        return
    step, checkpoint = found
    checkpoints.clear(after=step)
    try:
        monitor.progress = Progress.from_json(checkpoint.progress)
    except TypeError as error:
        raise UserError(f"{checkpoints.folder / str(step)}: a checkpoint of another version ({error})") from None
    with refusals(spec):
        agent.load(checkpoint.agent)
    driver.load(checkpoint.driver)
    logger.info("resuming from the checkpoint at step %d", step)


def _replay(
    spec: RunSpec, folder: Path, records: RecordSpec, own_length: int | None, longest: int, progress: Progress
) -> Replay:
    """The replay, restored to the episodes of the progress.

    Args:
        spec: The run.
        folder: Its folder.
        records: The specification of a record.
        own_length: The length of sequences or unrolls that the agent sets.
        longest: Agent steps of the longest episode.
        progress: The run's progress.

    Raises:
        UserError: no episode is as long as a sequence, the records of the episodes do not match, or all of those that
            it has collected are lost.
    """
    settings = spec.settings
    length = own_length or settings.train.batch_length
    capacity = settings.replay.size // settings.action_repeat
    if AGENTS[settings.agent].learns_from == "unrolls":
        capacity = settings.envs * (length + longest)  # an unroll reaches into episodes that have ended
    elif length > longest + 1:
        name = f"the length of {settings.agent}'s sequences" if own_length else "train.batch_length"
        raise UserError(
            f"{name} = {length} is impossible: an episode of {spec.task} has at most {longest + 1} records "
            f"(time limit {settings.time_limit}, action_repeat {settings.action_repeat})"
        )
    replay = Replay(
        folder / "episodes",
        records,
        length,
        capacity,
        settings.replay.memory,
        settings.replay.sampling,
        settings.replay.balance,
    )
    replay.restore(progress.replay_first, progress.replay_next)
    if (
        replay.lost
        and progress.pretrained
        and AGENTS[settings.agent].learns_from != "unrolls"
        and (replay.longest < length)
    ):
        raise UserError(
            f"{replay.folder}: {counted(len(replay.lost), 'episode')} lost, and none of {length} records is "
            "left to learn from; bring them back, or move the run's folder away to start it anew"
        )
    return replay


@contextmanager
def refusals(spec: RunSpec) -> Iterator[None]:
    """Turns a ValueError of an agent or a renderer into a UserError: it is a mistake in the suite."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{spec.task}, {spec.variant}: {error}") from error


def env_settings(settings: EnvSettings) -> EnvSettings:
    """The environment's part of all settings, so that its process need not import the other packages."""
    return EnvSettings.model_validate({name: getattr(settings, name) for name in EnvSettings.model_fields})


def set_aside(folder: Path, *patterns: str) -> None:
    """Moves the files of an unreadable run aside, in the order of the patterns."""
    aside = folder / f"set_aside-{datetime.now():%Y%m%d-%H%M%S-%f}"
    aside.mkdir()
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.rename(aside / path.name)
