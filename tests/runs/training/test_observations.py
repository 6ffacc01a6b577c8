"""Observations reach the agent's batch unchanged: through workers, files, sampling and tf.data."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from agents.agent import ActionSpec, Observations, PolicyState
from common.seeds import Stream, derive
from envs import make_env
from envs.parallel import ParallelEnvs
from envs.settings import EnvSettings
from envs.task import Observe
from runs.store.episodes import Name, load, record_spec
from runs.training.actions import Actions
from runs.training.batches import Batches
from runs.training.driver import Driver
from runs.training.observations import observation_spec
from runs.training.replay import Replay

TASK = "toy_reach_2"
SETTINGS = EnvSettings(action_repeat=4, time_limit=40)
LENGTH = 5


def push(observations: Observations, state: PolicyState) -> tuple[Actions, PolicyState]:
    """Actions that depend on all observations and on their number."""
    totals = sum(array.reshape(len(array), -1).astype(float).sum(1) for array in observations.values())
    age = state["age"] + 1
    return np.stack([np.sin(totals), np.cos(age)], -1).astype(np.float32), {"age": age}


@pytest.mark.parametrize("observe", [("state",), ("image", "state")])
def test_batches_hold_what_the_environment_shows(observe: Observe, tmp_path: Path) -> None:
    with ParallelEnvs(TASK, SETTINGS, 2, observe) as envs:
        spec = record_spec(observation_spec(envs.observation_space), ActionSpec(2))
        replay = Replay(tmp_path, spec, LENGTH, capacity=10**9, memory=1e-9)  # from disk, each time
        driver = Driver(envs, ActionSpec(2), 3, {"age": np.zeros(2)})
        driver.start()
        while len(replay) < 4:
            for index, episode in driver.policy_step(push)[1]:
                replay.add(episode.arrays(), index)
    shown = []  # each episode, replayed in the environment
    with make_env(TASK, SETTINGS, observe=observe) as env:
        for path in sorted(tmp_path.iterdir()):
            name = Name.parse(path.name)
            assert name is not None
            saved = load(path, name.length, spec)
            seed = derive(3, Stream.TRAIN, name.env, name.index // 2)
            moments = [env.reset(seed=seed)[0], *(env.step(action)[0] for action in saved["action"][1:])]
            shown.append({key: np.stack([moment[key] for moment in moments]) for key in observe})
            assert saved.keys() == {*observe, "action", "reward", "discount"}
            for key, array in shown[-1].items():
                assert array.dtype == saved[key].dtype
                np.testing.assert_array_equal(saved[key], array)
    batches = Batches(replay, seed=0, size=8)
    [batch] = batches.draw(replay.snapshot(), 0, 1)
    batches.close()
    for row in range(8):
        drawn = {key: batch[key][row].numpy() for key in observe}
        assert any(
            all(np.array_equal(array[start : start + LENGTH], drawn[key]) for key, array in arrays.items())
            for arrays in shown
            for start in range(len(arrays["state"]) - LENGTH + 1)
        )
        assert {key: array.dtype for key, array in drawn.items()} == {key: shown[0][key].dtype for key in observe}


def test_observations_other_than_named_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="must be arrays by name, not Discrete"):
        observation_spec(gymnasium.spaces.Discrete(3))
    with pytest.raises(ValueError, match="the observation words must be an array, not Text"):
        observation_spec(gymnasium.spaces.Dict({"words": gymnasium.spaces.Text(3)}))
