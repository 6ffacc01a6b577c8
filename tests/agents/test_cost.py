"""Counts compared with the variables and graphs of real agents, and with arithmetic by hand."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from agents.agent import ActionSpec
from agents.cost import TOLERANCE, behavior, match_parameters, parameters, plan_flops, step_flops, world_model
from agents.dreamer import Dreamer
from agents.experience import experience
from agents.planner import predicted_reward
from agents.settings import AgentSettings
from tests.agents.conftest import ACTIONS, BATCH, IMAGES, LENGTH, make_batch, tiny_settings

Make = Callable[..., Dreamer]
GROUPS = [[0, 2], [1]]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ed2": {"dynamics": {"kind": "ed2", "groups": GROUPS}},
    "contrastive": {"representation": {"objective": "contrastive"}},
    "discounts": {"continuation": {"predict": True}},
    "no_value": {"behavior": {"value": "none"}},
    "starts": {"behavior": {"start_every": 2}, "continuation": {"predict": True}},
    "target": {"behavior": {"target_rate": 0.1}},
    "discrete": {"discrete": True, "exploration": {"kind": "epsilon_greedy"}},
    "planet": {"behavior": {"kind": "planner", "candidates": 8, "iterations": 2, "top": 3}},
}


def test_parameters_are_those_of_the_papers_sizes() -> None:
    gru = 200 * 600 + 200 * 600 + 2 * 600
    rssm = (36 + 1) * 200 + gru + 201 * 200 + 201 * 60 + (1224 + 1) * 200 + 201 * 60
    encoder = sum(16 * a * b + b for a, b in [(3, 32), (32, 64), (64, 128), (128, 256)])
    decoder = 231 * 1024 + sum(k * k * a * b + b for k, a, b in [(5, 1024, 128), (5, 128, 64), (6, 64, 32), (6, 32, 3)])
    reward = 231 * 400 + 401 * 400 + 401
    assert parameters(world_model(AgentSettings(), IMAGES, 6)) == rssm + encoder + decoder + reward
    actor = 231 * 400 + 3 * 401 * 400 + 401 * 12
    assert parameters(behavior(AgentSettings(), ActionSpec(6))) == actor + reward + 401 * 400


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_are_the_agents_own(variant: str, dreamer: Make) -> None:
    agent = dreamer(**VARIANTS[variant])
    counted = agent.cost(BATCH, LENGTH)
    held = {
        "world_model": [weight for weights in agent.model.groups.values() for weight in weights],
        "transition": agent.model.rssm.transition.trainable_variables,
        **agent.behavior.groups,
    }
    sizes = {f"parameters/{name}": sum(math.prod(w.shape) for w in weights) for name, weights in held.items()}
    if variant == "ed2":  # each group's weights for the other groups' actions are never read
        for name in ("parameters/world_model", "parameters/transition"):
            sizes[name] -= (len(GROUPS) - 1) * ACTIONS * tiny_settings().dynamics.inputs
    assert {name: count for name, count in counted.items() if name != "flops/update"} == sizes


MEDIUM: dict[str, Any] = {
    "representation": {"depth": 8, "contrast_units": 64},
    "dynamics": {"deterministic": 64, "stochastic": 30, "input_units": 32, "hidden": 48, "groups": GROUPS},
    "reward": {"units": 40},
    "continuation": {"units": 40},
    "behavior": {"horizon": 15, "actor_units": 56, "value_units": 40},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_operations_are_those_of_the_training_graph(variant: str) -> None:
    """Counted from the shapes in the graph; the formula ignores the margins of convolutions."""
    changes = {name: value for name, value in VARIANTS[variant].items() if name != "discrete"}
    merged = {name: {**MEDIUM.get(name, {}), **changes.get(name, {})} for name in {*MEDIUM, *changes}}
    settings = AgentSettings.model_validate(merged)
    action = ActionSpec(ACTIONS, VARIANTS[variant].get("discrete", False))
    agent = Dreamer(settings, IMAGES, action, seed=0)
    batch = experience(make_batch(count=4, length=6))
    graph = agent._train_graph.get_concrete_function(batch).graph
    products, convolutions = operations(graph)
    model = world_model(settings, IMAGES, ACTIONS)
    # The decoder's first transposed convolution is a product.
    images = (
        3 * sum(layer.products for layer in (*model["encoder/image"], *model["decoder/image"][2:]))
        - model["encoder/image"][0].products
    )
    assert 2 * 4 * 6 * images == pytest.approx(convolutions, rel=0.1)
    flops = step_flops(settings, IMAGES, action, sequences=4, length=6)
    assert flops - 2 * 4 * 6 * images == pytest.approx(products, rel=0.01)


def test_operations_of_a_plan_are_those_of_its_iterations() -> None:
    settings = AgentSettings.model_validate({**MEDIUM, "behavior": {"kind": "planner", "horizon": 5}})
    agent = Dreamer(settings, IMAGES, ActionSpec(ACTIONS), seed=0)
    sizes, state = settings.behavior, agent.model.rssm.initial(1)
    shape = 1, sizes.candidates, sizes.horizon
    score = tf.function(lambda *draws: predicted_reward(agent.model, state, *draws), autograph=False)
    draws = (tf.TensorSpec((*shape, size)) for size in (ACTIONS, state.stoch.shape[-1]))
    iteration, _ = operations(score.get_concrete_function(*draws).graph)
    assert plan_flops(settings, IMAGES, ACTIONS) == pytest.approx(sizes.iterations * iteration, rel=1e-3)


def operations(graph: Any) -> tuple[int, int]:
    """Multiplications and additions of the matrix products, and of the convolutions, that a graph's results need."""
    todo, reached = [*graph.control_outputs, *(tensor.op for tensor in graph.outputs)], set()
    products, convolutions = 0, 0
    while todo:
        op = todo.pop()
        if op in reached:
            continue
        reached.add(op)
        todo += [*op.control_inputs, *(tensor.op for tensor in op.inputs)]
        if op.type in ("MatMul", "BatchMatMulV2"):
            left = op.inputs[0].shape
            if left[0] == 1:  # a row of ones: sums over positions, for the gradients of biases
                continue
            transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
            products += 2 * op.outputs[0].shape.num_elements() * left[-2 if transposed else -1]
        elif op.type in CONVOLUTIONS:
            (kernel_of, kernel), (image_of, image) = CONVOLUTIONS[op.type]
            pictures = getattr(op, image_of)[image].shape
            places = pictures.num_elements() // pictures[-1]
            convolutions += 2 * places * getattr(op, kernel_of)[kernel].shape.num_elements()
    return products, convolutions


# Where the kernel and the smaller images (the forward convolution's output) of each operation are.
CONVOLUTIONS = {
    "Conv2D": (("inputs", 1), ("outputs", 0)),
    "Conv2DBackpropInput": (("inputs", 1), ("inputs", 2)),
    "Conv2DBackpropFilter": (("outputs", 0), ("inputs", 2)),
}


@given(
    st.sampled_from(["rssm", "ed2"]),
    st.integers(32, 300),
    st.integers(32, 300),
    st.integers(8, 32),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
)
def test_matched_models_have_equal_parameter_counts(
    kind: str, deter: int, units: int, depth: int, sizes: list[int]
) -> None:
    actions = iter(range(sum(sizes)))
    groups = [[next(actions) for _ in range(size)] for size in sizes]
    dynamics = {"deterministic": deter, "input_units": units, "groups": groups}
    both = {
        name: AgentSettings.model_validate({"dynamics": {**dynamics, "kind": name}, "representation": {"depth": depth}})
        for name in ("rssm", "ed2")
    }
    changed = {"dynamics": both[kind].dynamics.model_copy(update={"match_parameters": True})}
    matched = match_parameters(both[kind].model_copy(update=changed), IMAGES, sum(sizes))
    other = "rssm" if kind == "ed2" else "ed2"
    goal = parameters(world_model(both[other], IMAGES, sum(sizes)))
    assert abs(parameters(world_model(matched, IMAGES, sum(sizes))) - goal) <= TOLERANCE * goal
    narrower = matched.dynamics.deterministic <= deter
    assert narrower if kind == "ed2" else not narrower or len(sizes) == 1
    assert matched.dynamics.hidden == both[kind].dynamics.hidden


def test_models_that_cannot_be_matched_are_refused() -> None:
    """Even sub-models of one unit have more parameters than the small plain model."""
    dynamics = {"kind": "ed2", "groups": "full", "match_parameters": True, "deterministic": 2, "input_units": 2}
    settings = tiny_settings(dynamics=dynamics)
    with pytest.raises(ValueError, match=r"within 2% of [\d,]+ parameters; the nearest is 1, with"):
        match_parameters(settings, IMAGES, 60)
