"""How fast a training step is, beside how fast this machine multiplies matrices.

    python -m benchmarks.train_step [--size paper|cpu] [--kind rssm|ed2] [--actions 6] [--precision float32]

Prints the arithmetic of one step, counted from the sizes of the layers, the seconds that it takes, and the share of the
rate that a 2048^3 matrix product reaches in the same process.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tensorflow as tf
import yaml
from numpy.typing import NDArray

from agents.agent import ActionSpec
from agents.dreamer import Dreamer
from agents.groups import action_groups
from agents.settings import AgentSettings

PRESETS = Path(__file__).parents[1] / "suites" / "presets.yaml"


@dataclass(frozen=True)
class Size:
    """What is measured: an agent, the number of sequences and steps of a batch, and the number of actions."""

    settings: AgentSettings
    sequences: int
    length: int
    actions: int


def load_size(preset: str, dynamics: dict[str, Any], actions: int, precision: str = "float32") -> Size:
    """The agent and batch of a preset, whose dynamics differ in some settings."""
    block: dict[str, Any] = yaml.safe_load(PRESETS.read_text())[preset]
    batch = {"batch_size": 50, "batch_length": 50, **block.get("train", {})}
    agent = {name: value for name, value in block.items() if name in AgentSettings.model_fields}
    agent["dynamics"] = agent.get("dynamics", {}) | dynamics
    settings = AgentSettings.model_validate({**agent, "precision": precision})
    return Size(settings, batch["batch_size"], batch["batch_length"], actions)


def mlp_products(inputs: int, layers: int, units: int, outputs: int) -> int:
    """Multiplications of a dense network for one row."""
    return sum(a * b for a, b in pairwise([inputs, *[units] * layers, outputs]))


def convolution_products(layers: list[tuple[int, int, int, int]]) -> int:
    """Multiplications of convolutions: positions, squared kernel, channels in and channels out."""
    return sum(side**2 * kernel**2 * before * after for side, kernel, before, after in layers)


def step_flops(size: Size) -> int:
    """Floating-point operations of a step's matrix products and convolutions, a multiplication and addition as two.

    The gradient of a layer's weights costs as much as its forward pass, that of its inputs as much again. Images need
    none. In imagination, the weights of the model need none, and those of the value none for the actor. Element-wise
    operations are not counted.
    """
    settings, dynamics, behavior = size.settings, size.settings.dynamics, size.settings.behavior
    depth, stoch, deter, hidden = (
        settings.representation.depth,
        dynamics.stochastic,
        dynamics.deterministic,
        dynamics.hidden,
    )
    features = stoch + deter
    groups = len(action_groups(dynamics.groups, size.actions)) if dynamics.kind == "ed2" else 1

    # One image: side of a convolution's output, or of a transposed one's input; kernel; channels in and out.
    first = 31**2 * 4**2 * 3 * depth
    encoder = convolution_products([(14, 4, 1, 2), (6, 4, 2, 4), (2, 4, 4, 8)]) * depth**2
    decoder = convolution_products([(1, 5, 32, 4), (5, 5, 4, 2), (13, 6, 2, 1)]) * depth**2
    decoder += convolution_products([(30, 6, 1, 3)]) * depth + features * 32 * depth
    transition = groups * (stoch * hidden + size.actions * hidden + 3 * deter * (hidden + deter))
    prior = deter * hidden + hidden * 2 * stoch
    posterior = (deter + 32 * depth) * hidden + hidden * 2 * stoch
    reward = mlp_products(features, settings.reward.layers, settings.reward.units, 1)
    actor = mlp_products(features, behavior.actor_layers, behavior.actor_units, 2 * size.actions)
    value = mlp_products(features, behavior.value_layers, behavior.value_units, 1)

    states = size.sequences * size.length
    model = states * (2 * first + 3 * (encoder + decoder + transition + prior + posterior + reward))
    # Rewards and values: forward, and back to the features. Values learn from all but the last imagined state.
    steps = 2 * (transition + prior) + 3 * actor + 2 * reward
    if behavior.value == "critic":
        steps += 2 * value
    imagination = states * behavior.horizon * steps
    if behavior.value == "critic":
        imagination += states * (behavior.horizon - 1) * 2 * value
    return 2 * (model + imagination)


def make_agent(size: Size) -> Dreamer:
    """A fresh agent."""
    return Dreamer(size.settings, (64, 64, 3), ActionSpec(size.actions), seed=0)


def random_batch(size: Size) -> dict[str, NDArray[Any]]:
    """A batch of noise."""
    random, shape = np.random.default_rng(0), (size.sequences, size.length)
    return {
        "image": random.integers(0, 256, (*shape, 64, 64, 3), dtype=np.uint8),
        "action": random.uniform(-1, 1, (*shape, size.actions)).astype(np.float32),
        "reward": random.uniform(0, 1, shape).astype(np.float32),
        "discount": np.ones(shape, np.float32),
    }


def matmul_rate(size: int = 2048, repeats: int = 10) -> float:
    """Floating-point operations a second of a square float32 matrix product: the best of some, after a warm-up."""
    x = tf.random.stateless_uniform((size, size), (0, 0))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(x, x)))
    return 2 * size**3 / min(seconds(lambda: product().numpy(), repeats + 1)[1:])


def seconds(call: Callable[[], Any], repeats: int) -> list[float]:
    """How long each of some calls takes."""
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
    parser.add_argument("--actions", type=int, default=6, help="action dimensions; ed2 makes a group of each")
    parser.add_argument("--precision", choices=("float32", "mixed_float16", "mixed_bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps, after the first")
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    dynamics = {"kind": arguments.kind, "groups": "full"}
    size = load_size(arguments.size, dynamics, arguments.actions, arguments.precision)
    rate, flops = matmul_rate(), step_flops(size)
    agent, batch = make_agent(size), random_batch(size)
    (first,) = seconds(lambda: agent.train(batch), 1)
    step = median(seconds(lambda: agent.train(batch), arguments.repeats))
    # The machine's speed may drift while we measure: take the better of before and after.
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
