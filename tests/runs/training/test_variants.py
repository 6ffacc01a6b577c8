"""Every variant of every suite trains, saves and goes on: real environments, real agents, tiny networks.

Variants, sweep and tasks are those of the suite; sizes and schedule are those of the preset `debug`.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import agents.registry
import envs
from agents.agent import CONTEXT, OUTCOMES, ActionSpec, Agent, Arrays, ObservationSpec
from agents.dreamer import Dreamer
from agents.registry import AGENTS
from runs.store import state
from runs.store.checkpoint import Checkpoint, Checkpoints
from runs.store.stop import Stop
from runs.training.actions import action_spec, native, random_action
from runs.training.attempt import run
from runs.training.episode import EpisodeBuilder
from runs.training.material import steps_of
from runs.training.monitor import Stopped
from runs.training.observations import observation_spec
from runs.training.resolve_groups import settle
from suites.plan import RunSpec, plan
from suites.settings import presets
from suites.suite import Suite, load_suite
from tests.runs.standin import metrics

FOLDER = Path(__file__).parents[3] / "suites"
SUITES = {path.stem: path for path in sorted(FOLDER.glob("*.yaml")) if "\nname: " in path.read_text()}
# What makes a test short, lets every weight move, and leaves room to match the parameter counts of small models.
SHORT = [
    "renderer=raycast",
    "discovery.steps=400",
    "dynamics.free_nats=0",
    "dynamics.deterministic=96",
    "dynamics.hidden=96",
]
STEPS = CONTEXT + 3  # records of a sequence


def small(path: Path) -> Suite:
    """The suite with the sizes and the schedule of the preset `debug`, observed as its own preset says."""
    suite = load_suite(path, SHORT)
    blocks = presets()
    kept = {key: node for key, node in blocks[suite.preset or "paper"].items() if key == "observation"}
    own = {key: node for key, node in suite.settings.items() if key not in blocks["debug"] and key != "steps"}
    settings = kept | own
    return dataclasses.replace(suite, preset="debug", settings=settings, by_task={}, _resolved={})


def cases() -> Iterator[Any]:
    """One run of each variant, on the suite's first task; equal ones, under whatever names, once."""
    seen = set()
    for name, path in SUITES.items():
        specs = plan(small(path))
        for spec in specs:
            if spec.task == specs[0].task and spec.seed == specs[0].seed and spec.identity not in seen:
                seen.add(spec.identity)
                yield pytest.param(spec, id=f"{name}-{spec.variant}")


def experience(spec: RunSpec) -> tuple[Arrays, ObservationSpec, ActionSpec]:
    """Sequences of random actions in the run's own environment, and what it takes and gives."""
    env = envs.make_env(spec.task, spec.settings)
    actions, rng, traces = action_spec(env.action_space), np.random.default_rng(0), []
    for seed in range(2):
        trace = EpisodeBuilder(seed)
        trace.start(env.reset(seed=seed)[0], actions.size)
        while len(trace.actions) < STEPS:
            action = random_action(actions, rng)
            observation, reward, _, _, info = env.step(native(actions, action[None])[0])
            trace.append(observation, action, float(reward), info["discount"], info["steps"])
        traces.append(trace.arrays())
    env.close()
    batch = {key: np.stack([trace[key] for trace in traces]) for key in traces[0]}
    return batch, observation_spec(env.observation_space), actions


def changed(before: Arrays, after: Arrays) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


def weights(agent: Dreamer, *groups: str) -> set[str]:
    found = agent.model.groups | agent.behavior.groups
    return {weight.path for name in groups for weight in found.get(name, [])}


def nudged(agent: Dreamer, saved: Arrays, *groups: str) -> Arrays:
    return saved | {name: saved[name] + np.float32(0.01) for name in weights(agent, *groups)}


@pytest.mark.parametrize("spec", cases())
def test_variant_trains_saves_and_goes_on(spec: RunSpec, tmp_path: Path) -> None:
    batch, observations, actions = experience(spec)
    settled = settle(spec, observations, tmp_path, lambda steps: None)
    agent: Agent = agents.registry.make_agent(settled, observations, actions, spec.seed)
    fresh, material = agent.save(), learned_from(agent, AGENTS[spec.settings.agent].learns_from, batch)

    first = agent.train(material)
    trained = agent.save()
    assert all(np.isfinite(value) for value in first.values()), first
    if isinstance(agent, Dreamer):
        check_what_moved(agent, fresh, trained, batch)
    else:
        weights = {name for name in fresh if name.endswith(("kernel", "bias")) and not name.startswith("target_")}
        assert bool(first) == bool(weights) == AGENTS[spec.settings.agent].learns
        assert weights <= changed(fresh, trained)

    agent.load(trained)
    check_acting(agent, batch, actions.discrete)
    agent.report(batch)
    after = agent.save()
    assert changed(trained, after) <= {"acts"}

    Checkpoints(tmp_path / "checkpoints").save(7, Checkpoint(after, {}, {}))
    second = agent.train(material)
    found = Checkpoints(tmp_path / "checkpoints").newest()
    assert found is not None
    agent.load(found[1].agent)
    assert agent.train(material) == second


def learned_from(agent: Agent, kind: str, batch: Arrays) -> Arrays:
    """The batch in the form from which the agent learns."""
    if kind == "unrolls":
        unrolls = [steps_of({name: array[row] for name, array in batch.items()}, False, STEPS) for row in range(2)]
        return {name: np.stack([unroll[name] for unroll in unrolls]) for name in unrolls[0]}
    return {name: array[:, : agent.length] for name, array in batch.items()}


def check_what_moved(agent: Dreamer, fresh: Arrays, trained: Arrays, batch: Arrays) -> None:
    """All weights change, each by the loss of its own group: behaviour and display decoders never affect the model."""
    groups = {*agent.model.groups, *agent.behavior.groups}
    expected = {"planner": set(), "actor_critic": {"actor", "value"}}[agent._settings.behavior.kind]
    if agent._settings.behavior.value == "none":
        expected -= {"value"}
    assert groups - {"model", "decoder"} == expected
    assert ("decoder" in groups) == (agent._settings.representation.objective != "pixels")
    still = weights(agent, *groups) - changed(fresh, trained)
    assert not still, f"did not move: {still}"
    for others in (groups - {"model"},):
        agent.load(nudged(agent, fresh, *others))
        agent.train(batch)
        pulled = weights(agent, "model") & changed(trained, agent.save())
        assert not pulled, f"moved with {others}: {pulled}"


def check_acting(agent: Agent, batch: Arrays, discrete: bool) -> None:
    first = {name: array[:, 0] for name, array in batch.items() if name not in OUTCOMES}
    for training in (True, False):
        action, _ = agent.policy(first, agent.initial_state(2), training)
        if discrete:
            np.testing.assert_array_equal(np.sort(action, -1)[:, -2:], [[0, 1]] * 2)
        else:
            assert (np.abs(action) <= 1).all()


class StopAtCheckpoint(Stop):
    """Asks a run to stop as soon as it has saved itself once."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._checkpoints = folder / "checkpoints"

    @property
    def requested(self) -> bool:
        return self._checkpoints.exists() and any(self._checkpoints.iterdir())


def kinds() -> Iterator[Any]:
    """A run of each variant of the ablations for a CPU, at the first point of its sweep."""
    suite = small(SUITES["ablations_cpu"])
    seen = set()
    for spec in plan(suite, {"seed": ["0"]}):
        variant = spec.variant.partition("+")[0]
        if variant not in seen:
            seen.add(variant)
            yield pytest.param(spec, id=spec.variant)


@pytest.mark.parametrize("spec", kinds())
def test_ablation_runs_to_its_end_though_it_is_stopped(spec: RunSpec, tmp_path: Path) -> None:
    """A whole run: prefill, training, evaluation with model error, checkpoint; stopped and resumed."""
    spec = dataclasses.replace(spec, settings=spec.settings.model_copy(update={"steps": 600}))
    with pytest.raises(Stopped):
        run(spec, tmp_path, StopAtCheckpoint(tmp_path))
    stopped = state.read(tmp_path)
    assert (stopped.state, 0 < stopped.step < 600) == ("pending", True)
    run(spec, tmp_path)
    assert state.read(tmp_path).state == "done"
    lines = metrics(tmp_path)
    evaluated = [line["step"] for line in lines if "eval/return" in line]
    assert evaluated == sorted(set(evaluated))
    assert evaluated[-1] == 600
    losses = [value for line in lines for name, value in line.items() if name.startswith("loss/")]
    assert np.isfinite(losses).all()
    assert bool(losses) == AGENTS[spec.settings.agent].learns
