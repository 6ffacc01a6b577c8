"""Random shifts of images (Kostrikov et al. 2020, DrQ): they keep a critic from learning a few images by heart."""

import tensorflow as tf

from agents.randomness import Noise


def shift(images: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Images moved down and to the right; what moves in repeats the border.

    Args:
        images: N stacks (N, F, H, W, C).
        pixels: for each stack, int32 (N, 2), down and to the right; negative numbers move up and to the left.
    """
    for axis, by in zip((2, 3), tf.unstack(pixels, axis=1), strict=True):
        size = images.shape[axis]
        source = tf.clip_by_value(tf.range(size) - by[:, None], 0, size - 1)  # (N, H) or (N, W)
        images = tf.gather(images, source, axis=axis, batch_dims=1)
    return images


def shift_randomly(images: tf.Tensor, most: int, noise: Noise, name: str) -> tf.Tensor:
    """Stacks of images (N, F, H, W, C), each moved by -most to most pixels in both directions."""
    draws = noise.uniform(name, (images.shape[0], 2))
    return shift(images, tf.cast(draws * (2 * most + 1), tf.int32) - most)
