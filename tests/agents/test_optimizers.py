from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from agents.optimizers import Adam, LossScale, RMSProp, make_optimizers
from agents.settings import OptimizerSettings

RANDOM = np.random.default_rng(0)


def make_adam(clip: float = 100.0, **decay: Any) -> Adam:
    shapes = [(3, 2), (4,)]
    weights = [
        keras.Variable(RANDOM.normal(size=shape), dtype="float32", name=f"w{i}") for i, shape in enumerate(shapes)
    ]
    return Adam("group", weights, rate=0.01, epsilon=1e-3, clip=clip, **decay)


@pytest.mark.parametrize(
    ("decay", "pattern", "kept"), [(0.0, ".*", (1, 1)), (0.1, ".*", (0.9, 0.9)), (0.1, "^group/w1", (1, 0.9))]
)
def test_adam_is_the_papers_algorithm_after_decay(decay: float, pattern: str, kept: tuple[float, float]) -> None:
    adam = make_adam(decay=decay, decay_pattern=pattern)
    weights = [w.numpy().astype(np.float64) for w in adam.weights]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    for step in range(1, 6):
        gradients = [RANDOM.normal(size=w.shape) for w in weights]
        adam.apply([tf.constant(g, tf.float32) for g in gradients])
        # The paper's efficient order (section 2, last paragraph), whose epsilon is the one that TensorFlow means.
        rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for w, m, v, g, share in zip(weights, first, second, gradients, kept, strict=True):
            w *= share
            m += 0.1 * (g - m)
            v += 0.001 * (g**2 - v)
            w -= rate * m / (np.sqrt(v) + 1e-3)
    for mine, expected in zip(adam.weights, weights, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4)


def test_decay_is_of_the_weights_that_match_and_must_match_some() -> None:
    groups = {name: [keras.Variable(np.ones(2), dtype="float32", name=f"{name}_out")] for name in ("model", "actor")}
    assert list(make_optimizers(groups, OptimizerSettings(weight_decay_pattern="kernl"))) == ["model", "actor"]
    decaying = make_optimizers(groups, OptimizerSettings(weight_decay=0.1, weight_decay_pattern="actor/|_in$"))
    assert [len(optimizer.decaying) for optimizer in decaying.values()] == [0, 1]
    with pytest.raises(
        ValueError, match="'kernl' matches no weight; some weights are model/model_out, actor/actor_out"
    ):
        make_optimizers(groups, OptimizerSettings(weight_decay=0.1, weight_decay_pattern="kernl"))


@pytest.mark.parametrize("clip", [0.5, 1000.0])
def test_clip_bounds_the_norm_over_all_gradients(clip: float) -> None:
    gradients = [RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(4,))]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    clipped, measured = make_adam(clip).clip([tf.constant(g) for g in gradients])
    assert float(measured) == pytest.approx(norm)
    for mine, gradient in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(mine, gradient * min(1, clip / norm), rtol=1e-6)


def test_loss_scale_halves_on_overflow_and_doubles_after_good_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LossScale, "GROWTH_STEPS", 3)
    scale = LossScale(enabled=True)
    values = []
    for finite in [False, True, True, True, True, True, False, True, True, True]:
        scale.update(tf.constant(finite))
        values.append(float(scale.value) / 2**15)
    assert values == [0.5, 0.5, 0.5, 1, 1, 1, 0.5, 0.5, 0.5, 1]


def test_loss_scale_never_falls_below_one() -> None:
    scale = LossScale(enabled=True)
    for _ in range(20):
        scale.update(tf.constant(False))
    assert float(scale.value) == 1


def test_unscale_undoes_the_scale() -> None:
    scale = LossScale(enabled=True)
    np.testing.assert_allclose(scale.unscale([scale.value * tf.constant([1.5, -2.0])])[0], [1.5, -2.0])


def test_rmsprop_is_its_definition() -> None:
    weights = [
        keras.Variable(RANDOM.normal(size=shape), dtype="float32", name=f"w{shape[0]}") for shape in [(3, 2), (4,)]
    ]
    rmsprop = RMSProp("group", weights, 0.03)
    expected = [weight.numpy().astype(np.float64) for weight in rmsprop.weights]
    squares = [np.zeros_like(weight) for weight in expected]
    for rate in (0.1, 0.05, 0.0):
        gradients = [RANDOM.normal(size=weight.shape) for weight in expected]
        rmsprop.apply([tf.constant(gradient, tf.float32) for gradient in gradients], tf.constant(rate))
        for weight, square, gradient in zip(expected, squares, gradients, strict=True):
            square += 0.01 * (gradient**2 - square)
            weight -= rate * gradient / np.sqrt(square + 0.03)
    for mine, other in zip(rmsprop.weights, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4)
    for variable, square in zip(rmsprop.variables.values(), squares, strict=True):
        np.testing.assert_allclose(variable, square, rtol=1e-4)
