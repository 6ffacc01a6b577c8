"""Images of 64x64 pixels per second: the ray caster compared with OpenGL. `python -m benchmarks.rendering`."""

import argparse
import functools
import os

from envs.raycast import Raycaster
from envs.raycast.opengl import SCENES, draw_by_opengl, frames_per_second, pose


def main() -> None:
    """Print the frames per second of each task."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rendering", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="duration of each task's measurement")
    seconds = parser.parse_args().seconds
    os.environ["MUJOCO_GL"] = "disable"  # for this process only; the reference is drawn in another process
    reference = draw_by_opengl(seconds=seconds)
    backend = "no OpenGL" if reference is None else str(reference["backend"])
    print(f"{'frames per second':24} {'raycast':>9} {backend:>9} {'ratio':>7}")
    for i, (domain, task, camera) in enumerate(SCENES):
        physics = pose(domain, task)
        draw = functools.partial(Raycaster(physics.model.ptr).render, physics.data.ptr, camera)
        fps = frames_per_second(draw, seconds)
        compared = "" if reference is None else f"{reference['fps'][i]:9.1f} {fps / reference['fps'][i]:6.1f}x"
        print(f"{domain + '_' + task:24} {fps:9.1f} {compared}", flush=True)


if __name__ == "__main__":
    main()
