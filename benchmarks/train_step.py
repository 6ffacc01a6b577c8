"""The time of a training step, compared with this machine's rate for matrix products.

    python -m benchmarks.train_step [--size paper|cpu] [--kind rssm|ed2] [--actions 6] [--precision float32]

Prints the FLOPs of one step, counted from the sizes of the layers, its time in seconds, and its rate relative to a
2048^3 matrix product in the same process.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tensorflow as tf
import yaml
from numpy.typing import NDArray

from agents import vision
from agents.agent import ActionSpec
from agents.cost import step_flops
from agents.dreamer import Dreamer
from agents.settings import AgentSettings

OBSERVATIONS = {"image": vision.SPEC}
PRESETS = Path(__file__).parents[1] / "suites" / "presets.yaml"


@dataclass(frozen=True)
class Size:
    """The size of a measurement: an agent, the sequences and steps of a batch, and the number of action dimensions."""

    settings: AgentSettings
    sequences: int
    length: int
    actions: int


def load_size(
    preset: str, dynamics: dict[str, Any], actions: int, precision: str = "float32", *, jit: bool = False
) -> Size:
    """The agent and batch of a preset, with some settings of the dynamics changed."""
    block: dict[str, Any] = yaml.safe_load(PRESETS.read_text())[preset]
    batch = {"batch_size": 50, "batch_length": 50, **block.get("train", {})}
    agent = {name: value for name, value in block.items() if name in AgentSettings.model_fields}
    agent["dynamics"] = agent.get("dynamics", {}) | dynamics
    settings = AgentSettings.model_validate({**agent, "precision": precision, "jit": jit})
    return Size(settings, batch["batch_size"], batch["batch_length"], actions)


def make_agent(size: Size) -> Dreamer:
    """An agent with initial weights."""
    return Dreamer(size.settings, OBSERVATIONS, ActionSpec(size.actions), seed=0)


def random_batch(size: Size) -> dict[str, NDArray[Any]]:
    """A batch of noise."""
    random, shape = np.random.default_rng(0), (size.sequences, size.length)
    return {
        "image": random.integers(0, 256, (*shape, *vision.SPEC.shape), dtype=np.uint8),
        "action": random.uniform(-1, 1, (*shape, size.actions)).astype(np.float32),
        "reward": random.uniform(0, 1, shape).astype(np.float32),
        "discount": np.ones(shape, np.float32),
    }


def matmul_rate(size: int = 2048, repeats: int = 10, dtype: str = "float32") -> float:
    """Floating-point operations per second of a square matrix product: the best of several, after a warm-up."""
    x = tf.cast(tf.random.stateless_uniform((size, size), (0, 0)), dtype)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(x, x)))
    return 2 * size**3 / min(seconds(lambda: product().numpy(), repeats + 1)[1:])


def seconds(call: Callable[[], Any], repeats: int) -> list[float]:
    """Duration of each of several calls in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Measure one size and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("paper", "cpu"), default="cpu")
    parser.add_argument("--kind", choices=("rssm", "ed2"), default="rssm")
    parser.add_argument("--actions", type=int, default=6, help="action dimensions; ed2 has one group for each")
    parser.add_argument("--precision", choices=("float32", "mixed_float16", "mixed_bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps, after the first")
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    dynamics = {"kind": arguments.kind, "groups": "full"}
    size = load_size(arguments.size, dynamics, arguments.actions, arguments.precision)
    rate = matmul_rate()
    flops = step_flops(size.settings, OBSERVATIONS, ActionSpec(size.actions), size.sequences, size.length)
    agent, batch = make_agent(size), random_batch(size)
    (first,) = seconds(lambda: agent.train(batch), 1)
    step = median(seconds(lambda: agent.train(batch), arguments.repeats))
    # The machine's speed may drift during the measurement: take the better rate of before and after.
    rate = max(rate, matmul_rate())
    shape = f"{size.sequences}x{size.length}"
    print(f"size             {arguments.size}, {arguments.kind}, {arguments.precision}, batch {shape}")
    print(f"float32 matmul   {rate / 1e9:.0f} GFLOP/s (2048^3)")
    print(f"step             {flops / 1e9:.1f} GFLOP, at that rate {flops / rate:.3f} s")
    print(
        f"measured         {step:.3f} s (median of {arguments.repeats}), {flops / step / rate:.0%} of the matmul rate"
    )
    print(f"first step       {first:.1f} s, with tracing")


if __name__ == "__main__":
    main()
