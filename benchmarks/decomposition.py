"""The time of a training step with ED2's sub-models, relative to the plain recurrent model.

    python -m benchmarks.decomposition [--size paper|cpu] [--repeats 10]

Both train on the same batch alternately in one process, because a machine's speed drifts; the fastest step of each
counts.
"""

import argparse

import tensorflow as tf

from agents.agent import ActionSpec
from agents.cost import step_flops
from benchmarks.train_step import OBSERVATIONS, load_size, make_agent, matmul_rate, random_batch, seconds
from suites import groups

TASK = "dmc_humanoid_walk"  # the task with the most groups in ED2
GOALS = {"paper": 1.4, "cpu": 1.5}  # multiples of the plain model's time


def main() -> None:
    """Measure both kinds at one size and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(GOALS), default="cpu")
    parser.add_argument("--repeats", type=int, default=10, help="timed steps of each kind, after the first")
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    partition = groups.published(TASK)
    assert partition is not None
    actions = sum(len(group) for group in partition)
    sizes = {kind: load_size(arguments.size, {"kind": kind, "groups": partition}, actions) for kind in ("rssm", "ed2")}
    agents = {kind: make_agent(size) for kind, size in sizes.items()}
    flops = {
        kind: step_flops(size.settings, OBSERVATIONS, ActionSpec(actions), size.sequences, size.length)
        for kind, size in sizes.items()
    }
    batch = random_batch(sizes["rssm"])
    for agent in agents.values():
        agent.train(batch)  # traces
    times: dict[str, list[float]] = {kind: [] for kind in agents}
    rate = matmul_rate()
    for _ in range(arguments.repeats):
        for kind, agent in agents.items():
            times[kind] += seconds(lambda agent=agent: agent.train(batch), 1)  # type: ignore[misc]
    rate, best = max(rate, matmul_rate()), {kind: min(taken) for kind, taken in times.items()}
    print(f"{TASK}, {len(partition)} groups, size {arguments.size}, float32 matmul {rate / 1e9:.0f} GFLOP/s (2048^3)")
    for kind, taken in best.items():
        share = flops[kind] / taken / rate
        print(f"{kind:5} {taken:.3f} s, {flops[kind] / 1e9:.1f} GFLOP, {share:.0%} of the matmul rate")
    print(
        f"ratio {best['ed2'] / best['rssm']:.2f} (goal: at most {GOALS[arguments.size]}), "
        f"of the FLOPs {flops['ed2'] / flops['rssm']:.2f}; each the fastest of {arguments.repeats}"
    )


if __name__ == "__main__":
    main()
