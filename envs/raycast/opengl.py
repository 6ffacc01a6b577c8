"""Images and speed of dm_control's own renderer, for comparison, measured in a separate process.

MUJOCO_GL selects the OpenGL backend once for each process, and the ray caster's process must not load OpenGL.
"""

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# Domain, task and camera: the tasks of Dream to Control's figure 6, and humanoid_walk.
SCENES: tuple[tuple[str, str, int], ...] = (
    ("acrobot", "swingup", 0),
    ("cartpole", "balance", 0),
    ("cartpole", "balance_sparse", 0),
    ("cartpole", "swingup", 0),
    ("cartpole", "swingup_sparse", 0),
    ("cheetah", "run", 0),
    ("ball_in_cup", "catch", 0),
    ("finger", "spin", 0),
    ("finger", "turn_easy", 0),
    ("finger", "turn_hard", 0),
    ("hopper", "hop", 0),
    ("hopper", "stand", 0),
    ("pendulum", "swingup", 0),
    ("quadruped", "run", 2),
    ("quadruped", "walk", 2),
    ("reacher", "easy", 0),
    ("reacher", "hard", 0),
    ("walker", "run", 0),
    ("walker", "stand", 0),
    ("walker", "walk", 0),
    ("humanoid", "walk", 0),
)
_BACKENDS = ("egl", "osmesa")


def pose(domain: str, task: str, seed: int = 0, steps: int = 20) -> Any:
    """dm_control's physics of a task after some random actions; equal in every process."""
    from dm_control import suite  # reads MUJOCO_GL

    environment = suite.load(domain, task, task_kwargs={"random": seed})
    environment.reset()
    spec, random = environment.action_spec(), np.random.default_rng(seed)
    for _ in range(steps):
        environment.step(random.uniform(spec.minimum, spec.maximum))
    return environment.physics


def frames_per_second(draw: Callable[[], object], seconds: float = 0.5) -> float:
    """Calls of `draw` per second; the first call is not counted."""
    draw()
    frames, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        draw()
        frames += 1
    return frames / elapsed


def draw_by_opengl(size: int = 64, seconds: float = 0.0) -> dict[str, np.ndarray] | None:
    """Draws all SCENES with the first OpenGL backend that works.

    Args:
      size: rows and columns of the images.
      seconds: duration of the speed measurement of each scene; 0 skips it.

    Returns:
      "backend", its name; "pictures", uint8 (scenes, size, size, 3); "fps", float64 (scenes). None if none works.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "opengl.npz"
        for backend in _BACKENDS:
            command = [sys.executable, "-m", "envs.raycast.opengl", str(path), str(size), str(seconds)]
            environment = {**os.environ, "MUJOCO_GL": backend}
            if subprocess.run(command, env=environment, capture_output=True).returncode == 0 and path.exists():
                with np.load(path) as arrays:
                    return {"backend": np.array(backend), **arrays}
    return None


def _main(path: str, size: str, seconds: str) -> None:
    pictures, fps = [], []
    for domain, task, camera in SCENES:
        physics = pose(domain, task)
        draw = functools.partial(physics.render, int(size), int(size), camera)
        pictures.append(draw())
        if float(seconds):
            fps.append(frames_per_second(draw, float(seconds)))
        physics.free()
    np.savez(path, pictures=np.stack(pictures), fps=np.array(fps))


if __name__ == "__main__":
    _main(*sys.argv[1:])
