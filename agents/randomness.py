"""Random numbers as a pure function of a run's seed, a stream's name and a counter."""

import hashlib

import numpy as np
import tensorflow as tf

TINY = np.finfo(np.float32).tiny  # replaces zero, whose logarithm is infinite


def derive_seed(seed: int, name: str, bits: int = 31) -> int:
    """A seed for one use, from the run's seed and the name of the use; different names give independent seeds."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> (64 - bits)


class Noise:
    """Random draws of one graph call: each name is a separate stream, and each counter a separate position in it.

    XLA has a different generator: a graph that it compiles draws other numbers, which are also reproducible.
    """

    def __init__(self, seed: int, counter: tf.Tensor):
        self._seed = seed
        self._counter = tf.cast(counter, tf.int64)

    def normal(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Standard normal draws of a stream, float32; equal name, counter and shape give equal numbers."""
        return tf.random.stateless_normal(shape, self._key(name))

    def uniform(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Likewise, uniform in [0, 1)."""
        return tf.random.stateless_uniform(shape, self._key(name))

    def gumbel(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Likewise, standard Gumbel."""
        return -tf.math.log(-tf.math.log(tf.maximum(self.uniform(name, shape), TINY)))

    def _key(self, name: str) -> tf.Tensor:
        return tf.stack([tf.constant(derive_seed(self._seed, name, bits=63), tf.int64), self._counter])
