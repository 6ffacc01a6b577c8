"""Tiny agents and a batch of synthetic experience; compiled graphs are shared in a session."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import OUTCOMES, ActionSpec, Arrays, ArraySpec, ObservationSpec
from agents.dreamer import Dreamer
from agents.settings import AgentSettings

tf.config.experimental.enable_op_determinism()

ACTIONS = 3
BATCH, LENGTH = 2, 7
IMAGES: ObservationSpec = {"image": ArraySpec((64, 64, 3), np.dtype(np.uint8))}
STATES: ObservationSpec = {"state": ArraySpec((6,), np.dtype(np.float32))}

# What each choice of activation means, in numpy.
ACTIVATED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "relu": lambda x: np.maximum(x, 0),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
}

TINY: dict[str, Any] = {
    "representation": {"depth": 2, "state_layers": 1, "state_units": 8, "contrast_layers": 1, "contrast_units": 8},
    "dynamics": {"deterministic": 6, "stochastic": 4, "hidden": 5, "free_nats": 0.01},
    "reward": {"layers": 1, "units": 8},
    "continuation": {"layers": 1, "units": 8},
    "behavior": {"horizon": 4, "actor_layers": 1, "actor_units": 8, "value_layers": 1, "value_units": 8},
}


def symlog(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, np.log(1 + np.abs(x)), -np.log(1 + np.abs(x)))


def tiny_settings(**changes: Any) -> AgentSettings:
    """Settings of a tiny agent; changes of a block are merged into it."""
    merged = {**TINY}
    for name, value in changes.items():
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    return AgentSettings(**merged)


def make_batch(count: int = BATCH, length: int = LENGTH, seed: int = 0) -> Arrays:
    """Random experience with the shapes of a replay batch; the last step of the first sequence is terminal."""
    random = np.random.default_rng(seed)
    batch: Arrays = {
        "image": random.integers(0, 256, (count, length, 64, 64, 3), dtype=np.uint8),
        "action": random.uniform(-1, 1, (count, length, ACTIONS)).astype(np.float32),
        "reward": random.normal(size=(count, length)).astype(np.float32),
        "discount": np.ones((count, length), np.float32),
    }
    batch["discount"][0, -1] = 0
    return batch


def at(batch: Arrays, step: int) -> Arrays:
    """The observations at one step of a batch."""
    return {name: array[:, step] for name, array in batch.items() if name not in OUTCOMES}


def noisy_images(count: int) -> Arrays:
    """Observations of random pixels."""
    return {"image": np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)}


@pytest.fixture(scope="session")
def batch() -> Arrays:
    return make_batch()


@pytest.fixture(scope="session")
def dreamer() -> Callable[..., Dreamer]:
    """Makes agents by seed and settings. Equal ones are shared and reset to their initial weights and counters."""
    made: dict[str, tuple[Dreamer, Arrays]] = {}

    def make(seed: int = 0, discrete: bool = False, **changes: Any) -> Dreamer:
        key = f"{seed} {discrete} {sorted(changes.items())}"
        if key not in made:
            agent = Dreamer(tiny_settings(**changes), IMAGES, ActionSpec(ACTIONS, discrete), seed)
            made[key] = agent, agent.save()
        agent, fresh = made[key]
        agent.load(fresh)
        return agent

    return make
