"""Observations of images, state vectors, or both."""

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from agents import cost, encoders
from agents.agent import ActionSpec, Arrays, ObservationSpec
from agents.dreamer import Dreamer
from agents.experience import experience
from agents.layers import LayerFactory
from agents.open_loop import foresee
from agents.randomness import Noise
from agents.world_model import WorldModel
from tests.agents.conftest import ACTIONS, IMAGES, STATES, at, make_batch, symlog, tiny_settings

BOTH: ObservationSpec = {**IMAGES, **STATES}
UNITS = 8  # of a state vector's networks


def seen(observations: ObservationSpec, length: int = 7) -> Arrays:
    """A batch of such observations."""
    batch = make_batch(length=length)
    batch["state"] = np.random.default_rng(1).normal(size=(*batch["reward"].shape, 6)).astype(np.float32)
    return {name: array for name, array in batch.items() if name in (*observations, "action", "reward", "discount")}


def test_embeddings_are_side_by_side() -> None:
    make = LayerFactory(0)
    both = encoders.Encoder(make, BOTH, tiny_settings())
    observed = both.normalize({name: tf.constant(array) for name, array in at(seen(BOTH), 0).items()})
    embedding = both.encode(observed)
    assert embedding.shape == (2, both.size)
    sizes = [both.networks["image"].size, UNITS]
    for part, (name, network) in zip(np.split(embedding, np.cumsum(sizes)[:1], -1), both.networks.items(), strict=True):
        np.testing.assert_array_equal(part, network.encode(observed[name]))


def test_episodes_are_read_only_where_something_is_measured() -> None:
    def episodes() -> Iterator[Arrays]:
        read.append(observations)
        yield {name: array[0] for name, array in seen(observations).items()}

    read: list[ObservationSpec] = []
    for observations in (IMAGES, STATES, BOTH):
        encoders.Encoder(LayerFactory(0), observations, tiny_settings()).fit(episodes())
    assert read == [STATES, BOTH]


@pytest.mark.parametrize("observations", [IMAGES, STATES, BOTH])
def test_without_episodes_nothing_is_measured(observations: ObservationSpec) -> None:
    """The replay then explains that it has none."""
    encoder = encoders.Encoder(LayerFactory(0), observations, tiny_settings())
    encoder.fit(iter(()))
    for name, value in encoder.statistics.items():
        np.testing.assert_array_equal(value, 1.0 if name.endswith("std") else 0.0)


@pytest.mark.parametrize("observations", [STATES, BOTH])
def test_each_observation_has_a_loss_and_an_error(observations: ObservationSpec) -> None:
    settings, batch = tiny_settings(representation={"state_scale": 18.0}), seen(observations, 11)
    model = WorldModel(LayerFactory(0), settings, observations, ACTIONS)
    losses, state, metrics = model.losses(experience(batch), Noise(0, tf.constant(0)))
    decoded = model.decoder.decode(state.features)["state"]
    density = scipy.stats.norm(decoded).logpdf(symlog(batch["state"]))
    assert float(metrics["loss/state"]) == pytest.approx(-density.sum(-1).mean(), rel=1e-5)
    parts = sum(float(metrics[f"loss/{name}"]) for name in (*observations, "reward")) + 2 * float(metrics["loss/state"])
    assert float(losses["model"]) == pytest.approx(parts + max(float(metrics["loss/kl"]), 0.01), rel=1e-5)
    _, errors, predictions = foresee(model, experience(batch), Noise(0, tf.constant(0)))
    assert list(predictions) == ["state"]
    truth, predicted = predictions["state"]
    np.testing.assert_allclose(truth, symlog(batch["state"]), rtol=1e-5)
    for horizon in (1, 5):
        squared = (predicted[:, 4 + horizon].numpy() - truth[:, 4 + horizon].numpy()) ** 2
        np.testing.assert_allclose(errors[f"state/{horizon}"], squared.mean(-1), rtol=1e-4)
    np.testing.assert_allclose(predicted[:, :5], decoded[:, :5], rtol=1e-4, atol=1e-6)  # the context is reconstructed
    measures = (*observations, "reward", "kl")
    assert {name: error.shape for name, error in errors.items()} == {
        f"{measure}/{horizon}": (2,) for measure in measures for horizon in (1, 5)
    }


@pytest.mark.parametrize("observations", [STATES, BOTH])
def test_an_agent_learns_from_them_and_acts(observations: ObservationSpec) -> None:
    settings, batch = tiny_settings(), seen(observations)
    agent = Dreamer(settings, observations, ActionSpec(ACTIONS), seed=0)
    fresh = agent.save()
    agent.train(batch)
    trained = agent.save()
    weights = [weight.path for weight in agent.model.trainable_variables]
    assert sum(path.startswith("state_") for path in weights) == 8
    assert not [path for path in weights if np.array_equal(fresh[path], trained[path])]
    assert agent.policy(at(batch, 0), agent.initial_state(2), training=True)[0].shape == (2, ACTIONS)
    report = agent.report(batch)
    assert ("openloop" in report.videos) == ("image" in observations)
    assert {name: truth.shape for name, (truth, _) in report.predictions.items()} == {"state": batch["state"].shape}
    counted = cost.parameters(cost.world_model(settings, observations, ACTIONS))
    assert counted == sum(int(np.prod(weight.shape)) for weight in agent.model.trainable_variables)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("observations", [STATES, BOTH])
def test_an_agent_learns_from_them_in_mixed_precision(observations: ObservationSpec, precision: str) -> None:
    agent, batch = Dreamer(tiny_settings(precision=precision), observations, ActionSpec(ACTIONS), 0), seen(observations)
    embedding = agent.model.embed({name: tf.constant(array) for name, array in at(batch, 0).items()})
    assert embedding.dtype == precision.removeprefix("mixed_")
    fresh = agent.save()
    if precision == "mixed_float16":
        agent.load(fresh | {"loss_scale/value": np.array(1, np.float32)})
    assert np.isfinite([*agent.train(batch).values()]).all()
    trained = agent.save()
    assert not [w.path for w in agent.model.trainable_variables if np.array_equal(fresh[w.path], trained[w.path])]


def test_operations_count_the_first_layer_of_each_encoder_once() -> None:
    """Nothing needs the gradient of what is observed."""

    def flops(observations: ObservationSpec) -> int:
        return cost.step_flops(tiny_settings(), observations, ActionSpec(ACTIONS), 1, 1)

    features, hidden = 10, tiny_settings().dynamics.hidden
    forward = 6 * UNITS + UNITS * UNITS + features * UNITS + UNITS * 6 + UNITS * hidden  # the last in the posterior
    assert flops(BOTH) - flops(IMAGES) == 2 * (3 * forward - 6 * UNITS)
