"""The speed of sampling replay batches, from memory and from disk, compared with copying as many bytes.

python -m benchmarks.replay
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agents.agent import ArraySpec
from envs import make_env
from envs.settings import EnvSettings
from runs.store.episodes import Episode, encode
from runs.training.replay import Replay

TASK = "dmc_walker_walk"
EPISODES = 20
SIZES = ((50, 50), (16, 32))  # sequences, records: the presets paper and cpu
REPEATS = 15


def play() -> Episode:
    """An episode of random actions with action repeat 2, drawn by the ray caster."""
    env = make_env(TASK, EnvSettings(renderer="raycast"))
    env.action_space.seed(0)
    images, over = [env.reset(seed=0)[0]["image"]], False
    while not over:
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        images.append(observation["image"])
        over = terminated or truncated
    count = len(images)
    return {
        "image": np.stack(images),
        "action": np.zeros((count, 6), np.float32),
        "reward": np.zeros(count, np.float32),
        "discount": np.ones(count, np.float32),
    }


def milliseconds(call: Callable[[], object]) -> float:
    """The median time of a call."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    """Print the size of an episode, and the milliseconds for each batch by size and storage."""
    episode = play()
    spec = {name: ArraySpec(array.shape[1:], array.dtype) for name, array in episode.items()}
    raw, packed = sum(array.nbytes for array in episode.values()), len(encode(episode))
    print(f"an episode of {TASK}: {raw / 1e6:.1f} MB, on disk {packed / 1e6:.1f} MB")
    print(f"encoded in {milliseconds(lambda: encode(episode)):.0f} ms, without writing the file")
    for count, length in SIZES:
        batch = np.ones((count, length, *spec["image"].shape), np.uint8)
        floor = milliseconds(batch.copy)
        for place, memory in (("memory", 4.0), ("disk", 1e-9)):
            with tempfile.TemporaryDirectory() as folder:
                replay = Replay(Path(folder), spec, length, 10**9, memory)
                for _ in range(EPISODES):
                    replay.add(episode, env=0)
                rng, snapshot = np.random.default_rng(0), replay.snapshot()
                taken = milliseconds(lambda: replay.sample(snapshot, rng, count))  # noqa: B023
                print(f"{count}x{length} from {place}: {taken:.1f} ms per batch; copying its bytes {floor:.1f} ms")


if __name__ == "__main__":
    main()
