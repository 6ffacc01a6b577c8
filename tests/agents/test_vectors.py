"""State vectors: standardised by what was seen before training, whatever comes later."""

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import ActionSpec
from agents.dreamer import Dreamer
from agents.layers import LayerFactory
from agents.vectors import VectorEncoder
from tests.agents.conftest import ACTIONS, STATES, at, make_batch, symlog, tiny_settings


@pytest.fixture
def episodes() -> list[np.ndarray]:
    """Two episodes of different length; the numbers differ in scale, and the last never changes."""
    random = np.random.default_rng(0)
    scales = np.array([1e-3, 1, 20, 1e4, 3, 0])
    return [(5 + scales * random.normal(size=(length, 6))).astype(np.float32) for length in (30, 7)]


def test_vectors_are_standardised_by_all_records(episodes: list[np.ndarray]) -> None:
    encoder = VectorEncoder(LayerFactory(0), 6, 1, 8)
    np.testing.assert_allclose(encoder.normalize(tf.constant(episodes[0])), symlog(episodes[0]), rtol=1e-6)
    encoder.fit(episodes)
    seen = np.concatenate(episodes).astype(float)
    expected = np.divide(seen - seen.mean(0), seen.std(0), out=np.zeros_like(seen), where=seen.std(0) > 0)
    normalized = encoder.normalize(tf.constant(np.concatenate(episodes)))
    np.testing.assert_allclose(normalized, symlog(expected), atol=1e-3)


@pytest.mark.parametrize(
    ("typical", "spread"),
    [
        (0, 1e-17),  # as of a cosine that is 0 but for rounding
        (0, 1e-45),  # the smallest number in float32; the standard deviation is below it
        (1, 1e-7),  # neighbours in float32
        (1e4, 1e-3),  # as well
        (0, 0),
    ],
)
def test_numbers_that_change_by_rounding_are_not_scaled(typical: float, spread: float) -> None:
    wobble = np.random.default_rng(0).integers(0, 2, (50, 2)) * [spread, 1]
    vectors = (typical + wobble).astype(np.float32)
    encoder = VectorEncoder(LayerFactory(0), 2, 1, 8)
    encoder.fit([vectors])
    still, varied = np.asarray(encoder.statistics["state_encoder/std"])
    assert still == 1
    assert varied == pytest.approx(wobble[:, 1].std(), rel=1e-3)
    assert np.abs(encoder.normalize(tf.constant(vectors))[:, 0]).max() < 2e-3


@pytest.mark.parametrize(("typical", "spread"), [(0, 1e-5), (1, 1e-5), (1e4, 0.1)])
def test_small_changes_are_scaled(typical: float, spread: float) -> None:
    vectors = (typical + spread * np.random.default_rng(0).normal(size=(50, 1))).astype(np.float32)
    encoder = VectorEncoder(LayerFactory(0), 1, 1, 8)
    encoder.fit([vectors])
    assert encoder.statistics["state_encoder/std"].numpy() == pytest.approx(spread, rel=0.2)


def test_scale_is_fixed_and_saved(episodes: list[np.ndarray]) -> None:
    def make() -> Dreamer:
        return Dreamer(tiny_settings(), STATES, ActionSpec(ACTIONS), seed=0)

    batch = make_batch() | {"state": np.stack([episodes[0][:7], episodes[1]])}
    del batch["image"]
    agent, plain, resumed = make(), make(), make()
    agent.prepare({"state": episode} for episode in episodes)
    statistics = {name: value.numpy() for name, value in agent.model.encoder.statistics.items()}
    assert agent.train(batch)["loss/state"] != plain.train(batch)["loss/state"]
    for name, value in statistics.items():
        np.testing.assert_array_equal(agent.save()[name], value)
    resumed.load(agent.save())
    assert resumed.train(batch) == agent.train(batch)
    first = at(batch, 0)
    acts, again = (one.policy(first, one.initial_state(2), False)[0] for one in (agent, resumed))
    np.testing.assert_array_equal(acts, again)
