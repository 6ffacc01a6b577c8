from typing import Any

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.special import logsumexp

from agents.contrastive import StateFromObservation, info_nce, pairwise_log_prob, window
from agents.distributions import Gaussian
from agents.layers import LayerFactory
from agents.settings import RepresentationSettings

RANDOM = np.random.default_rng(0)
STATES = RANDOM.normal(size=(6, 4)).astype(np.float32)
MEAN, STD = RANDOM.normal(size=(6, 4)).astype(np.float32), RANDOM.uniform(0.2, 2, size=(6, 4)).astype(np.float32)
GIVEN = Gaussian(tf.constant(MEAN), tf.constant(STD))


def test_pairwise_log_prob_is_scipys_for_each_pair() -> None:
    expected = scipy.stats.norm(MEAN, STD).logpdf(STATES[:, None]).sum(-1)
    np.testing.assert_allclose(pairwise_log_prob(tf.constant(STATES), GIVEN), expected, rtol=1e-4)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_info_nce_is_the_papers_bound(share: float) -> None:
    among = np.eye(6, dtype=bool) | (RANDOM.uniform(size=(6, 6)) < share)
    total = 0.0
    for i, state in enumerate(STATES):
        scores = [scipy.stats.norm(MEAN[j], STD[j]).logpdf(state).sum() for j in range(6)]
        total += scores[i] - logsumexp([score for j, score in enumerate(scores) if among[i, j]])
    np.testing.assert_allclose(info_nce(tf.constant(STATES), GIVEN, tf.constant(among)), total / 6, rtol=1e-4)


def test_info_nce_of_indistinct_images_is_that_of_guessing() -> None:
    same = Gaussian(tf.zeros((6, 4)), tf.ones((6, 4)))
    np.testing.assert_allclose(info_nce(tf.constant(STATES), same, tf.ones((6, 6), tf.bool)), -np.log(6), rtol=1e-5)


def test_images_out_of_the_window_have_no_gradient() -> None:
    mean, among = tf.Variable(MEAN), np.tril(np.ones((6, 6), bool))
    among[5, :5] = False  # the last state has no negatives
    with tf.GradientTape() as tape:
        bound = info_nce(tf.constant(STATES), Gaussian(mean, GIVEN.std), tf.constant(among))
    gradient = tape.gradient(bound, mean).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[5], 0, atol=1e-6)
    assert np.abs(gradient[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("sizes", "offsets"),
    [
        ({}, [(b, t) for b in range(4) for t in range(5)]),
        ({"contrast_steps": 1}, [(b, 0) for b in range(4)]),
        ({"contrast_sequences": 1}, [(0, t) for t in range(5)]),
        ({"contrast_sequences": 2, "contrast_steps": 3}, [(b, t) for b in range(2) for t in range(3)]),
        ({"contrast_sequences": 10, "contrast_steps": 30}, [(b, t) for b in range(4) for t in range(5)]),
    ],
)
def test_window_equals_that_of_rolled_batches(sizes: dict[str, Any], offsets: list[tuple[int, int]]) -> None:
    images = np.arange(20).reshape(4, 5)
    rolled = np.stack([np.roll(images, (-b, -t), (0, 1)) for b, t in offsets], -1).reshape(20, -1)
    found = window(4, 5, RepresentationSettings(**sizes)).numpy()
    assert [sorted(row) for row in rolled] == [list(np.flatnonzero(row)) for row in found]


def test_states_of_an_embedding_are_bounded_in_density() -> None:
    head = StateFromObservation(LayerFactory(0), embedding=5, layers=1, units=3, features=4)
    head.out.bias.assign(np.full(8, -100))
    given = head.states(tf.ones((2, 5)))
    assert given.mean.shape == (2, 4)
    np.testing.assert_allclose(given.std, 0.1, rtol=1e-5)
