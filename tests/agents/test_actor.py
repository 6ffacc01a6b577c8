import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from agents.actor import ContinuousActor, DiscreteActor, make_actor
from agents.agent import ActionSpec
from agents.layers import LayerFactory
from agents.settings import BehaviorSettings

SETTINGS = BehaviorSettings(actor_layers=1, actor_units=8)


def test_fresh_actor_explores_with_the_initial_std() -> None:
    actor = ContinuousActor(LayerFactory(0), 5, SETTINGS, 2)
    base = actor.actions(tf.zeros((3, 5))).base
    np.testing.assert_allclose(base.mean, np.zeros((3, 2)), atol=1e-6)
    np.testing.assert_allclose(base.std, np.full((3, 2), 5.0001), rtol=1e-5)


@pytest.mark.parametrize("std", [1e-3, 1.0, 1000.0])
def test_initial_std_may_be_of_any_size(std: float) -> None:
    actor = ContinuousActor(LayerFactory(0), 5, SETTINGS.model_copy(update={"init_std": std}), 1)
    np.testing.assert_allclose(actor.actions(tf.zeros((1, 5))).base.std, [[std + 1e-4]], rtol=1e-4)


@pytest.mark.parametrize("raw", [-100.0, -1.0, 0.5, 100.0])
def test_mean_and_std_are_bounded_functions_of_the_outputs(raw: float) -> None:
    actor = ContinuousActor(LayerFactory(0), 5, SETTINGS, 1)
    actor.out.bias.assign([raw, raw])
    base = actor.actions(tf.zeros((1, 5))).base
    np.testing.assert_allclose(base.mean, [[5 * np.tanh(raw / 5)]], rtol=1e-5)
    np.testing.assert_allclose(base.std, [[np.logaddexp(0, raw + np.log(np.expm1(5))) + 1e-4]], rtol=1e-5)


def test_size_of_the_networks_follows_the_settings() -> None:
    actor = ContinuousActor(LayerFactory(0), 5, BehaviorSettings(actor_layers=2, actor_units=7), 3)
    assert [tuple(layer.kernel.shape) for layer in (*actor.hidden, actor.out)] == [(5, 7), (7, 7), (7, 6)]


def test_choices_have_a_logit_each() -> None:
    actor = make_actor(LayerFactory(0), 5, SETTINGS, ActionSpec(18, discrete=True))
    assert isinstance(actor, DiscreteActor)
    actor.out.bias.assign(np.arange(18))
    probabilities = tf.nn.softmax(actor.actions(tf.zeros((1, 5))).logits)
    np.testing.assert_allclose(probabilities, scipy.special.softmax(np.arange(18.0))[None], rtol=1e-5)
