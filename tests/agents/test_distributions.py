import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from agents.distributions import (
    Gaussian,
    OneHot,
    TanhNormal,
    bernoulli_log_prob,
    unit_normal_log_prob,
    unit_normal_loss,
)

RANDOM = np.random.default_rng(0)


def gaussian(*shape: int) -> Gaussian:
    mean, std = RANDOM.normal(size=shape), RANDOM.uniform(0.2, 3, size=shape)
    return Gaussian(tf.constant(mean, tf.float32), tf.constant(std, tf.float32))


def test_gaussian_agrees_with_scipy() -> None:
    one = gaussian(5, 4)
    x = RANDOM.normal(size=(5, 4)).astype(np.float32)
    normal = scipy.stats.norm(one.mean.numpy(), one.std.numpy())
    np.testing.assert_allclose(one.log_prob(x), normal.logpdf(x).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(one.entropy(), normal.entropy().sum(-1), rtol=1e-5)


def test_kl_of_gaussians_is_the_closed_form() -> None:
    one, other = gaussian(5, 4), gaussian(5, 4)
    m1, s1, m2, s2 = (x.numpy().astype(np.float64) for x in (*one, *other))
    expected = (np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5).sum(-1)
    np.testing.assert_allclose(one.kl(other), expected, rtol=1e-5)
    np.testing.assert_allclose(one.kl(one), 0, atol=1e-6)


def test_kl_of_gaussians_agrees_with_draws() -> None:
    one, other = gaussian(3), gaussian(3)
    x = one.sample(RANDOM.normal(size=(200_000, 3)).astype(np.float32))
    gaps = (one.log_prob(x) - other.log_prob(x)).numpy()
    assert float(one.kl(other)) == pytest.approx(gaps.mean(), abs=5 * gaps.std() / np.sqrt(gaps.size))


def test_sample_moves_by_its_noise() -> None:
    one = Gaussian(tf.constant([1.0]), tf.constant([2.0]))
    np.testing.assert_allclose(one.sample(tf.constant([[0.0], [1.0], [-0.5]])), [[1.0], [3.0], [0.0]])


def test_unit_normal_log_prob_agrees_with_scipy() -> None:
    mean, x = RANDOM.normal(size=(2, 2, 4)).astype(np.float32)
    expected = scipy.stats.norm(mean, 1).logpdf(x)
    np.testing.assert_allclose(unit_normal_log_prob(tf.constant(mean), tf.constant(x)), expected, rtol=1e-5)


@pytest.mark.parametrize("axes", [0, 1, 3])
def test_unit_normal_loss_agrees_with_scipy(axes: int) -> None:
    mean, x = RANDOM.normal(size=(2, 2, 4, 3, 5)).astype(np.float32)
    log_prob = scipy.stats.norm(mean, 1).logpdf(x)
    if axes:
        log_prob = log_prob.sum(axis=tuple(range(-axes, 0)))
    loss = unit_normal_loss(tf.constant(mean), tf.constant(x), axes)
    assert float(loss) == pytest.approx(-log_prob.mean(), rel=1e-5)


@pytest.mark.parametrize("target", [0.0, 0.99, 1.0])
def test_bernoulli_log_prob_takes_soft_targets(target: float) -> None:
    logit = np.linspace(-4, 4, 9)
    p = 1 / (1 + np.exp(-logit))
    expected = target * np.log(p) + (1 - target) * np.log(1 - p)
    result = bernoulli_log_prob(tf.constant(logit), tf.fill(logit.shape, tf.constant(target, tf.float64)))
    np.testing.assert_allclose(result, expected, rtol=1e-9)


def test_tanh_normal_log_prob_is_scipys_after_a_change_of_variables() -> None:
    base = gaussian(6, 2)
    action = RANDOM.uniform(-0.99, 0.99, size=(6, 2)).astype(np.float32)
    x = action.astype(np.float64)
    density = scipy.stats.norm(base.mean.numpy(), base.std.numpy()).logpdf(np.arctanh(x)) - np.log(1 - x**2)
    np.testing.assert_allclose(TanhNormal(base).log_prob(action), density.sum(-1), rtol=1e-4, atol=1e-4)


def test_tanh_normal_log_prob_stays_finite_at_the_bounds() -> None:
    choice = TanhNormal(Gaussian(tf.zeros(2), 5 * tf.ones(2)))
    assert np.isfinite(choice.log_prob(tf.constant([[1.0, -1.0]]))).all()


def test_tanh_normal_mode_is_its_most_probable_sample() -> None:
    choice = TanhNormal(gaussian(4, 2))
    noise = RANDOM.normal(size=(100, 4, 2)).astype(np.float32)
    samples = choice.sample(noise).numpy()
    distribution = tfp.distributions.Independent(
        tfp.distributions.TransformedDistribution(tfp.distributions.Normal(*choice.base), tfp.bijectors.Tanh()), 1
    )
    best = np.argmax(distribution.log_prob(samples), axis=0)
    np.testing.assert_allclose(choice.mode(noise), samples[best, np.arange(4)], rtol=1e-5, atol=1e-6)


def test_tanh_normal_entropy_is_the_integral() -> None:
    choice = TanhNormal(Gaussian(tf.constant([0.3]), tf.constant([0.8])))
    action = np.linspace(-1, 1, 200_002)[1:-1]
    density = np.exp(choice.log_prob(action[:, None].astype(np.float32)).numpy().astype(np.float64))
    expected = -np.trapezoid(density * np.log(density), action)
    noise = RANDOM.normal(size=(100_000, 1)).astype(np.float32)
    assert float(choice.entropy(noise)) == pytest.approx(expected, abs=0.02)


LOGITS = np.array([[0.3, -1.2, 2.0, 0.7], [-0.5, 1.1, 0.2, -2.4]], np.float32)


def gumbel(*shape: int) -> tf.Tensor:
    return tf.constant(RANDOM.gumbel(size=shape), tf.float32)


def test_choices_are_drawn_by_their_probabilities() -> None:
    choices = OneHot(tf.constant(LOGITS)).sample(gumbel(20_000, 2, 4)).numpy()
    np.testing.assert_array_equal(np.sort(choices, -1), np.broadcast_to([0, 0, 0, 1], choices.shape))
    for found, logits in zip(choices.sum(0), LOGITS, strict=True):
        assert scipy.stats.chisquare(found, 20_000 * scipy.special.softmax(logits.astype(float))).pvalue > 1e-3


def test_gradient_of_a_choice_is_that_of_the_probabilities() -> None:
    """For a reward that is linear in the action, compared with the softmax's Jacobian written by hand."""
    logits, worth = tf.constant(LOGITS), RANDOM.normal(size=(2, 4)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(worth * OneHot(logits).sample(gumbel(2, 4)))
    p = scipy.special.softmax(LOGITS.astype(float), -1)
    expected = p * (worth - (p * worth).sum(-1, keepdims=True))
    np.testing.assert_allclose(tape.gradient(total, logits), expected, rtol=1e-4, atol=1e-6)


def test_choices_agree_with_scipy() -> None:
    choice, p = OneHot(tf.constant(LOGITS)), scipy.special.softmax(LOGITS.astype(float), -1)
    np.testing.assert_allclose(choice.entropy(gumbel(7, 2, 4)), scipy.stats.entropy(p, axis=-1), rtol=1e-5)
    np.testing.assert_array_equal(choice.mode(gumbel(7, 2, 4)), np.eye(4)[LOGITS.argmax(-1)])
    for index, action in enumerate(np.eye(4, dtype=np.float32)):
        np.testing.assert_allclose(choice.log_prob(action), np.log(p[:, index]), rtol=1e-5)
