"""Exploration compared with its definitions, over enough rows for statistics."""

from typing import Any

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from pydantic import ValidationError

from agents.agent import ActionSpec
from agents.exploration import Exploration
from agents.randomness import Noise
from agents.settings import ExplorationSettings

ROWS, ACTIONS = 4000, 3
NUMBERS, CHOICES = ActionSpec(ACTIONS), ActionSpec(ACTIONS, discrete=True)


def explore(
    action: np.ndarray, spec: ActionSpec = NUMBERS, updates: int = 0, training: bool = True, **changes: Any
) -> np.ndarray:
    exploration = Exploration(ExplorationSettings(**changes), spec)
    noise = Noise(0, tf.constant(0))
    return exploration.explore(tf.constant(action, tf.float32), noise, tf.constant(updates, tf.int64), training).numpy()


def amounts(*updates: int, **changes: Any) -> list[float]:
    exploration = Exploration(ExplorationSettings(**changes), CHOICES)
    return [float(exploration.amount(tf.constant(update, tf.int64))) for update in updates]


def test_epsilon_falls_as_in_the_paper() -> None:
    """Dream to Control, appendix A: from 0.4 to 0.1, linearly over the first 200,000 gradient steps."""
    paper: dict[str, Any] = {"kind": "epsilon_greedy", "amount": 0.4, "minimum": 0.1, "schedule": "linear"}
    steps = [0, 50_000, 100_000, 150_000, 200_000, 10**9]
    expected = np.interp(steps, [0, 200_000], [0.4, 0.1])
    assert amounts(*steps, **paper) == pytest.approx(expected, rel=1e-5)


def test_amount_halves_down_to_its_minimum() -> None:
    halving: dict[str, Any] = {"amount": 0.4, "minimum": 0.06, "schedule": "half_life", "duration": 100}
    assert amounts(0, 50, 100, 200, 1000, **halving) == pytest.approx([0.4, 0.4 / 2**0.5, 0.2, 0.1, 0.06], rel=1e-5)


def test_constant_amount_stays_and_reads_nothing_else() -> None:
    assert amounts(0, 10**9, amount=0.3, duration=1, minimum=0.1) == pytest.approx([0.3, 0.3])


def test_gaussian_noise_has_its_deviation_and_stays_within_bounds() -> None:
    gaps = explore(np.zeros((ROWS, ACTIONS)), amount=0.2)
    assert scipy.stats.kstest(gaps.ravel(), scipy.stats.norm(0, 0.2).cdf).pvalue > 1e-3
    assert np.abs(explore(np.ones((ROWS, ACTIONS)), amount=5.0)).max() == 1


def test_noise_follows_the_schedule() -> None:
    changes: dict[str, Any] = {"amount": 0.4, "minimum": 0.1, "schedule": "linear", "duration": 10}
    assert explore(np.zeros((ROWS, ACTIONS)), updates=10, **changes).std() == pytest.approx(0.1, rel=0.05)


def test_epsilon_greedy_replaces_choices_by_uniform_ones() -> None:
    """Of 3 actions, a random one equals the replaced one in a third of the cases."""
    wanted = np.eye(ACTIONS)[np.zeros(ROWS, int)]
    taken = explore(wanted, CHOICES, kind="epsilon_greedy", amount=0.6)
    np.testing.assert_array_equal(np.sort(taken, -1), np.broadcast_to([0, 0, 1], taken.shape))
    assert scipy.stats.chisquare(taken.sum(0), ROWS * np.array([0.6, 0.2, 0.2])).pvalue > 1e-3


def test_epsilon_greedy_replaces_whole_vectors() -> None:
    taken = explore(np.full((ROWS, ACTIONS), 0.5), kind="epsilon_greedy", amount=0.3)
    replaced = (taken != 0.5).all(-1)
    assert ((taken == 0.5).all(-1) | replaced).all()
    assert scipy.stats.binomtest(int(replaced.sum()), ROWS, 0.3).pvalue > 1e-3
    assert scipy.stats.kstest(taken[replaced].ravel(), scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_epsilon_of_one_is_completely_random() -> None:
    taken = explore(np.full((ROWS, ACTIONS), 0.5), kind="epsilon_greedy", amount=1.0)
    assert (taken != 0.5).all()


@pytest.mark.parametrize("kind", ["gaussian", "epsilon_greedy"])
def test_evaluation_has_an_amount_of_its_own(kind: str) -> None:
    wanted = np.full((ROWS, ACTIONS), 0.5, np.float32)
    np.testing.assert_array_equal(explore(wanted, training=False, kind=kind, amount=1.0), wanted)
    noisy = explore(wanted, training=False, kind=kind, amount=0.0, evaluation=0.1)
    np.testing.assert_array_equal(noisy, explore(wanted, training=True, kind=kind, amount=0.1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "epsilon_greedy", "amount": 1.5}, "epsilon is 1.5; allowed: a probability"),
        ({"kind": "epsilon_greedy", "evaluation": 2.0}, "epsilon is 2; allowed: a probability"),
        ({"amount": 0.1, "minimum": 0.2, "schedule": "linear"}, "0.2 is more than the amount 0.1"),
    ],
)
def test_impossible_amounts_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ExplorationSettings(**changes)
