"""A new kind of observation is a module of networks and an entry in KINDS: here dense ones for vectors."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from agents import cost, encoders
from agents.agent import ActionSpec, Arrays, ArraySpec, ObservationSpec
from agents.arithmetic import Layer, dense
from agents.dreamer import Dreamer, experience
from agents.heads import MLP
from agents.layers import LayerFactory
from agents.open_loop import foresee
from agents.randomness import Noise
from agents.settings import AgentSettings
from agents.world_model import WorldModel
from tests.agents.conftest import ACTIONS, IMAGES, STATES, at, make_batch, tiny_settings

UNITS, SIZE = 8, 5
BOTH: ObservationSpec = {**IMAGES, **STATES}


class VectorEncoder(MLP):
    size = SIZE

    def normalize(self, vector: tf.Tensor) -> tf.Tensor:
        return 2 * vector

    def encode(self, vector: tf.Tensor) -> tf.Tensor:
        return self.outputs(vector)


class VectorDecoder(MLP):
    def decode(self, features: tf.Tensor) -> tf.Tensor:
        return self.outputs(features)


class Vectors:
    HANDLED = "vectors"

    def handles(self, spec: ArraySpec) -> bool:
        return len(spec.shape) == 1

    def make_encoder(self, make: LayerFactory, spec: ArraySpec, settings: AgentSettings) -> VectorEncoder:
        return VectorEncoder(make, "vector_encoder", spec.shape[0], 1, UNITS, SIZE)

    def make_decoder(
        self, make: LayerFactory, spec: ArraySpec, settings: AgentSettings, features: int
    ) -> VectorDecoder:
        return VectorDecoder(make, "vector_decoder", features, 1, UNITS, spec.shape[0])

    def encoder_layers(self, spec: ArraySpec, settings: AgentSettings) -> list[Layer]:
        return dense(spec.shape[0], UNITS, SIZE)

    def decoder_layers(self, spec: ArraySpec, settings: AgentSettings, features: int) -> list[Layer]:
        return dense(features, UNITS, spec.shape[0])


@pytest.fixture(autouse=True)
def vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "KINDS", (*encoders.KINDS, Vectors()))


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
    sizes = [both.networks["image"].size, SIZE]
    for part, (name, network) in zip(np.split(embedding, np.cumsum(sizes)[:1], -1), both.networks.items(), strict=True):
        np.testing.assert_array_equal(part, network.encode(observed[name]))


@pytest.mark.parametrize("observations", [STATES, BOTH])
def test_each_observation_has_a_loss_and_an_error(observations: ObservationSpec) -> None:
    model, batch = WorldModel(LayerFactory(0), tiny_settings(), observations, ACTIONS), seen(observations, 11)
    losses, state, metrics = model.losses(experience(batch), Noise(0, tf.constant(0)))
    decoded = model.decoder.decode(state.features)["state"]
    density = scipy.stats.norm(decoded).logpdf(2 * batch["state"])
    assert float(metrics["loss/state"]) == pytest.approx(-density.sum(-1).mean(), rel=1e-5)
    parts = sum(float(metrics[f"loss/{name}"]) for name in (*observations, "reward"))
    assert float(losses["model"]) == pytest.approx(parts + max(float(metrics["loss/kl"]), 0.01), rel=1e-5)
    errors = foresee(model, experience(batch), Noise(0, tf.constant(0))).errors
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
    assert sum(path.startswith("vector_") for path in weights) == 8
    assert not [path for path in weights if np.array_equal(fresh[path], trained[path])]
    assert agent.policy(at(batch, 0), agent.initial_state(2), training=True)[0].shape == (2, ACTIONS)
    assert ("openloop" in agent.report(batch).videos) == ("image" in observations)
    counted = cost.parameters(cost.world_model(settings, observations, ACTIONS))
    assert counted == sum(int(np.prod(weight.shape)) for weight in agent.model.trainable_variables)


def test_operations_count_the_first_layer_of_each_encoder_once() -> None:
    """Nothing needs the gradient of what is observed."""

    def flops(observations: ObservationSpec) -> int:
        return cost.step_flops(tiny_settings(), observations, ActionSpec(ACTIONS), 1, 1)

    features, hidden = 10, tiny_settings().dynamics.hidden
    forward = 6 * UNITS + UNITS * SIZE + features * UNITS + UNITS * 6 + SIZE * hidden  # the last in the posterior
    assert flops(BOTH) - flops(IMAGES) == 2 * (3 * forward - 6 * UNITS)
