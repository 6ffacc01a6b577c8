from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from agents.layers import ACTIVATIONS
from agents.settings import ActivationName
from tests.agents.conftest import ACTIVATED

X = np.linspace(-5, 5, 41).astype(np.float32)


@pytest.mark.parametrize("name", get_args(ActivationName))
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_activations_are_their_formulas_in_any_arithmetic(name: ActivationName, dtype: tf.DType) -> None:
    y = ACTIVATIONS[name](tf.constant(X, dtype))
    assert y.dtype == dtype
    np.testing.assert_allclose(tf.cast(y, tf.float32), ACTIVATED[name](X), rtol=1e-6 if dtype == tf.float32 else 0.02)
