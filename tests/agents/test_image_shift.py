import numpy as np
import scipy.ndimage
import tensorflow as tf

from agents.image_shift import shift, shift_randomly
from agents.randomness import Noise

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 2, 8, 6, 3), dtype=np.uint8)


def test_shift_is_scipys() -> None:
    pixels = np.array([(0, 0), (2, 0), (0, -3), (-1, 1), (7, 9)], np.int32)
    for stack, by, found in zip(IMAGES, pixels, shift(tf.constant(IMAGES), tf.constant(pixels)), strict=True):
        for image, moved in zip(stack, found.numpy(), strict=True):
            expected = scipy.ndimage.shift(image, (*by, 0), order=0, mode="nearest")
            np.testing.assert_array_equal(moved, expected)


def test_random_shifts_reach_all_distances_equally_often() -> None:
    side, most = 9, 2
    columns = np.tile(np.arange(side, dtype=np.uint8), (2000, 1, side, 1))[..., None]
    places = np.concatenate([columns, columns.transpose(0, 1, 3, 2, 4)], -1)  # of each pixel: column and row
    moved = shift_randomly(tf.constant(places), most, Noise(0, tf.constant(3)), "name").numpy()
    for channel in (0, 1):
        by = side // 2 - moved[:, 0, side // 2, side // 2, channel].astype(int)
        counts = np.bincount(by + most, minlength=2 * most + 1)
        assert counts.size == 2 * most + 1
        assert counts.min() > 330  # of 400
    again = shift_randomly(tf.constant(places), most, Noise(0, tf.constant(3)), "name").numpy()
    np.testing.assert_array_equal(moved, again)
