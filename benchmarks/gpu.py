"""What one GPU gives: training steps in each precision, acting, drawing, whole phases, packed runs, equal bits.

    python -m benchmarks.gpu [--preset paper] [--budget 480] [--out results/benchmarks]

Needs no network. Each part runs in a process of its own, the most important first; parts that the budget does not reach
are left out. The results so far are written after each part, so an interruption loses the present part only. On a
machine without a GPU everything is measured on the CPU, which shows that it works.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from common import files

ROOT = Path(__file__).parents[1]
TASK = "dmc_humanoid_walk"  # the task with the most groups in ED2
KINDS, PRECISIONS = ("rssm", "ed2"), ("float32", "mixed_bfloat16", "mixed_float16")
REPEATS, UPDATES = 10, 3
LIMIT = 120  # seconds of a part; XLA may compile for long
HOUR, GOAL = 3600, 1_000_000  # seconds; environment steps an hour at the paper's sizes
Numbers = dict[str, Any]


def device(preset: str) -> Numbers:
    """The device, the versions, and the rate of matrix products in each type, FLOP a second."""
    from runs.training.runtime import prepare_tensorflow

    name = prepare_tensorflow(0)
    import tensorflow as tf

    from benchmarks.train_step import matmul_rate

    size = 4096 if tf.config.list_physical_devices("GPU") and preset != "debug" else 512
    rates = {dtype: matmul_rate(size, dtype=dtype) for dtype in ("float32", "bfloat16", "float16")}
    tensor_float = tf.config.experimental.tensor_float_32_execution_enabled()
    return {"name": name, "tensorflow": tf.__version__, "tensor_float_32": tensor_float, "matmul": rates}


def step(kind: str, precision: str, jit: bool, preset: str) -> Numbers:
    """A training step on humanoid's actions, with XLA or without: seconds, those of the first one, and FLOP."""
    from agents.agent import ActionSpec
    from agents.cost import step_flops
    from benchmarks.train_step import OBSERVATIONS, load_size, make_agent, random_batch, seconds
    from runs.training.runtime import prepare_tensorflow
    from suites import groups

    prepare_tensorflow(0)
    partition = groups.published(TASK)
    assert partition is not None
    actions = sum(len(group) for group in partition)
    size = load_size(preset, {"kind": kind, "groups": partition}, actions, precision, jit=jit)
    agent, batch = make_agent(size), random_batch(size)
    first, *others = seconds(lambda: agent.train(batch), REPEATS + 1)
    flops = step_flops(size.settings, OBSERVATIONS, ActionSpec(actions), size.sequences, size.length)
    return {"seconds": median(others), "first": first, "flops": flops, "dtype": precision.removeprefix("mixed_")}


def policy(preset: str) -> Numbers:
    """Seconds of a call of the policy for one environment, and for 16."""
    from benchmarks.train_step import load_size, make_agent, random_batch, seconds
    from runs.training.runtime import prepare_tensorflow

    prepare_tensorflow(0)
    size = load_size(preset, {}, 6)
    agent, images = make_agent(size), random_batch(size)["image"].reshape(-1, 64, 64, 3)
    found = {}
    for count in (1, min(16, len(images))):
        seen, state = {"image": images[:count]}, agent.initial_state(count)
        times = seconds(lambda seen=seen, state=state: agent.policy(seen, state, True), 5 * REPEATS)  # type: ignore[misc]
        found[str(count)] = median(times[1:])
    return {"seconds": found}


def drawing(preset: str) -> Numbers:
    """Images of 64x64 pixels per second and task, by the ray caster and by OpenGL."""
    import functools
    import os

    from envs.raycast import Raycaster
    from envs.raycast.opengl import SCENES, draw_by_opengl, frames_per_second, pose

    os.environ["MUJOCO_GL"] = "disable"  # for this process only; OpenGL draws in another process
    duration = 0.3 if preset != "debug" else 0.01
    opengl = draw_by_opengl(seconds=duration)
    found: Numbers = {"opengl": "none" if opengl is None else str(opengl["backend"]), "frames": {}}
    for index, (domain, task, camera) in enumerate(SCENES):
        physics = pose(domain, task)
        draw = functools.partial(Raycaster(physics.model.ptr).render, physics.data.ptr, camera)
        cast = frames_per_second(draw, duration)
        found["frames"][f"{domain}_{task}"] = [cast, None if opengl is None else float(opengl["fps"][index])]
    return found


def phase(preset: str) -> Numbers:
    """Seconds of a phase: collecting and learning alone, and beside each other."""
    from benchmarks.phase import phases
    from common.yaml_reader import Place
    from suites.settings import SETTINGS, presets

    collecting, learning, beside = phases({"preset": preset}, rounds=1, pin=False)
    steps = SETTINGS.build(presets()[preset], Place(preset, 1, 1)).train.every
    return {"collecting": collecting, "learning": learning, "beside": beside, "steps": steps}


def packed(preset: str) -> Numbers:
    """Seconds of a training step while a second process trains on the same device."""
    both = [subprocess.Popen(command("step rssm float32", preset), cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    return {"seconds": [json.loads(each.communicate()[0].splitlines()[-1])["seconds"] for each in both]}


def equal_bits(preset: str) -> Numbers:
    """Whether gradient steps that are repeated from the same state give the same bits."""
    import numpy as np

    from benchmarks.train_step import load_size, make_agent, random_batch
    from runs.training.runtime import prepare_tensorflow

    prepare_tensorflow(0)
    size = load_size(preset, {}, 6)
    agent, batch = make_agent(size), random_batch(size)
    agent.train(batch)
    begun, ends = agent.save(), []
    for _ in range(2):
        agent.load(begun)
        metrics = [agent.train(batch) for _ in range(UPDATES)]
        ends.append((metrics, agent.save()))
    (one, first), (other, second) = ends
    differing = [name for name in first if not np.array_equal(first[name], second[name])]
    return {"metrics": one == other, "differing": differing, "arrays": len(first)}


PARTS: dict[str, Callable[[str], Numbers]] = {
    "device": device,
    **{f"step rssm {precision}": partial(step, "rssm", precision, False) for precision in PRECISIONS},
    "phase": phase,
    "drawing": drawing,
    "policy": policy,
    "equal bits": equal_bits,
    "packed": packed,
    **{f"step rssm {precision} xla": partial(step, "rssm", precision, True) for precision in PRECISIONS},
    **{f"step ed2 {precision}": partial(step, "ed2", precision, False) for precision in PRECISIONS},
    **{f"step ed2 {precision} xla": partial(step, "ed2", precision, True) for precision in PRECISIONS},
}


def command(part: str, preset: str) -> list[str]:
    """The command line that measures one part and prints its numbers as the last line."""
    return [sys.executable, "-m", "benchmarks.gpu", "--part", part, "--preset", preset]


def measure(part: str, preset: str, limit: float) -> Numbers:
    """The numbers of a part, or why there are none."""
    process = subprocess.Popen(command(part, preset), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=limit)
        failure = f"exit code {process.returncode}" if process.returncode else ""
    except subprocess.TimeoutExpired:
        process.kill()
        output, failure = process.communicate()[0], f"more than {limit:.0f} s"
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return (json.loads(lines[-1]) if lines else {}) | ({"failure": failure} if failure else {})


def table(found: dict[str, Numbers]) -> str:
    """The numbers for a reader."""
    rates = found["device"].get("matmul", {})
    lines = [f"device: {found['device'].get('name', 'unknown')}"]
    for part, numbers in found.items():
        if "failure" in numbers:
            lines.append(f"{part}: {numbers['failure']}")
        elif part.startswith("step"):
            share = numbers["flops"] / numbers["seconds"] / rates[numbers["dtype"]] if rates else float("nan")
            taken = f"{1000 * numbers['seconds']:.1f} ms, the first {numbers['first']:.1f} s"
            lines.append(f"{part}: {taken}; {share:.0%} of the matmul rate of {numbers['dtype']}")
        elif part == "phase":
            turns = numbers["collecting"] + numbers["learning"]
            for name, taken in (("in turns", turns), ("beside", numbers["beside"])):
                rate = numbers["steps"] / taken * HOUR
                lines.append(f"phase {name}: {taken:.2f} s, {rate:,.0f} environment steps an hour (goal: {GOAL:,})")
        elif part == "drawing":
            lines += [f"{numbers['opengl']}, frames/s by ray casting and by OpenGL:", f"  {numbers['frames']}"]
        elif part != "device":
            lines.append(f"{part}: {json.dumps(numbers)}")
    return "\n".join(lines)


def main() -> None:
    """Measure all parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=("paper", "cpu", "debug"), default="paper")
    parser.add_argument("--budget", type=float, default=480, help="seconds for all parts")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    parser.add_argument("--part", choices=tuple(PARTS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.preset)))
        return
    end, found = time.monotonic() + arguments.budget, {}
    for part in PARTS:
        left = min(end - time.monotonic(), LIMIT)
        found[part] = measure(part, arguments.preset, left) if left > 0 else {"failure": "no time was left"}
        name = re.sub(r"\W+", "-", str(found["device"].get("name", "unknown"))).strip("-").lower()
        arguments.out.mkdir(parents=True, exist_ok=True)
        path = arguments.out / f"gpu-{name}.json"
        files.write_bytes(path, json.dumps({"preset": arguments.preset, **found}, indent=1).encode())
    print(table(found))
    print(f"numbers: {path}")


if __name__ == "__main__":
    main()
