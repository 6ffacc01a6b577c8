"""The time of PlaNet's planner for an action, compared with this machine's rate for matrix products.

    python -m benchmarks.planning [--size paper|cpu] [--horizon 12] [--envs 1] [--actions 6]

It times whole agent steps, from observations to actions. Imagining the candidates takes nearly all of their arithmetic.
"""

import argparse
import dataclasses
from statistics import median

import numpy as np
import tensorflow as tf

from agents.cost import plan_flops
from benchmarks.train_step import OBSERVATIONS, load_size, make_agent, matmul_rate, seconds


def main() -> None:
    """Measure one size and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("paper", "cpu"), default="cpu")
    parser.add_argument("--horizon", type=int, default=12, help="imagination horizon in steps; PlaNet's by default")
    parser.add_argument("--envs", type=int, default=1, help="environments planned for at once")
    parser.add_argument("--actions", type=int, default=6, help="action dimensions")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps, after the first")
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    size = load_size(arguments.size, {}, arguments.actions)
    planner = size.settings.behavior.model_copy(update={"kind": "planner", "horizon": arguments.horizon})
    settings = size.settings.model_copy(update={"behavior": planner})
    agent = make_agent(dataclasses.replace(size, settings=settings))
    shape = (arguments.envs, *OBSERVATIONS["image"].shape)
    observations = {"image": np.random.default_rng(0).integers(0, 256, shape, np.uint8)}
    state = agent.initial_state(arguments.envs)
    rate, flops = matmul_rate(), arguments.envs * plan_flops(settings, OBSERVATIONS, arguments.actions)
    (first,) = seconds(lambda: agent.policy(observations, state, training=True), 1)
    step = median(seconds(lambda: agent.policy(observations, state, training=True), arguments.repeats))
    # The machine's speed may drift during the measurement: take the better rate of before and after.
    rate = max(rate, matmul_rate())
    sizes = f"{planner.candidates} candidates, {planner.iterations} iterations, horizon {planner.horizon}"
    print(f"size             {arguments.size}: {sizes}, {arguments.envs} environments")
    print(f"float32 matmul   {rate / 1e9:.0f} GFLOP/s (2048^3)")
    print(f"agent step       {flops / 1e9:.1f} GFLOP, at that rate {flops / rate:.3f} s")
    print(
        f"measured         {step:.3f} s (median of {arguments.repeats}), {flops / step / rate:.0%} of the matmul rate"
    )
    print(f"first step       {first:.1f} s, with tracing")


if __name__ == "__main__":
    main()
