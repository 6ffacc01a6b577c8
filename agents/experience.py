"""Batches as tensors, and the gradients and metrics of a training step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from agents.agent import OUTCOMES

# Metrics: scalars by name. Losses: scalars by the group of weights that they train.
Metrics = dict[str, tf.Tensor]
Losses = dict[str, tf.Tensor]


class Experience(NamedTuple):
    """A batch of sequences: observations (B, L, ...) by name, the rest float32 (B, L, A), (B, L), (B, L)."""

    observations: Mapping[str, tf.Tensor]
    action: tf.Tensor
    reward: tf.Tensor
    discount: tf.Tensor


def experience(batch: Mapping[str, Any]) -> Experience:
    """A replay batch as tensors."""
    observations = {name: tf.convert_to_tensor(array) for name, array in batch.items() if name not in OUTCOMES}
    return Experience(observations, *(tf.cast(batch[name], tf.float32) for name in OUTCOMES))


@contextmanager
def follow(groups: Mapping[str, list[keras.Variable]]) -> Iterator[tf.GradientTape]:
    """A tape for the gradients of several losses, over these weights only."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch([weight.value for weights in groups.values() for weight in weights])
        yield tape


def scalars(metrics: Metrics) -> dict[str, float]:
    """Metrics of a graph as Python numbers."""
    return {name: float(value) for name, value in metrics.items()}
