import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import ActionSpec, Arrays, ArraySpec, ObservationSpec
from agents.behavior import ActorCritic, starts
from agents.distributions import TanhNormal
from agents.dreamer import Dreamer
from agents.experience import experience
from agents.randomness import Noise
from agents.registry import make_agent
from agents.rssm import State
from tests.agents.conftest import ACTIONS, IMAGES, at, make_batch, noisy_images, tiny_settings

Make = Callable[..., Dreamer]
COUNTS: ObservationSpec = {"counts": ArraySpec((6,), np.dtype(np.int64))}  # which no network handles
VARIANTS: dict[str, dict[str, Any]] = {
    "dreamer": {},
    "ed2": {"dynamics": {"kind": "ed2", "groups": [[0, 2], [1]]}},
    "no_value": {"behavior": {"value": "none"}},
    "planet": {"behavior": {"kind": "planner", "candidates": 8, "iterations": 2, "top": 3}},
    "reward": {"representation": {"objective": "reward"}},
    "contrastive": {"representation": {"objective": "contrastive"}, "continuation": {"predict": True}},
    "discrete": {"discrete": True, "exploration": {"kind": "epsilon_greedy"}, "continuation": {"predict": True}},
    "options": {
        "activation": {"dense": "swish", "conv": "leaky_relu"},
        "dynamics": {"activation": "swish", "free_nats_of": "step"},
        "behavior": {"bootstrap": "second_last"},
        "optimizer": {"weight_decay": 0.01},
    },
    "target": {"behavior": {"target_rate": 0.1, "start_every": 4}},
    "mixed_float16": {"precision": "mixed_float16"},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> dict[str, Any]:
    return VARIANTS[request.param]


def changed(before: Arrays, after: Arrays) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_every_variant_trains_all_its_weights(dreamer: Make, variant: dict[str, Any], batch: Arrays) -> None:
    agent = dreamer(**variant)
    before = agent.save()
    if variant.get("precision") == "mixed_float16":
        agent.load(before | {"loss_scale/value": np.array(1, np.float32)})
    metrics = agent.train(batch)
    assert all(isinstance(value, float) and np.isfinite(value) for value in metrics.values()), metrics
    moved = changed(before, agent.save())
    weights = {name for name in before if name.endswith(("kernel", "bias", "stoch", "action"))}
    assert weights <= moved
    expected = {"loss/model", "loss/kl", "loss/image", "loss/reward", "gradient/model"}
    learned = {"loss/actor", "gradient/actor", "behavior/return", "behavior/entropy"}
    assert expected | (set() if variant is VARIANTS["planet"] else learned) <= set(metrics)
    assert ("optimizer/loss_scale" in metrics) == (variant.get("precision") == "mixed_float16")


def test_planet_learns_a_world_model_only(dreamer: Make, batch: Arrays) -> None:
    """The planner's world model trains exactly as Dreamer's, and the agent has no other weights."""
    planet, agent = dreamer(**VARIANTS["planet"]), dreamer()
    metrics, both = planet.train(batch), agent.train(batch)
    assert metrics == {name: both[name] for name in metrics}
    saved, expected = planet.save(), agent.save()
    assert not changed(saved, expected)
    others = {*both, *expected} - {*metrics, *saved}
    assert all(re.match(r"(\w+/)?(actor|value|behavior)", name) for name in others)
    assert not [name for name in {*metrics, *saved} if re.search("actor|behavior|loss/value|gradient/value", name)]


def test_planet_plans_with_noise_in_training_only(dreamer: Make, batch: Arrays) -> None:
    first, gaps = at(batch, 0), []
    for scale in (0.0, 0.3):
        agent = dreamer(**VARIANTS["planet"], exploration={"amount": scale})
        fresh = agent.save()
        collected, _ = agent.policy(first, agent.initial_state(2), training=True)
        agent.load(fresh)  # the same draws again
        planned, state = agent.policy(first, agent.initial_state(2), training=False)
        assert np.abs(collected).max() <= 1
        np.testing.assert_array_equal(state["action"], planned)
        gaps.append(np.abs(collected - planned).max())
    assert gaps[0] == 0
    assert gaps[1] > 0.05


def test_xla_computes_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the same draws, which XLA would make differently."""

    def normal(noise: Noise, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        return tf.constant(np.random.default_rng(list(name.encode())).normal(size=shape), tf.float32)

    monkeypatch.setattr(Noise, "normal", normal)
    agents = [
        Dreamer(tiny_settings(jit=jit, behavior={"horizon": 2}), IMAGES, ActionSpec(ACTIONS), 0)
        for jit in (False, True)
    ]
    plain, compiled = (agent.train(make_batch(length=2)) for agent in agents)
    assert compiled == pytest.approx(plain, rel=1e-3, abs=1e-4)


def test_training_compiles_once(dreamer: Make) -> None:
    agent = dreamer()
    counts = []
    for seed in range(3):
        made = make_batch(seed=seed)
        agent.train({name: tf.constant(array) for name, array in made.items()} if seed else made)
        counts.append(agent._train_graph.experimental_get_tracing_count())
    assert counts[0] == counts[-1]


def test_training_is_a_function_of_seed_and_batches(dreamer: Make) -> None:
    first = dreamer(0)
    metrics = [first.train(make_batch(seed=seed)) for seed in range(3)]
    again = Dreamer(tiny_settings(), IMAGES, ActionSpec(ACTIONS), 0)
    assert [again.train(make_batch(seed=seed)) for seed in range(3)] == metrics
    other = dreamer(1)
    assert other.train(make_batch(seed=0))["loss/model"] != metrics[0]["loss/model"]


def test_loaded_agent_goes_on_bit_for_bit(dreamer: Make, variant: dict[str, Any], batch: Arrays) -> None:
    agent = dreamer(**variant)
    first, state = at(batch, 0), agent.initial_state(2)
    agent.train(batch)
    _, state = agent.policy(first, state, training=True)
    saved = agent.save()
    assert {type(array) for array in saved.values()} == {np.ndarray}

    def go_on() -> tuple[list[dict[str, float]], list[np.ndarray]]:
        actions, now = [], state
        metrics = [agent.train(batch) for _ in range(2)]
        for training in (True, False):
            action, now = agent.policy(first, now, training)
            actions.append(action)
        return metrics, actions

    metrics, actions = go_on()
    assert changed(saved, agent.save())
    agent.load(saved)
    metrics_again, actions_again = go_on()
    assert metrics_again == metrics
    np.testing.assert_array_equal(actions_again, actions)


def test_save_names_every_weight_and_moment_once(dreamer: Make) -> None:
    agent = dreamer()
    saved = agent.save()
    groups = agent.model.groups | agent.behavior.groups
    weights = sum(math.prod(weight.shape) for group in groups.values() for weight in group)
    moments = [array for name, array in saved.items() if name.endswith(("moment1", "moment2"))]
    scalars = [array for array in saved.values() if array.ndim == 0]
    assert sum(array.size for array in moments) == 2 * weights
    assert sum(array.size for array in saved.values()) == 3 * weights + len(scalars)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("updates"), "updates: missing"),
        (lambda arrays: arrays.update(more=np.zeros(1)), "more: unknown"),
        (lambda arrays: arrays.update(actor_out=arrays.pop("actor_out/bias")), "actor_out"),
        (lambda arrays: arrays.update({"actor_out/bias": np.zeros(5)}), r"actor_out/bias: saved with shape \(5,\)"),
    ],
)
def test_load_names_what_does_not_fit(dreamer: Make, change: Callable[[Arrays], Any], message: str) -> None:
    agent = dreamer()
    arrays = agent.save()
    change(arrays)
    with pytest.raises(ValueError, match=message):
        agent.load(arrays)


def test_each_optimiser_follows_its_own_clipped_loss_at_its_own_rate(dreamer: Make, batch: Arrays) -> None:
    """After one step of Adam its first moment is a tenth of the gradient, and its weights moved by the rate at most."""
    rates = {"model": 1e-2, "value": 1e-3, "actor": 1e-4}
    agent = dreamer(optimizer={f"{name}_rate": rate for name, rate in rates.items()} | {"clip": 0.5})
    before, noise = agent.save(), Noise(0, tf.constant(0))
    groups = agent.model.groups | agent.behavior.groups
    with tf.GradientTape(persistent=True) as tape:
        losses, state, _ = agent.model.losses(experience(batch), noise)
        losses |= agent.behavior.losses(agent.model, starts(state, skip_last=False), noise)[0]
    gradients = {name: tape.gradient(losses[name], [w.value for w in group]) for name, group in groups.items()}
    agent.train(batch)
    after = agent.save()
    for name, group in groups.items():
        norm = np.sqrt(sum(np.square(gradient).sum() for gradient in gradients[name]))
        for weight, gradient in zip(group, gradients[name], strict=True):
            moment = after[f"{name}/{weight.path}/moment1"]
            np.testing.assert_allclose(moment, 0.1 * min(1, 0.5 / norm) * gradient, rtol=1e-2, atol=1e-6)
        moves = [np.abs(after[weight.path] - before[weight.path]).max() for weight in group]
        assert max(moves) == pytest.approx(rates[name], rel=0.02)


DECAY = {"weight_decay": 0.1, "weight_decay_pattern": "(model|value)/.*kernel"}


def test_weights_that_match_decay_before_the_step(dreamer: Make, batch: Arrays) -> None:
    """The gradients are those of the weights before the decay, so decay only adds to the step."""
    results = []
    for changes in ({}, {"optimizer": DECAY}):
        agent = dreamer(precision="mixed_float16", **changes)
        before = agent.save() | {"loss_scale/value": np.array(1, np.float32)}
        agent.load(before)
        agent.train(batch)
        results.append(agent.save())
    plain, decayed = results
    smaller = {name for name in before if re.search("kernel$", name) and not name.startswith("actor")}
    assert changed(plain, decayed) == smaller
    for name in smaller:
        np.testing.assert_allclose(decayed[name], plain[name] - 0.1 * before[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "networks"),
    [
        ({"activation": {"dense": "relu"}}, {"reward", "continuation", "contrast", "value", "actor"}),
        ({"activation": {"conv": "elu"}}, {"encoder", "decoder"}),
        ({"dynamics": {"activation": "relu"}}, {"transition", "prior", "posterior"}),
    ],
)
def test_each_setting_activates_its_own_networks(changes: dict[str, Any], networks: set[str]) -> None:
    def outputs(changes: dict[str, Any]) -> dict[str, np.ndarray]:
        """Outputs of new networks with the same weights for inputs of ones."""
        choices = {"continuation": {"predict": True}, "representation": {"objective": "contrastive"}, **changes}
        agent = Dreamer(tiny_settings(**choices), IMAGES, ActionSpec(ACTIONS), 0)
        model, rssm, ones = agent.model, agent.model.rssm, tf.ones
        assert isinstance(agent.behavior, ActorCritic)
        assert model.continuation is not None
        assert model.contrast is not None
        assert agent.behavior.value is not None
        features, state, action = ones((1, 10)), State(ones((1, 6)), ones((1, 4))), ones((1, ACTIONS))
        wanted = agent.behavior.actor.actions(features)
        assert isinstance(wanted, TanhNormal)
        _, posterior = rssm.observe(state, ones((1, 1, 64)), action[:, None], ones((1, 1, 4)))
        return {
            "reward": model.reward.predict(features),
            "continuation": model.continuation.predict(features),
            "contrast": model.contrast.states(ones((1, 64))).mean,
            "value": agent.behavior.value.predict(features),
            "actor": wanted.base.mean,
            "encoder": model.encoder.encode({"image": ones((1, 64, 64, 3))}),
            "decoder": model.decoder.decode(features)["image"],
            "transition": rssm.transition.step(*state, rssm.transition.action_share(action)),
            "prior": rssm.prior(state.deter).mean,
            "posterior": posterior.mean,
        }

    before, after = outputs({}), outputs(changes)
    assert {name for name in before if not np.array_equal(before[name], after[name])} == networks


def test_overflow_skips_the_step_and_halves_the_scale(dreamer: Make, batch: Arrays) -> None:
    agent = dreamer(precision="mixed_float16", optimizer=DECAY)
    before = agent.save()
    agent.load(before | {"loss_scale/value": np.array(2.0**60, np.float32)})
    metrics = agent.train(batch)
    assert not np.isfinite(metrics["gradient/model"])
    assert metrics["optimizer/loss_scale"] == 2.0**60
    after = agent.save()
    assert changed(before, after) == {"loss_scale/value", "updates"}
    assert after["loss_scale/value"] == 2.0**59


def test_gradients_do_not_depend_on_the_loss_scale(dreamer: Make, batch: Arrays) -> None:
    agent = dreamer(precision="mixed_float16")
    fresh = agent.save()
    norms = []
    for scale in (1.0, 64.0):
        agent.load(fresh | {"loss_scale/value": np.array(scale, np.float32)})
        metrics = agent.train(batch)
        norms.append([metrics[f"gradient/{name}"] for name in ("model", "actor", "value")])
    np.testing.assert_allclose(norms[0], norms[1], rtol=0.02)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_target_is_the_moving_average_of_the_value(dreamer: Make, batch: Arrays, precision: str) -> None:
    """Recomputed from the weights after each update; an update that overflows moves neither of them."""
    agent, rate = dreamer(precision=precision, behavior={"target_rate": 0.1}, optimizer={"value_rate": 0.01}), 0.1
    first = agent.save()
    names = {name for name in first if re.match(r"value_\w+/\w+$", name)}
    assert {name.replace("value", "target") for name in names} == {name for name in first if name.startswith("target")}
    expected = {name: first[name].astype(np.float64) for name in names}
    scales = [1, 1, 2.0**60, 1] if precision == "mixed_float16" else [1] * 4
    before = first
    for scale in scales:
        agent.load(agent.save() | {"loss_scale/value": np.array(scale, np.float32)})
        agent.train(batch)
        after = agent.save()
        assert names & changed(before, after) == (names if scale == 1 else set())
        for name in names:
            if scale == 1:
                expected[name] += rate * (after[name] - expected[name])
            np.testing.assert_allclose(after[name.replace("value", "target")], expected[name], rtol=1e-5, atol=1e-6)
        before = after


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_close_to_float32(dreamer: Make, batch: Arrays, precision: str) -> None:
    exact, mixed = dreamer().train(batch), dreamer(precision=precision).train(batch)
    for name in ("loss/image", "loss/reward", "loss/value", "behavior/entropy"):
        assert mixed[name] == pytest.approx(exact[name], rel=0.05)


def test_policy_explores_in_training_only(dreamer: Make, batch: Arrays) -> None:
    actions = {}
    for noise in (0.0, 10.0):
        for training in (True, False):
            agent = dreamer(exploration={"amount": noise})
            action, state = agent.policy(at(batch, 0), agent.initial_state(2), training)
            assert (action.shape, action.dtype) == ((2, ACTIONS), np.float32)
            assert (np.abs(action) <= 1).all()
            np.testing.assert_array_equal(state["action"], action)
            actions[noise, training] = action
    np.testing.assert_array_equal(actions[0.0, False], actions[10.0, False])
    assert (np.abs(actions[10.0, True] - actions[0.0, True]) > 0.5).any()


def test_policy_adds_noise_to_what_the_actor_wants(dreamer: Make) -> None:
    """An actor without spread acts by its mean: unchanged in evaluation, with exploration noise in training."""
    agent = dreamer(behavior={"init_std": 1e-3}, exploration={"amount": 0.2})
    gaps = {}
    for training in (True, False):
        action, state = agent.policy(noisy_images(300), agent.initial_state(300), training)
        assert isinstance(agent.behavior, ActorCritic)
        latent = State(*(tf.constant(state[part]) for part in ("deter", "stoch")))
        choice = agent.behavior.actor.actions(latent.features)
        assert isinstance(choice, TanhNormal)
        gaps[training] = action - np.tanh(choice.base.mean)
    assert np.abs(gaps[False]).max() < 0.01
    assert gaps[True].std() == pytest.approx(0.2, rel=0.1)
    assert abs(gaps[True].mean()) < 0.03


def test_policy_chooses_what_is_likeliest_or_anything_at_all(dreamer: Make) -> None:
    """Actions stay one-hot; in training they follow the actor's probabilities, except a fraction epsilon."""
    epsilon, rows = 0.5, 600
    agent = dreamer(discrete=True, exploration={"kind": "epsilon_greedy", "amount": epsilon})
    assert isinstance(agent.behavior, ActorCritic)
    bias = agent.behavior.actor.out.bias
    bias.assign([2.0, 0.0, -20.0])  # the last is never chosen but at random
    share = {}
    for training in (True, False):
        action, state = agent.policy(noisy_images(rows), agent.initial_state(rows), training)
        np.testing.assert_array_equal(np.sort(action, -1), np.broadcast_to([0, 0, 1], action.shape))
        np.testing.assert_array_equal(state["action"], action)
        share[training] = action.mean(0)
    assert share[True][2] == pytest.approx(epsilon / ACTIONS, abs=0.06)
    assert share[False][2] == 0
    assert share[False][0] > share[True][0]


def test_policy_follows_its_observations_and_actions(dreamer: Make, batch: Arrays) -> None:
    """Its state is the world model's posterior, independently for each row."""
    agent = dreamer(exploration={"amount": 10.0})
    _, state = agent.policy(at(batch, 0), agent.initial_state(2), training=True)
    _, after = agent.policy(at(batch, 1), state, training=True)
    shifted = {**state, "action": state["action"] * np.array([[1], [0]], np.float32)}
    _, other = agent.policy(at(batch, 1), shifted, training=True)
    np.testing.assert_allclose(after["deter"][0], other["deter"][0], rtol=1e-6)
    assert not np.allclose(after["deter"][1], other["deter"][1])
    assert not np.allclose(after["stoch"][0], other["stoch"][0])  # another act, another draw


def test_policy_compiles_once_for_each_number_of_environments(dreamer: Make, batch: Arrays) -> None:
    agent = dreamer(exploration={"amount": 10.0})
    graphs = []
    for count in (1, 2, 1, 2):
        state = agent.initial_state(count)
        for _ in range(3):
            _, state = agent.policy({"image": batch["image"][:count, 0]}, state, training=True)
        graphs.append(agent._policy_graph.traced.experimental_get_tracing_count())
    assert graphs[1] == graphs[3]


def test_report_shows_truth_model_and_error_and_changes_nothing(dreamer: Make) -> None:
    agent = dreamer()
    before = agent.save()
    batch = make_batch(count=8, length=7)
    report = agent.report(batch)
    video = report.videos["openloop"]
    assert (video.shape, video.dtype) == ((7, 3 * 64, 6 * 64, 3), np.uint8)
    truth = np.concatenate(list(batch["image"][:6]), axis=2)
    np.testing.assert_array_equal(video[:, :64], truth)
    truth, model, error = (band.astype(int) for band in np.split(video, 3, axis=1))
    inside = (model > 0) & (model < 255)
    np.testing.assert_allclose(error[inside], ((model - truth + 255) / 2)[inside], atol=1.01)
    assert report.metrics["model_error/sequences"] == 8
    assert not changed(before, agent.save())
    np.testing.assert_array_equal(agent.report(batch).videos["openloop"], video)


def test_report_sees_five_images_only(dreamer: Make) -> None:
    agent = dreamer()
    batch = make_batch(count=1, length=7)
    blind = {**batch, "image": batch["image"].copy()}
    blind["image"][:, 5:] = 0
    seen = {**batch, "image": batch["image"].copy()}
    seen["image"][:, 4] = 0
    models = [agent.report(b).videos["openloop"][:, 64:128].astype(int) for b in (batch, blind, seen)]
    np.testing.assert_array_equal(models[0], models[1])
    assert (models[0] != models[2]).any()


def test_shortest_sequences_train(dreamer: Make) -> None:
    agent = dreamer(continuation={"predict": True})
    assert all(np.isfinite(value) for value in agent.train(make_batch(length=2)).values())


def test_shortest_sequences_are_reported(dreamer: Make) -> None:
    agent = dreamer()
    report = agent.report(make_batch(length=6))
    assert report.videos["openloop"].shape == (6, 3 * 64, 2 * 64, 3)
    assert all(np.isfinite(value) for value in report.metrics.values())
    with pytest.raises(ValueError, match="more than 5 steps"):
        agent.report(make_batch(length=5))


def test_registry_makes_the_agent_of_settings_and_seed(batch: Arrays) -> None:
    """It equals an agent made by hand before and after a gradient step; another seed gives other weights."""
    settings, action = tiny_settings(**VARIANTS["ed2"]), ActionSpec(ACTIONS)
    ours, theirs = make_agent(settings, IMAGES, action, seed=3), Dreamer(settings, IMAGES, action, 3)
    assert ours.train(batch) == theirs.train(batch)
    assert ours.save().keys() == theirs.save().keys()
    assert not changed(ours.save(), theirs.save())
    assert changed(ours.save(), make_agent(settings, IMAGES, action, seed=4).save())


@pytest.mark.parametrize(
    ("observations", "action", "changes", "message"),
    [
        (
            {"image": ArraySpec((84, 84, 3), np.dtype(np.uint8))},
            ActionSpec(2),
            {},
            r"observation image, uint8 \(84, 84, 3\); allowed: images, uint8 \(64, 64, 3\)",
        ),
        (
            COUNTS,
            ActionSpec(2),
            {},
            r"observation counts, int64 \(6,\); allowed: images, .* and vectors, float32 \(S,\)$",
        ),
        ({**IMAGES, **COUNTS}, ActionSpec(2), {}, "no network handles the observation counts"),
        ({}, ActionSpec(2), {}, "needs at least one observation"),
        (
            {"left": IMAGES["image"], "right": IMAGES["image"]},
            ActionSpec(2),
            {},
            "two of the observations left, right are of one kind; allowed: one of each kind",
        ),
        (
            IMAGES,
            ActionSpec(2, discrete=True),
            {},
            "exploration.kind: gaussian.* needs continuous actions; allowed: epsilon_greedy",
        ),
        (
            IMAGES,
            ActionSpec(2, discrete=True),
            {"exploration": {"kind": "epsilon_greedy"}, "behavior": {"kind": "planner", "candidates": 8, "top": 3}},
            "behavior.kind: planner needs continuous actions; allowed: actor_critic",
        ),
    ],
)
def test_agent_refuses_what_it_cannot_handle(
    observations: ObservationSpec, action: ActionSpec, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent(tiny_settings(**changes), observations, action, seed=0)
