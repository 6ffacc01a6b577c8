import numpy as np
import pytest
import tensorflow as tf

from agents.heads import MLP, ScalarHead
from agents.layers import LayerFactory
from agents.settings import ActivationName, ActivationSettings
from tests.agents.conftest import ACTIVATED


@pytest.mark.parametrize("name", ACTIVATED)
def test_outputs_are_activated_layers_and_a_linear_one(name: ActivationName) -> None:
    make = LayerFactory(0, activation=ActivationSettings(dense=name))
    mlp = MLP(make, "head", inputs=3, units=[4, 4], outputs=2)
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    expected = x
    for layer in mlp.hidden:
        expected = ACTIVATED[name](expected @ layer.kernel.numpy() + layer.bias.numpy())
    expected = expected @ mlp.out.kernel.numpy() + mlp.out.bias.numpy()
    np.testing.assert_allclose(mlp.outputs(tf.constant(x)), expected, rtol=1e-4, atol=1e-6)


def test_scalar_head_gives_a_float32_for_each_state() -> None:
    head = ScalarHead(LayerFactory(0, "mixed_float16"), "head", inputs=3, units=[4])
    y = head.predict(tf.ones((2, 5, 3), tf.float16))
    assert (y.shape, y.dtype) == ((2, 5), tf.float32)
    assert head.hidden[0](tf.ones((2, 3), tf.float16)).dtype == tf.float16


def test_weights_follow_seed_and_name() -> None:
    def kernel(seed: int, name: str) -> np.ndarray:
        return MLP(LayerFactory(seed), name, 3, [4], 2).hidden[0].kernel.numpy()

    np.testing.assert_array_equal(kernel(0, "one"), kernel(0, "one"))
    assert not np.allclose(kernel(0, "one"), kernel(1, "one"))
    assert not np.allclose(kernel(0, "one"), kernel(0, "two"))
