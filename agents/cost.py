"""The cost of a model, counted from its layers' sizes: parameters, and floating-point operations of a training step.

It also finds the width at which the world models with two kinds of transition have equal parameter counts. ED2 has a
GRU for each group, so a comparison with the plain model needs this control.
"""

import math
from typing import TypeVar

from agents.agent import ActionSpec, ObservationSpec
from agents.arithmetic import Layer, dense, products
from agents.encoders import kind_of
from agents.settings import AgentSettings

TOLERANCE = 0.02  # relative difference at which two parameter counts of world models are considered equal

Networks = dict[str, list[Layer]]
AnySettings = TypeVar("AnySettings", bound=AgentSettings)


def world_model(settings: AgentSettings, observations: ObservationSpec, action_size: int) -> Networks:
    """The layers of the world model by network; each observation has an encoder and a decoder."""
    dynamics, representation = settings.dynamics, settings.representation
    deter, hidden, features = dynamics.deterministic, dynamics.hidden, _features(settings)
    kinds = {name: (kind_of(name, spec), spec) for name, spec in observations.items()}
    encoders = {name: kind.encoder_layers(spec, settings) for name, (kind, spec) in kinds.items()}
    decoders = {name: kind.decoder_layers(spec, settings, features) for name, (kind, spec) in kinds.items()}
    embedding = sum(layers[-1].outputs for layers in encoders.values())
    networks = {
        **{f"encoder/{name}": layers for name, layers in encoders.items()},
        **{f"decoder/{name}": layers for name, layers in decoders.items()},
        "transition": _transition(settings, action_size),
        "prior": dense(deter, hidden, 2 * dynamics.stochastic),
        "posterior": dense(deter + embedding, hidden, 2 * dynamics.stochastic),
        "reward": dense(features, *[settings.reward.units] * settings.reward.layers, 1),
    }
    if settings.continuation.predict:
        head = settings.continuation
        networks["continuation"] = dense(features, *[head.units] * head.layers, 1)
    if representation.objective == "contrastive":
        units = [representation.contrast_units] * representation.contrast_layers
        networks["contrast"] = dense(embedding, *units, 2 * features)
    return networks


def behavior(settings: AgentSettings, action: ActionSpec) -> Networks:
    """The trained layers of the actor, and of the value model if there is one; a planner has neither.

    Moving averages of the value's weights are not among them.
    """
    sizes, features = settings.behavior, _features(settings)
    if sizes.kind == "planner":
        return {}
    outputs = action.size if action.discrete else 2 * action.size  # logits, or means and deviations
    networks = {"actor": dense(features, *[sizes.actor_units] * sizes.actor_layers, outputs)}
    if sizes.value == "critic":
        networks["value"] = dense(features, *[sizes.value_units] * sizes.value_layers, 1)
    return networks


def parameters(networks: Networks) -> int:
    """The parameter count, biases included."""
    return sum(layer.kernel + layer.biases for network in networks.values() for layer in network)


def step_flops(
    settings: AgentSettings, observations: ObservationSpec, action: ActionSpec, sequences: int, length: int
) -> int:
    """Floating-point operations (FLOPs) of a training step's matrix products and convolutions.

    A multiplication with its addition counts as two. The gradient of a layer's weights costs as much as its forward
    pass, and so does the gradient of its inputs. Imagination needs no gradient of the model's weights, and the actor's
    loss none of the value's weights. Element-wise operations are not counted.
    """
    model, heads = world_model(settings, observations, action.size), behavior(settings, action)
    forward = {name: products(layers) for name, layers in (model | heads).items()}

    def trained(name: str) -> int:
        """Forward pass and all gradients; a network whose inputs are constant needs no gradient of them."""
        taught = settings.representation.objective == "pixels"  # whether the decoders' losses train the states
        given = name.startswith("encoder/") or name in heads or (name.startswith("decoder/") and not taught)
        return 3 * forward[name] - given * (model | heads)[name][0].products

    states = sequences * length
    learned = states * sum(trained(name) for name in model)
    if "contrast" in model:
        learned += 3 * 2 * states**2 * _features(settings)  # two products over all pairs of states and observations
    if settings.behavior.kind == "planner":
        return 2 * learned
    horizon = settings.behavior.horizon
    # Transitions and rewards: forward pass, and gradient of the inputs. The actor is trained.
    imagined = horizon * (2 * (forward["transition"] + forward["prior"] + forward["reward"]) + trained("actor"))
    if "value" in heads:  # one forward pass serves the actor's loss, and the value's on all but the last state
        imagined += horizon * 2 * forward["value"] + (horizon - 1) * (trained("value") - forward["value"])
        if settings.behavior.target_rate < 1:  # the actor's loss has a network of its own
            imagined += horizon * forward["value"]
    if "continuation" in model and ("value" in heads or settings.behavior.discount_imagined):
        imagined += horizon * 2 * forward["continuation"]
    starts = sequences * math.ceil((length - settings.continuation.predict) / settings.behavior.start_every)
    return 2 * (learned + starts * imagined)


def plan_flops(settings: AgentSettings, observations: ObservationSpec, action_size: int) -> int:
    """Floating-point operations for one action of the planner, counted like those of a training step."""
    model, sizes = world_model(settings, observations, action_size), settings.behavior
    step = sum(products(model[name]) for name in ("transition", "prior", "reward"))
    return 2 * sizes.iterations * sizes.candidates * sizes.horizon * step


def match_parameters(settings: AnySettings, observations: ObservationSpec, action_size: int) -> AnySettings:
    """The settings with the transition width that `dynamics.match_parameters` requires.

    The world model's parameter count then matches that of the other kind at the given width: ED2 is narrowed to the
    plain model, or the plain model is widened to ED2. The ratio of a GRU's units to its input layer's is kept. All
    sub-models share one deterministic state, so this state and the layers that read it become narrower too.

    Raises:
        ValueError: no width matches within 2 %.
    """
    dynamics = settings.dynamics
    if not dynamics.match_parameters:
        return settings
    other = dynamics.model_copy(update={"kind": "rssm" if dynamics.kind == "ed2" else "ed2"})
    goal = parameters(world_model(settings.model_copy(update={"dynamics": other}), observations, action_size))

    def at_width(width: int) -> AnySettings:
        inputs = max(1, round(width * dynamics.inputs / dynamics.deterministic))
        changes = {"deterministic": width, "input_units": inputs, "match_parameters": False}
        return settings.model_copy(update={"dynamics": dynamics.model_copy(update=changes)})

    def count(width: int) -> int:
        return parameters(world_model(at_width(width), observations, action_size))

    low, high = 0, 1  # the count grows with the width
    while count(high) < goal:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < goal else (low, middle)
    width = min((width for width in (low, high) if width > 0), key=lambda width: abs(count(width) - goal))
    if abs(count(width) - goal) > TOLERANCE * goal:
        raise ValueError(
            f"dynamics.match_parameters: no dynamics.deterministic gives a world model within {TOLERANCE:.0%} of "
            f"{goal:,} parameters; the nearest is {width}, with {count(width):,}"
        )
    return at_width(width)


def _features(settings: AgentSettings) -> int:
    return settings.dynamics.stochastic + settings.dynamics.deterministic


def _transition(settings: AgentSettings, action_size: int) -> list[Layer]:
    """For each action group, a dense layer and a GRU with two biases."""
    dynamics = settings.dynamics
    deter, units = dynamics.deterministic, dynamics.inputs
    groups = dynamics.partition(action_size) if dynamics.kind == "ed2" else [range(action_size)]
    layers = []
    for group in groups:
        layers += dense(dynamics.stochastic + len(group), units)
        layers.append(Layer(3 * deter * (units + deter), 6 * deter))
    return layers
