from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.layers import LayerFactory
from agents.rssm import RSSM, State
from agents.settings import DynamicsSettings
from tests.agents.conftest import ACTIVATED

COUNT, LENGTH, ACTIONS, EMBEDDING = 3, 5, 4, 7
SETTINGS: dict[str, Any] = {"deterministic": 6, "stochastic": 2, "hidden": 5}
KINDS: dict[str, dict[str, Any]] = {
    "rssm": {"kind": "rssm"},
    "ed2": {"kind": "ed2", "groups": [[1, 3], [0], [2]]},
    "swish": {"kind": "rssm", "activation": "swish"},
    "linear": {"kind": "rssm", "candidate": "linear"},
}


def normal(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.random.stateless_normal(shape, (seed, 0))


@pytest.fixture(params=KINDS)
def rssm(request: pytest.FixtureRequest) -> RSSM:
    model = RSSM(LayerFactory(0), DynamicsSettings(**SETTINGS, **KINDS[request.param]), ACTIONS, EMBEDDING)
    for seed, weight in enumerate(model.trainable_variables):
        weight.assign(0.5 * normal(*weight.shape, seed=seed))
    return model


def activated(rssm: RSSM, x: np.ndarray) -> np.ndarray:
    return ACTIVATED[rssm._settings.activation](x)


def test_fresh_state_is_zero(rssm: RSSM) -> None:
    state = rssm.initial(COUNT)
    assert (state.deter.shape, state.stoch.shape) == ((COUNT, 6), (COUNT, 2))
    assert state.features.shape == (COUNT, 8)
    assert not state.features.numpy().any()


def test_observing_step_by_step_is_observing_the_whole(rssm: RSSM) -> None:
    embedding, action = normal(COUNT, LENGTH, EMBEDDING), normal(COUNT, LENGTH, ACTIONS, seed=1)
    noise = normal(COUNT, LENGTH, 2, seed=2)
    whole, posterior = rssm.observe(rssm.initial(COUNT), embedding, action, noise)
    state = rssm.initial(COUNT)
    for t in range(LENGTH):
        step = slice(t, t + 1)
        states, distribution = rssm.observe(state, embedding[:, step], action[:, step], noise[:, step])
        state = states.map(lambda x: x[:, 0])
        np.testing.assert_allclose(state.features, whole.features[:, t], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(distribution.mean[:, 0], posterior.mean[:, t], rtol=1e-5, atol=1e-6)


def test_imagining_step_by_step_is_imagining_the_whole(rssm: RSSM) -> None:
    state = State(normal(COUNT, 6), normal(COUNT, 2))
    action, noise = normal(COUNT, LENGTH, ACTIONS, seed=1), normal(COUNT, LENGTH, 2, seed=2)
    whole = rssm.imagine(state, action, noise)
    for t in range(LENGTH):
        state = rssm.img_step(state, action[:, t], noise[:, t])
        np.testing.assert_allclose(state.features, whole.features[:, t], rtol=1e-5, atol=1e-6)


def test_observed_and_imagined_deterministic_states_agree(rssm: RSSM) -> None:
    """The deterministic state depends on an image only through the previous stochastic state."""
    state = State(normal(COUNT, 6), normal(COUNT, 2))
    action, noise = normal(COUNT, 1, ACTIONS, seed=1), normal(COUNT, 1, 2, seed=2)
    observed, _ = rssm.observe(state, normal(COUNT, 1, EMBEDDING), action, noise)
    imagined = rssm.img_step(state, action[:, 0], noise[:, 0])
    np.testing.assert_allclose(observed.deter[:, 0], imagined.deter, rtol=1e-5, atol=1e-6)
    assert not np.allclose(observed.stoch[:, 0], imagined.stoch)


@pytest.mark.parametrize("kind", ["rssm", "ed2"])
def test_candidate_of_every_gru_is_the_settings_choice(kind: str) -> None:
    """With weights of zero but for the candidate's bias b: sigmoid(0) of the old state and of tanh(b), or of b."""
    for name, expected in (("tanh", np.tanh(3)), ("linear", 3)):
        settings = DynamicsSettings(**SETTINGS, **KINDS[kind], candidate=name)
        model = RSSM(LayerFactory(0), settings, ACTIONS, EMBEDDING)
        for weight in model.transition.gru.weights:
            weight.assign(tf.zeros_like(weight))
        bias = np.zeros(model.transition.gru.bias.shape)
        bias[2] = 3
        model.transition.gru.bias.assign(bias)
        state = model.img_step(State(tf.ones((COUNT, 6)), normal(COUNT, 2)), normal(COUNT, ACTIONS), normal(COUNT, 2))
        np.testing.assert_allclose(state.deter, np.full((COUNT, 6), 0.5 + 0.5 * expected), rtol=1e-6)


def test_prior_is_two_dense_layers_of_the_deterministic_state(rssm: RSSM) -> None:
    deter = normal(COUNT, 6).numpy()
    (W, b), (V, c) = (layer.get_weights() for layer in (rssm.prior_hidden, rssm.prior_out))
    mean, raw = np.split(activated(rssm, deter @ W + b) @ V + c, 2, axis=-1)
    prior = rssm.prior(tf.constant(deter))
    np.testing.assert_allclose(prior.mean, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(prior.std, np.log1p(np.exp(raw)) + 0.1, rtol=1e-4)


def test_posterior_is_two_dense_layers_of_deterministic_state_and_embedding(rssm: RSSM) -> None:
    embedding = normal(COUNT, 1, EMBEDDING)
    noise = normal(COUNT, 1, 2, seed=2)
    states, posterior = rssm.observe(rssm.initial(COUNT), embedding, normal(COUNT, 1, ACTIONS, seed=1), noise)
    joint = np.concatenate([states.deter[:, 0], embedding[:, 0]], -1)
    W = np.concatenate([rssm.posterior_deter.kernel, rssm.posterior_embedding.kernel])
    V, c = rssm.posterior_out.get_weights()
    mean, raw = np.split(activated(rssm, joint @ W + rssm.posterior_embedding.bias.numpy()) @ V + c, 2, -1)
    std = np.log1p(np.exp(raw)) + 0.1
    np.testing.assert_allclose(posterior.mean[:, 0], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(posterior.std[:, 0], std, rtol=1e-4)
    np.testing.assert_allclose(states.stoch[:, 0], mean + std * noise[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_keeps_distributions_in_float32(precision: str, kind: str) -> None:
    make = LayerFactory(0, precision)
    rssm = RSSM(make, DynamicsSettings(**SETTINGS, **KINDS[kind]), ACTIONS, EMBEDDING)
    embedding = tf.cast(normal(COUNT, LENGTH, EMBEDDING), make.compute_dtype)
    action, noise = normal(COUNT, LENGTH, ACTIONS), normal(COUNT, LENGTH, 2)
    states, posterior = rssm.observe(rssm.initial(COUNT), embedding, action, noise)
    assert states.deter.dtype == states.features.dtype == make.compute_dtype
    assert states.stoch.dtype == posterior.mean.dtype == posterior.std.dtype == tf.float32
    assert all(weight.dtype == "float32" for weight in rssm.trainable_variables)
