import numpy as np
import scipy.stats
import tensorflow as tf
from scipy.special import logsumexp

from agents.contrastive import StateFromImage, info_nce, pairwise_log_prob
from agents.distributions import Gaussian
from agents.layers import LayerFactory

RANDOM = np.random.default_rng(0)
STATES = RANDOM.normal(size=(6, 4)).astype(np.float32)
MEAN, STD = RANDOM.normal(size=(6, 4)).astype(np.float32), RANDOM.uniform(0.2, 2, size=(6, 4)).astype(np.float32)
GIVEN = Gaussian(tf.constant(MEAN), tf.constant(STD))


def test_pairwise_log_prob_is_scipys_for_each_pair() -> None:
    expected = scipy.stats.norm(MEAN, STD).logpdf(STATES[:, None]).sum(-1)
    np.testing.assert_allclose(pairwise_log_prob(tf.constant(STATES), GIVEN), expected, rtol=1e-4)


def test_info_nce_is_the_papers_bound() -> None:
    total = 0.0
    for i, state in enumerate(STATES):
        scores = [scipy.stats.norm(MEAN[j], STD[j]).logpdf(state).sum() for j in range(6)]
        total += scores[i] - logsumexp(scores)
    np.testing.assert_allclose(info_nce(tf.constant(STATES), GIVEN), total / 6, rtol=1e-4)


def test_info_nce_of_indistinct_images_is_that_of_guessing() -> None:
    same = Gaussian(tf.zeros((6, 4)), tf.ones((6, 4)))
    np.testing.assert_allclose(info_nce(tf.constant(STATES), same), -np.log(6), rtol=1e-5)


def test_states_of_an_embedding_are_bounded_in_density() -> None:
    head = StateFromImage(LayerFactory(0), embedding=5, layers=1, units=3, features=4)
    head.out.bias.assign(np.full(8, -100))
    given = head.states(tf.ones((2, 5)))
    assert given.mean.shape == (2, 4)
    np.testing.assert_allclose(given.std, 0.1, rtol=1e-5)
