import os
import signal
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from common.errors import UserError
from envs import make_env
from envs.parallel import ParallelEnvs, StepResults, WorkerError
from envs.settings import EnvSettings
from envs.task import Observation, Observe
from tests.waiting import wait_until

SETTINGS = EnvSettings(action_repeat=3, time_limit=10)
TASK = "toy_reach_2"


def pids(envs: ParallelEnvs) -> list[int]:
    return [place._process.pid for place in envs._places]  # type: ignore[attr-defined]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("observe", [("image",), ("state",), ("image", "state")])
@pytest.mark.parametrize("count", [1, 3])
def test_each_row_is_an_environment_of_its_own(count: int, observe: Observe) -> None:
    seeds = [11, 5, 7][:count]
    alone = [make_env(TASK, SETTINGS, observe=observe) for _ in seeds]
    rng = np.random.default_rng(0)

    def check(observations: Observation, expected: list[Observation]) -> None:
        assert sorted(observations) == sorted(observe)
        for name, array in observations.items():
            assert array.dtype == expected[0][name].dtype
            np.testing.assert_array_equal(array, [observation[name] for observation in expected])

    with ParallelEnvs(TASK, SETTINGS, count, observe) as envs:
        assert envs.count == count
        assert envs.observation_space == alone[0].observation_space
        assert envs.action_space == gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        check(envs.reset_all(seeds), [env.reset(seed=seed)[0] for env, seed in zip(alone, seeds, strict=True)])
        for taken in (3, 3, 3, 1):
            actions = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
            got = envs.step(actions)
            expected = [env.step(action) for env, action in zip(alone, actions, strict=True)]
            check(got.observations, [step[0] for step in expected])
            np.testing.assert_allclose(got.rewards, [step[1] for step in expected], rtol=1e-6)
            assert got.truncated.tolist() == [taken == 1] * count
            assert got.terminated.tolist() == [False] * count
            assert got.discounts.tolist() == [1.0] * count
            assert got.steps.tolist() == [taken] * count
        assert [got.rewards.dtype, got.discounts.dtype] == [np.float32, np.float32]


def test_one_environment_is_reset_without_the_others() -> None:
    with ParallelEnvs("toy_grid", SETTINGS, 2) as envs:
        first = envs.reset_all([3, 4])
        envs.step([0, 1])
        np.testing.assert_array_equal(envs.reset(1, 3)["image"], first["image"][0])
        np.testing.assert_array_equal(envs.step([2, 2]).steps, [3, 3])


def test_true_ends_reach_the_caller() -> None:
    with ParallelEnvs("toy_grid", EnvSettings(action_repeat=4, time_limit=200), 2) as envs:
        envs.reset_all([0, 1])
        rng = np.random.default_rng(0)
        ended: StepResults | None = None
        for _ in range(200):
            results = envs.step(rng.integers(4, size=2))
            if results.terminated.any():
                ended = results
                break
            for index in np.flatnonzero(results.truncated):
                envs.reset(int(index), 2)
        assert ended is not None
        np.testing.assert_array_equal(ended.discounts == 0, ended.terminated)


def test_failure_in_a_worker_shows_its_traceback_and_ends_all() -> None:
    with ParallelEnvs(TASK, SETTINGS, 2) as envs:
        workers = pids(envs)
        envs.reset_all([0, 1])
        with pytest.raises(WorkerError, match=r"(?s)environment 0 of toy_reach_2.*in step.*ValueError: the action"):
            envs.step(np.zeros((2, 5)))
        assert not any(map(alive, workers))


def test_failure_at_birth_shows_its_traceback() -> None:
    broken = SETTINGS.model_copy(update={"time_limit": None})
    with pytest.raises(WorkerError, match=r"(?s)Traceback.*TypeError: '<' not supported"):
        ParallelEnvs(TASK, broken, 2)


def test_unknown_task_needs_no_worker_to_be_refused() -> None:
    with pytest.raises(UserError, match=r"unknown task toy_reech_2; .*did you mean toy_reach_2"):
        ParallelEnvs("toy_reech_2", SETTINGS, 2)


@pytest.mark.parametrize("killed", [0, 1])
def test_killed_worker_is_an_error_and_no_hang(killed: int) -> None:
    with ParallelEnvs(TASK, SETTINGS, 2) as envs:
        workers = pids(envs)
        envs.reset_all([0, 1])
        os.kill(workers[killed], signal.SIGKILL)
        with pytest.raises(WorkerError, match=f"environment {killed} of toy_reach_2 died: killed by SIGKILL"):
            envs.step(np.zeros((2, 2)))
        assert not any(map(alive, workers))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_to_the_whole_job_leave_workers_to_their_parent(number: signal.Signals) -> None:
    with ParallelEnvs(TASK, SETTINGS, 2) as envs:
        envs.reset_all([0, 1])
        for pid in pids(envs):
            os.kill(pid, number)
        assert envs.step(np.zeros((2, 2))).steps.tolist() == [3, 3]


def test_close_leaves_no_process_and_may_be_repeated() -> None:
    envs = ParallelEnvs(TASK, SETTINGS, 2)
    workers = pids(envs)
    assert all(map(alive, workers))
    envs.close()
    envs.close()
    assert not any(map(alive, workers))


def test_workers_end_with_their_parent() -> None:
    program = f"""
import os, signal
from envs.parallel import ParallelEnvs
from envs.settings import EnvSettings
from envs.task import Observation, Observe
envs = ParallelEnvs({TASK!r}, EnvSettings(), 2)
print(*[place._process.pid for place in envs._places], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    parent = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in parent.stdout.split()]
    assert len(workers) == 2
    wait_until(lambda: not any(map(alive, workers)), "the workers have ended")


def test_workers_load_no_tensorflow() -> None:
    program = "import sys, envs.worker, envs.toy, envs.dmc; print('tensorflow' in sys.modules, 'mujoco' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["False", "False"]


def test_dm_control_draws_in_workers() -> None:
    settings = EnvSettings(renderer="raycast")
    with ParallelEnvs("dmc_cartpole_swingup", settings, 2) as envs:
        images = envs.reset_all([0, 1])["image"]
    np.testing.assert_array_equal(images[1], make_env("dmc_cartpole_swingup", settings).reset(seed=1)[0]["image"])
