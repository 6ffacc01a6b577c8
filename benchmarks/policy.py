"""The time of a policy call in numpy and in TensorFlow, in turns, with one thread.

    python -m benchmarks.policy [--size paper|cpu|cpu_state]

Prints the milliseconds of a call for several numbers of environments, and the ratio.
"""

import argparse
import os
import time
from statistics import median
from typing import Any

import numpy as np
import tensorflow as tf

from agents import vision
from agents.agent import ActionSpec, ArraySpec
from agents.dreamer import Dreamer
from benchmarks.train_step import load_size

COUNTS = (1, 4, 16)
STATE = ArraySpec((17,), np.dtype(np.float32))  # as of dmc_cheetah_run


def main() -> None:
    """Measure one size and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("paper", "cpu", "cpu_state"), default="cpu_state")
    parser.add_argument("--repeats", type=int, default=300)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    size = load_size(arguments.size, {}, actions=6)
    name, spec = ("state", STATE) if arguments.size == "cpu_state" else ("image", vision.SPEC)
    agent = Dreamer(size.settings, {name: spec}, ActionSpec(size.actions), seed=0)
    graph, random = agent._policy_graph, np.random.default_rng(0)
    print(f"{arguments.size}, one thread; milliseconds of a policy call, medians of {arguments.repeats}")
    print("environments  numpy  tensorflow  ratio")
    for count in COUNTS:
        seen = {name: random.integers(0, 255, (count, *spec.shape)).astype(spec.dtype)}
        state = dict(agent.initial_state(count))

        def in_tensorflow(seen: Any = seen, state: Any = state) -> None:
            tensors = ({key: tf.convert_to_tensor(part) for key, part in parts.items()} for parts in (seen, state))
            action, after = graph.traced(*tensors, tf.constant(0, tf.int64), True)
            _ = action.numpy(), {key: part.numpy() for key, part in after.items()}

        def in_numpy(seen: Any = seen, state: Any = state) -> None:
            agent.policy(seen, state, training=True)

        times: dict[Any, list[float]] = {in_numpy: [], in_tensorflow: []}
        for call in times:
            call()
        for _ in range(arguments.repeats):
            for call, taken in times.items():
                begun = time.perf_counter()
                call()
                taken.append(time.perf_counter() - begun)
        mine, other = (1e3 * median(taken) for taken in times.values())
        print(f"{count:12d}  {mine:5.2f}  {other:10.2f}  {mine / other:5.2f}")


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
