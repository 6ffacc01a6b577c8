"""The categorical distribution of returns against numpy and scipy."""

import numpy as np
import pytest
import scipy.stats

from agents import categorical_returns
from agents.categorical_returns import cross_entropy, expectation, project

RANDOM = np.random.default_rng(0)


def distributions(count: int, size: int) -> np.ndarray:
    return RANDOM.dirichlet(np.full(size, 0.3), count).astype(np.float32)


def projected(probabilities: np.ndarray, reward: np.ndarray, discount: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """By the definition, equation 7 of Bellemare et al. 2017: each pair of a moved atom and an atom."""
    moved = np.clip(reward[:, None] + discount[:, None] * atoms, atoms[0], atoms[-1])
    shares = np.clip(1 - np.abs(moved[:, :, None] - atoms) / (atoms[1] - atoms[0]), 0, 1)
    return np.einsum("nk,nkj->nj", probabilities, shares)


@pytest.mark.parametrize(("lowest", "highest", "size"), [(-150, 150, 101), (0, 10, 2), (-3, 7.5, 51)])
def test_projection_is_its_definition(lowest: float, highest: float, size: int) -> None:
    atoms = np.linspace(lowest, highest, size)
    np.testing.assert_allclose(categorical_returns.support(lowest, highest, size), atoms, rtol=1e-5)
    probabilities, discount = distributions(400, size), RANDOM.choice([0, 0.5, 0.99, 1], 400)
    reward = RANDOM.uniform(1.5 * lowest - 1, 1.5 * highest, 400)
    found = project(probabilities, reward.astype(np.float32), discount.astype(np.float32), atoms.astype(np.float32))
    np.testing.assert_allclose(found, projected(probabilities, reward, discount, atoms), atol=1e-4)
    np.testing.assert_allclose(np.sum(found, -1), 1, rtol=1e-5)


def test_projection_within_the_range_keeps_the_mean() -> None:
    atoms, probabilities = np.linspace(-10, 10, 51, dtype=np.float32), distributions(100, 51)
    reward, discount = RANDOM.uniform(-1, 1, (2, 100)).astype(np.float32)
    discount = np.abs(discount) * 0.9
    means = np.sum(project(probabilities, reward, discount, atoms) * atoms, -1)
    np.testing.assert_allclose(means, reward + discount * (probabilities @ atoms), atol=1e-4)


def test_the_goal_after_a_termination_is_the_reward() -> None:
    atoms = np.linspace(0, 4, 5, dtype=np.float32)
    found = project(distributions(2, 5), np.array([3, 9], np.float32), np.zeros(2, np.float32), atoms)
    np.testing.assert_allclose(found, [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], atol=1e-6)


def test_expectation_and_cross_entropy_agree_with_scipy() -> None:
    logits, target = RANDOM.normal(size=(20, 7)).astype(np.float32), distributions(20, 7)
    predicted, atoms = scipy.special.softmax(logits, -1), np.linspace(-1, 5, 7, dtype=np.float32)
    np.testing.assert_allclose(expectation(logits, atoms), predicted @ atoms, rtol=1e-4)
    expected = scipy.stats.entropy(target, predicted, axis=-1) + scipy.stats.entropy(target, axis=-1)
    np.testing.assert_allclose(cross_entropy(target, logits), expected, rtol=1e-4)
