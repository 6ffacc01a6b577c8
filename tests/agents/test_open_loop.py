"""Predictions compared with the same steps taken one by one, and errors compared with numpy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import ActionSpec, Arrays
from agents.dreamer import Dreamer, experience
from agents.open_loop import foresee
from agents.randomness import Noise
from tests.agents.conftest import ACTIONS, IMAGES, STATES, make_batch, symlog, tiny_settings

Make = Callable[..., Dreamer]
KINDS: dict[str, dict[str, Any]] = {
    "rssm": {},
    "ed2": {"dynamics": {"kind": "ed2", "groups": [[0, 2], [1]]}, "reward": {"transform": "tanh"}},
}


def errors(agent: Dreamer, batch: Arrays) -> dict[str, np.ndarray]:
    return {name: error.numpy() for name, error in foresee(agent.model, experience(batch), noise()).errors.items()}


def noise() -> Noise:
    return Noise(7, tf.constant(3))


def numpy_kl(mean: Any, std: Any, other_mean: Any, other_std: Any) -> np.ndarray:
    mean, std, other_mean, other_std = (np.asarray(x, np.float64) for x in (mean, std, other_mean, other_std))
    return (np.log(other_std / std) + (std**2 + (mean - other_mean) ** 2) / (2 * other_std**2) - 0.5).sum(-1)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_those_of_steps_taken_one_by_one(kind: str, dreamer: Make) -> None:
    agent = dreamer(**KINDS[kind])
    batch = make_batch(count=3, length=11)
    model, data = agent.model, experience(batch)
    seen, posterior = model.observe(data, noise())
    state = seen.map(lambda x: x[:, 4])
    draws = noise().normal("open_loop", (3, 6, model.rssm.stoch_size))
    found = errors(agent, batch)
    assert set(found) == {f"{measure}/{step}" for measure in ("image", "reward", "kl") for step in (1, 5)}
    for step in range(1, 6):
        at = 4 + step
        state = model.rssm.img_step(state, data.action[:, at], draws[:, step - 1])
        if step not in (1, 5):
            continue
        image = model.decoder.decode(state.features)["image"].numpy()
        truth = batch["image"][:, at] / 255 - 0.5
        np.testing.assert_allclose(found[f"image/{step}"], ((image - truth) ** 2).mean((1, 2, 3)), rtol=1e-4)
        reward = np.tanh(batch["reward"][:, at]) if kind == "ed2" else batch["reward"][:, at]
        predicted = model.reward.predict(state.features).numpy()
        np.testing.assert_allclose(found[f"reward/{step}"], np.abs(predicted - reward), rtol=1e-4, atol=1e-6)
        prior = model.rssm.prior(state.deter)
        kl = numpy_kl(posterior.mean[:, at], posterior.std[:, at], prior.mean, prior.std)
        np.testing.assert_allclose(found[f"kl/{step}"], kl, rtol=1e-3, atol=1e-5)


def test_what_comes_later_is_not_seen(dreamer: Make) -> None:
    """The posterior in the KL has seen all images up to the step; the prediction only those of the context."""
    agent = dreamer()
    batch = make_batch(count=2, length=11)
    between, after = ({**batch, "image": batch["image"].copy()} for _ in range(2))
    between["image"][:, 6] = 0
    after["image"][:, 10:] = 0
    before = errors(agent, batch)
    for name, same in (("kl/1", True), ("kl/5", False), ("image/5", True), ("reward/5", True)):
        assert np.allclose(errors(agent, between)[name], before[name], rtol=1e-5) == same, name
    for name, error in errors(agent, after).items():
        np.testing.assert_allclose(error, before[name], rtol=1e-5)


@pytest.mark.parametrize(("length", "horizons"), [(6, {1}), (9, {1}), (10, {1, 5}), (20, {1, 5, 15})])
def test_horizons_beyond_a_sequence_are_left_out(length: int, horizons: set[int], dreamer: Make) -> None:
    found = errors(dreamer(), make_batch(length=length))
    assert {int(name.split("/")[1]) for name in found} == horizons


def test_report_counts_every_sequence_once(dreamer: Make) -> None:
    """One reward of eleven is far off; the graph processes ten sequences at a time."""
    agent = dreamer()
    batch = make_batch(count=11, length=6)
    batch["reward"][:] = 0
    batch["reward"][10] = 1e6
    metrics = agent.report(batch).metrics
    assert metrics["model_error/sequences"] == 11
    assert metrics["model_error/reward/1"] == pytest.approx(1e6 / 11, rel=1e-3)


def test_report_has_the_prediction_of_every_vector() -> None:
    """The graph processes ten sequences at a time, and fills up the last part."""
    agent = Dreamer(tiny_settings(), {**IMAGES, **STATES}, ActionSpec(ACTIONS), seed=0)
    batch = make_batch(count=11, length=6)
    batch["state"] = np.random.default_rng(0).normal(size=(11, 6, 6)).astype(np.float32)
    report = agent.report(batch)
    assert list(report.predictions) == ["state"]
    truth, predicted = report.predictions["state"]
    np.testing.assert_allclose(truth, symlog(batch["state"]), rtol=1e-5)
    assert predicted.shape == truth.shape
    assert report.metrics["model_error/state/1"] == pytest.approx(((predicted - truth)[:, 5] ** 2).mean(), rel=1e-4)
