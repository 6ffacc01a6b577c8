"""The speed of collection: the ray caster once for each agent step, compared with OpenGL at each environment step.

    python -m benchmarks.collection

Dreamer's TensorFlow 2 reference draws every environment step with OpenGL, although with action repeat the agent sees
only every second image. The floor is the physics without any image. Each rate is the median over alternating rounds.
Each measurement has its own process, because dm_control loads one OpenGL library for the lifetime of a process. Atari's
games have no other renderer; their floor is the emulator.
"""

import statistics
import subprocess
import sys
import time

import numpy as np

from envs import make_env
from envs.renderer import probe
from envs.settings import EnvSettings

TASKS = ("dmc_walker_walk", "dmc_cheetah_run", "dmc_humanoid_walk")
GAMES = ("atari_pong", "atari_breakout", "atari_montezuma_revenge")
GOAL = 8.0
ACTION_REPEAT = 2
FRAMES = 4  # action repeat of the games
ROUNDS = 3
SECONDS = 3.0
OPENGL = ("egl", "osmesa")


def rate(task: str, renderer: str, action_repeat: int, draw: bool) -> float:
    """Environment steps per second with random actions, without resets."""
    env = make_env(task, EnvSettings(action_repeat=action_repeat, renderer=renderer))
    if not draw:
        blank = np.zeros_like(env.reset(seed=0)[0]["image"])
        env._draw = lambda: blank  # type: ignore[method-assign]
    env.action_space.seed(0)
    env.reset(seed=0)
    env.step(env.action_space.sample())  # the first drawing includes the set-up
    steps, spent, over = 0, 0.0, False
    while spent < SECONDS:
        if over:
            env.reset()
        action = env.action_space.sample()
        start = time.perf_counter()
        _, _, terminated, truncated, info = env.step(action)
        spent += time.perf_counter() - start
        steps += info["steps"]
        over = terminated or truncated
    return steps / spent


def rate_apart(task: str, renderer: str, action_repeat: int, draw: bool = True) -> float:
    """`rate` in a new process."""
    call = f"from benchmarks.collection import rate; print(rate({task!r}, {renderer!r}, {action_repeat}, {draw}))"
    return float(subprocess.run([sys.executable, "-c", call], stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    """Print the rates and their ratio for each task."""
    opengl = next((name for name in OPENGL if not probe(name).failure), None)
    print(f"OpenGL: {f'{opengl} on {probe(opengl).device}' if opengl else 'none can be loaded'}")
    print(f"{'environment steps/s':20} {'OpenGL, each':>13} {'raycast, once':>14} {'floor':>8} {'ratio':>7}")
    for task in TASKS:
        rounds = [
            (
                rate_apart(task, opengl, 1) if opengl else float("nan"),
                rate_apart(task, "raycast", ACTION_REPEAT),
                rate_apart(task, "raycast", ACTION_REPEAT, draw=False),
            )
            for _ in range(ROUNDS)
        ]
        reference, ours, floor = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(cast / drawn for drawn, cast, _ in rounds)
        print(f"{task:20} {reference:13.1f} {ours:14.1f} {floor:8.1f} {ratio:7.1f}  (goal: at least {GOAL:.0f})")
    print(f"{'frames/s':24} {'with images':>13} {'floor':>8}")
    for game in GAMES:
        pictures, floor = (
            statistics.median(rate_apart(game, "auto", FRAMES, draw) for _ in range(ROUNDS)) for draw in (True, False)
        )
        print(f"{game:24} {pictures:13.1f} {floor:8.1f}")


if __name__ == "__main__":
    main()
