from typing import Any

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.special import logsumexp

from agents.agent import Arrays
from agents.dreamer import experience
from agents.layers import LayerFactory, flatten_leading
from agents.randomness import Noise
from agents.world_model import WorldModel
from tests.agents.conftest import ACTIONS, BATCH, IMAGES, LENGTH, tiny_settings


def world_model(**changes: Any) -> WorldModel:
    return WorldModel(LayerFactory(0), tiny_settings(**changes), IMAGES, ACTIONS)


def noise() -> Noise:
    return Noise(0, tf.constant(0))


def parts(model: WorldModel, batch: Arrays) -> tuple[dict[str, float], dict[str, float], Any]:
    losses, state, metrics = model.losses(experience(batch), noise())
    return {k: float(v) for k, v in losses.items()}, {k: float(v) for k, v in metrics.items()}, state


def test_image_and_reward_losses_are_scipys_log_densities(batch: Arrays) -> None:
    model = world_model()
    _, metrics, state = parts(model, batch)
    image = scipy.stats.norm(model.decoder.decode(state.features)["image"]).logpdf(batch["image"] / 255 - 0.5)
    reward = scipy.stats.norm(model.reward.predict(state.features)).logpdf(batch["reward"])
    assert metrics["loss/image"] == pytest.approx(-image.sum((2, 3, 4)).mean(), rel=1e-5)
    assert metrics["loss/reward"] == pytest.approx(-reward.mean(), rel=1e-5)


def test_kl_is_of_the_posterior_from_the_prior_of_its_own_step(batch: Arrays) -> None:
    model = world_model()
    _, metrics, state = parts(model, batch)
    data = experience(batch)
    embedding = model.encoder.encode({"image": tf.cast(data.observations["image"], tf.float32) / 255 - 0.5})
    draws = noise().normal("posterior", (BATCH, LENGTH, 4))
    _, posterior = model.rssm.observe(model.rssm.initial(BATCH), embedding, data.action, draws)
    prior = model.rssm.prior(flatten_leading(state.deter))
    m1, s1 = (x.numpy().reshape(-1, 4) for x in posterior)
    m2, s2 = (x.numpy() for x in prior)
    kl = (np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5).sum(-1)
    assert metrics["loss/kl"] == pytest.approx(kl.mean(), rel=1e-4)
    entropy = scipy.stats.norm(m2, s2).entropy().sum(-1).mean()
    assert metrics["dynamics/prior_entropy"] == pytest.approx(entropy, rel=1e-5)


@pytest.mark.parametrize(("free_nats", "scale"), [(0.0, 1.0), (0.0, 0.1), (50.0, 1.0), (50.0, 2.0)])
def test_kl_below_the_free_nats_costs_them(batch: Arrays, free_nats: float, scale: float) -> None:
    losses, metrics, _ = parts(world_model(dynamics={"free_nats": free_nats, "kl_scale": scale}), batch)
    kl = scale * max(metrics["loss/kl"], free_nats)
    assert losses["model"] == pytest.approx(kl + metrics["loss/image"] + metrics["loss/reward"], rel=1e-5)


def test_weight_of_the_reward_is_the_settings(batch: Arrays) -> None:
    losses, metrics, _ = parts(world_model(reward={"scale": 10.0}, dynamics={"free_nats": 0}), batch)
    expected = metrics["loss/kl"] + metrics["loss/image"] + 10 * metrics["loss/reward"]
    assert losses["model"] == pytest.approx(expected, rel=1e-6)


def test_free_nats_stop_the_gradient_of_the_kl(batch: Arrays) -> None:
    """The prior's layers have a gradient only where the KL exceeds the free nats."""
    for free_nats, learns in [(50.0, False), (0.0, True)]:
        model = world_model(dynamics={"free_nats": free_nats})
        with tf.GradientTape() as tape:
            losses, _, _ = model.losses(experience(batch), noise())
        gradient = tape.gradient(losses["model"], model.rssm.prior_out.kernel.value)
        assert bool(np.abs(gradient).max() > 1e-6) is learns


@pytest.mark.parametrize("of", ["mean", "step"])
def test_nats_are_free_of_the_mean_or_of_each_step(batch: Arrays, of: str) -> None:
    """In value, and in the gradient: d KL / d(prior's mean) = (prior's mean - posterior's) / prior's variance."""
    data = experience(batch)

    def kl_of(model: WorldModel) -> tuple[np.ndarray, np.ndarray]:
        """Each step's KL (N), and its gradient by the prior's mean (N, S)."""
        state, posterior = model.observe(data, noise())
        m1, s1 = (x.numpy().reshape(-1, 4).astype(np.float64) for x in posterior)
        m2, s2 = (x.numpy().astype(np.float64) for x in model.rssm.prior(flatten_leading(state.deter)))
        return (np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5).sum(-1), (m2 - m1) / s2**2

    free = 0.9 * kl_of(world_model())[0].mean()
    model = world_model(dynamics={"free_nats": free, "free_nats_of": of})
    kl, slope = kl_of(model)
    above = kl > free
    assert 0 < above.sum() < len(kl)
    with tf.GradientTape() as tape:
        losses, _, metrics = model.losses(data, noise())
    paid = float(losses["model"] - metrics["loss/image"] - metrics["loss/reward"])
    assert paid == pytest.approx(kl.mean() if of == "mean" else np.maximum(kl, free).mean(), abs=2e-3)
    assert float(metrics["loss/kl"]) == pytest.approx(kl.mean(), rel=1e-4)
    gradient = tape.gradient(losses["model"], model.rssm.prior_out.bias.value).numpy()
    taught = np.ones_like(above) if of == "mean" else above
    np.testing.assert_allclose(gradient[:4], (slope * taught[:, None]).mean(0), rtol=1e-3, atol=1e-5)


def test_tanh_bounds_the_reward_that_is_learned(batch: Arrays) -> None:
    model = world_model(reward={"transform": "tanh"})
    _, metrics, state = parts(model, batch)
    expected = scipy.stats.norm(model.reward.predict(state.features)).logpdf(np.tanh(batch["reward"]))
    assert metrics["loss/reward"] == pytest.approx(-expected.mean(), rel=1e-5)


def test_continuation_learns_the_softened_discount(batch: Arrays) -> None:
    model = world_model(continuation={"predict": True})
    losses, metrics, state = parts(model, batch)
    assert model.continuation is not None
    p = 1 / (1 + np.exp(-model.continuation.predict(state.features).numpy()))
    target = 0.99 * batch["discount"]
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
    assert metrics["loss/continuation"] == pytest.approx(expected, rel=1e-4)
    rest = max(metrics["loss/kl"], 0.01) + metrics["loss/image"] + metrics["loss/reward"]
    assert losses["model"] == pytest.approx(rest + 10 * expected, rel=1e-5)
    np.testing.assert_allclose(model.discount(state.features), p, rtol=1e-5)


def test_contrast_tells_each_state_from_those_of_all_other_images(batch: Arrays) -> None:
    model = world_model(representation={"objective": "contrastive"})
    _, metrics, state = parts(model, batch)
    assert model.contrast is not None
    embedding = model.encoder.encode({"image": tf.cast(batch["image"], tf.float32) / 255 - 0.5})
    mean, std = (x.numpy().reshape(-1, 1, 10) for x in model.contrast.states(embedding))
    scores = scipy.stats.norm(mean, std).logpdf(state.features.numpy().reshape(1, -1, 10)).sum(-1)  # (image, state)
    assert metrics["loss/contrast"] == pytest.approx((logsumexp(scores, 0) - np.diag(scores)).mean(), rel=1e-4)


def test_contrast_is_among_the_images_of_the_window(batch: Arrays) -> None:
    model = world_model(representation={"objective": "contrastive", "contrast_sequences": 1, "contrast_steps": 3})
    _, metrics, state = parts(model, batch)
    assert model.contrast is not None
    embedding = model.encoder.encode({"image": tf.cast(batch["image"], tf.float32) / 255 - 0.5})
    mean, std = (x.numpy() for x in model.contrast.states(embedding))
    features, total = state.features.numpy(), 0.0
    for b, t in np.ndindex(BATCH, LENGTH):
        near = [(t + shift) % LENGTH for shift in range(3)]
        scores = scipy.stats.norm(mean[b, near], std[b, near]).logpdf(features[b, t]).sum(-1)
        total += logsumexp(scores) - scores[0]
    assert metrics["loss/contrast"] == pytest.approx(total / (BATCH * LENGTH), rel=1e-4)


def test_discount_is_constant_without_a_head() -> None:
    np.testing.assert_allclose(world_model().discount(tf.zeros((2, 3, 10))), np.full((2, 3), 0.99), rtol=1e-6)


@pytest.mark.parametrize("objective", ["reward", "contrastive"])
def test_pictures_teach_the_model_nothing_where_they_are_no_objective(batch: Arrays, objective: str) -> None:
    model = world_model(representation={"objective": objective})
    with tf.GradientTape(persistent=True) as tape:
        losses, _, _ = model.losses(experience(batch), noise())
    groups = {name: [weight.value for weight in weights] for name, weights in model.groups.items()}
    assert all(gradient is None for gradient in tape.gradient(losses["decoder"], groups["model"]))
    assert all(gradient is None for gradient in tape.gradient(losses["model"], groups["decoder"]))
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(losses["decoder"], groups["decoder"]))
    encoder = tape.gradient(losses["model"], model.encoder.networks["image"].convolutions[0].kernel.value)
    assert np.abs(encoder).max() > 0


def test_groups_hold_each_weight_once() -> None:
    for objective in ("pixels", "reward", "contrastive"):
        model = world_model(representation={"objective": objective})
        paths = [weight.path for weights in model.groups.values() for weight in weights]
        assert sorted(paths) == sorted({weight.path for weight in model.trainable_variables})


def test_objectives_differ_in_the_observation_term_only(batch: Arrays) -> None:
    for objective, term in [("reward", None), ("contrastive", "loss/contrast")]:
        losses, metrics, _ = parts(world_model(representation={"objective": objective}), batch)
        expected = max(metrics["loss/kl"], 0.01) + metrics["loss/reward"] + (metrics[term] if term else 0)
        assert losses["model"] == pytest.approx(expected, rel=1e-5)
        assert losses["decoder"] == pytest.approx(metrics["loss/image"])
