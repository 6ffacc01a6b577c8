"""Random numbers as a pure function of a run's seed, a stream's name and a counter."""

import hashlib

import numpy as np
import tensorflow as tf

TINY = np.finfo(np.float32).tiny  # in place of zero, which has no logarithm


def derive_seed(seed: int, name: str, bits: int = 31) -> int:
    """A seed for one use, from the run's seed and the name of the use; independent names give independent seeds."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> (64 - bits)


class Noise:
    """Random draws of one graph call: each name is its own stream, each counter its own place in it.

    XLA has a generator of its own, so that a graph compiled by it draws other numbers, no less repeatable.
    """

    def __init__(self, seed: int, counter: tf.Tensor):
        self._seed = seed
        self._counter = tf.cast(counter, tf.int64)

    def normal(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Standard normal draws of a stream, float32; the same name, counter and shape give the same numbers."""
        return tf.random.stateless_normal(shape, self._key(name))

    def uniform(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """The same, uniform in [0, 1)."""
        return tf.random.stateless_uniform(shape, self._key(name))

    def gumbel(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """The same, standard Gumbel."""
        return -tf.math.log(-tf.math.log(tf.maximum(self.uniform(name, shape), TINY)))

    def _key(self, name: str) -> tf.Tensor:
        return tf.stack([tf.constant(derive_seed(self._seed, name, bits=63), tf.int64), self._counter])
