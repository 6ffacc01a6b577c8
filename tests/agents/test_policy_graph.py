from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from agents.agent import ActionSpec, Arrays, ArraySpec
from agents.numpy_graph import AHEAD, NumpyGraph
from agents.registry import make_agent
from agents.settings import AgentSettings

RANDOM = np.random.default_rng(0)
SMALL: dict[str, Any] = {
    "representation": {"depth": 2, "state_units": 8},
    "dynamics": {"deterministic": 8, "stochastic": 4, "hidden": 8},
    "behavior": {"actor_units": 8, "value_units": 8, "horizon": 3, "candidates": 9, "top": 3, "iterations": 2},
    "reward": {"units": 8},
    "d4pg": {"critic_units": [8, 8], "actor_units": [8, 8]},
    "a3c": {"units": [8, 8]},
}
NOISY = {"exploration": {"schedule": "linear", "duration": 5, "minimum": 0.1, "evaluation": 0.2}}
GREEDY = {"exploration": {"kind": "epsilon_greedy", "amount": 0.5, "schedule": "half_life", "duration": 3}}
CASES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "pixels": ("image", False, {}),
    "states": ("state", False, NOISY),
    "ed2": ("state", False, {"dynamics": {**SMALL["dynamics"], "kind": "ed2", "groups": "full"}}),
    "linear candidate": ("state", False, {"dynamics": {**SMALL["dynamics"], "candidate": "linear"}}),
    "choices": ("state", True, GREEDY),
    "greedy": ("state", False, GREEDY),
    "swish": ("image", False, {"activation": {"dense": "swish", "conv": "leaky_relu"}}),
    "d4pg of images": ("image", False, {"agent": "d4pg"}),
    "d4pg": ("state", False, {"agent": "d4pg"}),
    "a3c": ("state", False, {"agent": "a3c"}),
    "a3c of choices": ("state", True, {"agent": "a3c"}),
}
SPECS = {"image": ArraySpec((64, 64, 3), np.dtype(np.uint8)), "state": ArraySpec((5,), np.dtype(np.float32))}


def make(case: str, **changes: Any) -> Any:
    observed, discrete, layer = CASES[case]
    settings = AgentSettings.model_validate(SMALL | layer | changes)
    return make_agent(settings, {observed: SPECS[observed]}, ActionSpec(3, discrete), 0)


def observe(agent_case: str, count: int) -> Arrays:
    name = CASES[agent_case][0]
    if name == "image":
        return {name: RANDOM.integers(0, 256, (count, 64, 64, 3), np.uint8)}
    return {name: RANDOM.normal(0, 2, (count, 5)).astype(np.float32)}


@pytest.mark.parametrize("case", CASES)
def test_numpy_acts_as_tensorflow(case: str) -> None:
    agent = make(case)
    for count, training in ((1, True), (1, False), (3, True)):
        mine = others = agent.initial_state(count)
        for _ in range(3):
            seen = observe(case, count)
            tensors = [{name: tf.constant(part) for name, part in x.items()} for x in (seen, others)]
            expected, following = agent._policy_graph.traced(*tensors, tf.constant(agent.acts, tf.int64), training)
            action, mine = agent.policy(seen, mine, training)
            assert action.dtype == np.float32
            np.testing.assert_allclose(action, expected, atol=2e-5)
            assert list(mine) == sorted(following)
            others = {name: part.numpy() for name, part in following.items()}
            for name, part in mine.items():
                assert part.dtype == others[name].dtype
                np.testing.assert_allclose(part, others[name], atol=2e-5)
    assert all(graph is not None for graph in agent._policy_graph._graphs.values())


@pytest.mark.parametrize("case", ["states", "d4pg", "a3c"])
def test_policies_follow_their_weights(case: str) -> None:
    agent, seen = make(case), observe(case, 1)

    def act() -> np.ndarray:
        agent.acts = 0
        return agent.policy(seen, agent.initial_state(1), False)[0]

    first = act()
    saved = agent.save()
    agent.load({name: array + np.ones_like(array) for name, array in saved.items()})
    assert not np.array_equal(act(), first)
    agent.load(saved)
    np.testing.assert_array_equal(act(), first)


def draws(acts: tf.Tensor) -> tf.Tensor:
    seed = tf.stack([tf.constant(7, tf.int64), acts])
    return tf.concat([tf.random.stateless_normal((2,), seed), tf.random.stateless_uniform((2,), seed)], 0)


def test_draws_are_tensorflows_at_any_counter() -> None:
    traced = tf.function(draws, autograph=False)
    graph = NumpyGraph(traced.get_concrete_function(tf.TensorSpec((), tf.int64)))
    for counter in [*range(AHEAD + 2), 5 * AHEAD - 1, 3, 2**40]:
        (found,) = graph(np.asarray(counter, np.int64))
        np.testing.assert_array_equal(found, traced(tf.constant(counter, tf.int64)))


def test_outputs_are_the_callers_own() -> None:
    graph = NumpyGraph(tf.function(lambda x: (x, tf.constant([0.0, 0.0]))).get_concrete_function(tf.TensorSpec((2,))))
    given = np.ones(2, np.float32)
    same, zeros = graph(given)
    same[:], zeros[:] = 5, 5
    np.testing.assert_array_equal(given, 1)
    np.testing.assert_array_equal(graph(given)[1], 0)


PLANNER = {"behavior": {**SMALL["behavior"], "kind": "planner"}}


@pytest.mark.parametrize("changes", [{"jit": True}, {"precision": "mixed_bfloat16"}, PLANNER])
def test_tensorflow_acts_where_numpy_does_not_fit(changes: dict[str, Any]) -> None:
    agent = make("states", **changes)
    action, state = agent.policy(observe("states", 1), agent.initial_state(1), False)
    assert action.shape == (1, 3)
    assert set(state) == {"deter", "stoch", "action"}
    assert list(agent._policy_graph._graphs.values()) == [None]


def test_unknown_operations_are_named() -> None:
    function = tf.function(lambda x: tf.linalg.det(x)).get_concrete_function(tf.TensorSpec((2, 2)))
    with pytest.raises(NotImplementedError, match="operations without a form in numpy: MatrixDeterminant"):
        NumpyGraph(function)
