"""The distribution of returns on evenly spaced atoms (Bellemare et al. 2017), which D4PG's critic predicts."""

import tensorflow as tf


def support(lowest: float, highest: float, atoms: int) -> tf.Tensor:
    """The atoms z (K): returns, evenly spaced."""
    return tf.linspace(tf.constant(lowest, tf.float32), tf.constant(highest, tf.float32), atoms)


def expectation(logits: tf.Tensor, atoms: tf.Tensor) -> tf.Tensor:
    """The mean return (N) of distributions given by logits (N, K)."""
    return tf.linalg.matvec(tf.nn.softmax(logits), atoms)


def project(probabilities: tf.Tensor, reward: tf.Tensor, discount: tf.Tensor, atoms: tf.Tensor) -> tf.Tensor:
    """The distribution of reward + discount Z on the atoms, from that of Z (Bellemare et al. 2017, algorithm 1).

    Each atom moves, is clipped to the range, and shares its probability between its two neighbours by distance.

    Args:
        probabilities: of Z on the atoms, (N, K).
        reward: (N).
        discount: (N).
        atoms: z (K).

    Returns:
        Probabilities (N, K).
    """
    count, size = probabilities.shape
    lowest, highest = atoms[0], atoms[-1]
    moved = tf.clip_by_value(reward[:, None] + discount[:, None] * atoms, lowest, highest)
    place = (moved - lowest) / (highest - lowest) * (size - 1)
    below = tf.clip_by_value(tf.floor(place), 0.0, size - 2.0)
    share = place - below  # of the atom above
    index = tf.cast(below, tf.int32) + size * tf.range(count)[:, None]
    # Adding the shares up takes a fraction of the time of a product with all pairs of atoms.
    summed = tf.math.unsorted_segment_sum(
        tf.reshape(tf.stack([probabilities * (1 - share), probabilities * share]), (-1,)),
        tf.reshape(tf.stack([index, index + 1]), (-1,)),
        count * size,
    )
    return tf.reshape(summed, (count, size))


def cross_entropy(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """-sum p log q (N) of probabilities (N, K) and logits (N, K): KL(p || q) but for a constant."""
    return -tf.reduce_sum(target * tf.nn.log_softmax(logits), -1)
