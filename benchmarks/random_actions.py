"""What random actions get: the return of every task of dm_control and every toy task, at action repeat 2 and 4.

    python -m benchmarks.random_actions

A task and action repeat is a row of results/published/references/random.json. Rows that the file has are kept, and each
new one is written at once. So the same command resumes after a kill, and a row removed from the file is made anew.

Each episode has a seed of its own: episode k is reset with seed k, and its actions come from the generator
`common.seeds.generator(k, Stream.PREFILL)`.
"""

import argparse
import itertools
import platform
from contextlib import closing
from importlib import metadata
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from agents.agent import Observations, PolicyState
from analysis.references import RANDOM
from common import files
from common.origin import cpu
from common.seeds import Stream, generator
from envs import make_env
from envs.registry import FAMILIES
from envs.settings import EnvSettings
from envs.task import TaskEnv
from runs.training.actions import Actions, action_spec, random_action
from runs.training.driver import play

TASKS = tuple(task for name in ("dmc", "toy") for task in (*FAMILIES[name].continuous, *FAMILIES[name].discrete))
ACTION_REPEATS = (2, 4)  # the paper's and the CPU preset's
EPISODES = 100
PACKAGES = ("dm_control", "mujoco", "numpy")


def main() -> None:
    """Play what the file lacks, and write and print each row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_actions", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RANDOM, help="the file to begin or to complete (%(default)s)")
    out = parser.parse_args().out
    head = header()
    table = files.read_json(out) or {**head, "rows": []}
    if {key: table.get(key) for key in head} != head:
        parser.error(f"{out}: has rows of other versions, another machine or another protocol; name another --out")
    rows = {(row["action_repeat"], row["task"]): row for row in table["rows"]}
    wanted = list(itertools.product(ACTION_REPEATS, TASKS))
    for action_repeat, task in wanted:
        if (action_repeat, task) not in rows:
            row = rows[action_repeat, task] = measure(task, action_repeat)
            files.write_json(out, {**head, "rows": [rows[key] for key in wanted if key in rows]})
            print(*row.values(), flush=True)


def header() -> dict[str, Any]:
    """What all rows of a file have in common."""
    return {
        "source": f"{EPISODES} episodes of random actions per task, measured by this code",
        "command": "python -m benchmarks.random_actions",
        "unit": "return of an episode of at most 1000 environment steps (toy tasks: 200); mean and std (of a sample) "
        "are over episodes; steps is the mean number of environment steps of an episode",
        "actions": "uniform in [-1, 1] or among the discrete actions, drawn anew at each agent step",
        "seeds": "episode k from 0: reset with seed k, actions from common.seeds.generator(k, Stream.PREFILL)",
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES},
        "machine": f"{platform.machine()}, {cpu()}",
    }


def measure(task: str, action_repeat: int, episodes: int = EPISODES) -> dict[str, Any]:
    """The row of a task and action repeat."""
    with closing(make_env(task, EnvSettings(action_repeat=action_repeat), observe=())) as env:
        played = [play_at_random(env, seed) for seed in range(episodes)]
    returns, steps = zip(*played, strict=True)
    return {
        "task": task,
        "action_repeat": action_repeat,
        "mean": round(mean(returns), 4),
        "std": round(stdev(returns), 4),
        "steps": round(mean(steps), 2),
    }


def play_at_random(env: TaskEnv, seed: int) -> tuple[float, int]:
    """The return and environment steps of an episode, which depend only on the seed."""
    spec, rng = action_spec(env.action_space), generator(seed, Stream.PREFILL)

    def policy(observations: Observations, state: PolicyState) -> tuple[Actions, PolicyState]:
        return random_action(spec, rng)[np.newaxis], state

    episode = play(env, policy, {}, spec, seed)
    return episode.score, episode.steps


if __name__ == "__main__":
    main()
