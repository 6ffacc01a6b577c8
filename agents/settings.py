"""The settings of an agent, with the defaults of the TensorFlow 2 reference of Dreamer (Hafner et al. 2019).

Only the default of `precision` differs: the reference uses mixed_float16, which is slow on CPUs.
"""

import fnmatch
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from agents.groups import action_groups
from agents.model_free_settings import A3CSettings, D4PGSettings
from agents.registry import AGENTS
from common.settings import Group, fields, is_group

if TYPE_CHECKING:
    AgentName = str
else:
    AgentName = Literal[tuple(AGENTS)]
Count = Annotated[int, Field(ge=1)]
ActivationName = Literal["elu", "relu", "swish", "leaky_relu"]
CandidateName = Literal["tanh", "linear"]


class DynamicsSettings(Group):
    """The recurrent state-space model (RSSM): prior and posterior over latent states."""

    kind: Literal["rssm", "ed2"] = Field(
        "rssm", description="Transition of the deterministic state: one GRU (rssm), or one GRU per action group (ed2)"
    )
    groups: Literal["published", "sd2", "single", "full", "random"] | list[list[int]] = Field(
        "published",
        description="ED2's action groups: as published for the task, found by SD2 before training, a single group, one "
        "group per action dimension (full), random groups of the published sizes, or lists of action indices",
    )
    match_parameters: bool = Field(
        False,
        description="Scale deterministic and input_units until the world model's parameter count matches that of the "
        "other kind: ED2 is narrowed to the plain model, or the plain model is widened to ED2 with these groups",
    )
    deterministic: int = Field(200, ge=1, description="Units of the deterministic state (the GRU's state)")
    stochastic: int = Field(30, ge=1, description="Dimensions of the Gaussian stochastic state")
    input_units: Literal["hidden"] | Count = Field(
        "hidden", description="Units of the dense layer before each GRU; `hidden` means the setting dynamics.hidden"
    )
    hidden: int = Field(200, ge=1, description="Units of the prior's and the posterior's dense layers")
    activation: ActivationName = Field(
        "elu", description="Activation of the transition's, prior's and posterior's dense layers"
    )
    candidate: CandidateName = Field(
        "tanh",
        description="Activation of each GRU's candidate state; none (linear) in the sub-models of ED2's published code",
    )
    min_std: float = Field(0.1, ge=0, description="Lower bound of the stochastic state's standard deviation")
    free_nats: float = Field(3.0, ge=0, description="Free nats: KL in nats below which the model is not penalised")
    free_nats_of: Literal["mean", "step"] = Field(
        "mean",
        description="Apply free nats to the batch's mean KL, or to the KL of each step as the TensorFlow 1 code does",
    )
    kl_scale: float = Field(1.0, ge=0, description="Weight of the KL of posterior from prior in the model's loss")

    @property
    def inputs(self) -> int:
        """Units of the dense layer before each GRU."""
        return self.hidden if self.input_units == "hidden" else self.input_units

    def partition(self, action_size: int) -> list[list[int]]:
        """The action indices of each group.

        Raises:
            ValueError: the groups are not a partition of the actions, or have a name whose meaning depends on the task.
        """
        return action_groups(self.groups, action_size)


class ActivationSettings(Group):
    """The activations of the networks outside the RSSM."""

    dense: ActivationName = Field(
        "elu", description="Activation of the heads: reward, continuation, contrast, value and actor"
    )
    conv: ActivationName = Field("relu", description="Activation of the image encoder and decoder")


class DiscoverySettings(Group):
    """SD2, the discovery of action groups from random interaction: how `dynamics.groups: sd2` finds them."""

    input: Literal["state", "pixels"] = Field(
        "state", description="Observation in which the effects of actions are measured"
    )
    steps: int = Field(
        20_000, ge=100, description="Environment steps of random actions; ED2 used 100,000 when it measured in pixels"
    )
    eta: float = Field(0.0, ge=-2, le=2, description="Merge groups while the best pair's Rela is at least this")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the random actions and episodes")


class RepresentationSettings(Group):
    """The objective that shapes the latent state, and the sizes of the encoder and decoder."""

    objective: Literal["pixels", "contrastive", "reward"] = Field(
        "pixels",
        description="Objective of the latent state: reconstruct the observations, images or state vectors (pixels), "
        "contrast them (InfoNCE), or predict the reward only",
    )
    depth: int = Field(
        32, ge=1, description="Channels of the encoder's first convolution; the last has 8 times as many"
    )
    state_layers: int = Field(2, ge=0, description="Hidden layers of the state vector's encoder and decoder")
    state_units: int = Field(400, ge=1, description="Units of each such hidden layer, and numbers of an embedding")
    state_scale: float = Field(
        750.0,
        gt=0,
        description="Weight of the state vector's loss, averaged over its numbers, in the model's loss; with less, a "
        "short vector is not worth the KL, with more, a long one can no longer be predicted",
    )
    contrast_sequences: Literal["all"] | Count = Field(
        "all", description="Sequences of the batch that InfoNCE contrasts a state with, its own included"
    )
    contrast_steps: Literal["all"] | Count = Field(
        "all",
        description="Agent steps of each such sequence; the TensorFlow 1 code uses 10 sequences by 30 steps",
    )
    contrast_layers: int = Field(3, ge=0, description="Hidden layers of InfoNCE's q(state | observation)")
    contrast_units: int = Field(400, ge=1, description="Units of each hidden layer of q(state | observation)")


class RewardSettings(Group):
    """The reward head: a unit-variance Gaussian over the latent features."""

    layers: int = Field(2, ge=0, description="Hidden layers of the reward head")
    units: int = Field(400, ge=1, description="Units of each hidden layer of the reward head")
    transform: Literal["none", "tanh"] = Field("none", description="Function applied to the reward before learning it")
    scale: float = Field(1.0, ge=0, description="Weight of the reward head's loss in the model's loss; PlaNet's is 10")


class ContinuationSettings(Group):
    """The optional discount head: a Bernoulli over continuation, whose target is multiplied by the discount."""

    predict: bool = Field(False, description="Learn the discount of each state instead of using the constant")
    layers: int = Field(3, ge=0, description="Hidden layers of the discount head")
    units: int = Field(400, ge=1, description="Units of each hidden layer of the discount head")
    scale: float = Field(10.0, ge=0, description="Weight of the discount head's loss in the model's loss")


class BehaviorSettings(Group):
    """How actions are chosen: by an actor trained in imagination, or by planning, as PlaNet does."""

    kind: Literal["actor_critic", "planner"] = Field(
        "actor_critic", description="Choose actions by a learned actor, or by the cross-entropy method at each step"
    )
    horizon: int = Field(
        15, ge=2, le=1000, description="Imagination horizon of the actor or planner in agent steps; PlaNet's is 12"
    )
    start_every: int = Field(
        1,
        ge=1,
        description="Imagine from every k-th posterior state of a sequence, counted back from the last; 1: from all",
    )
    discount: float = Field(0.99, ge=0, le=1, description="Discount of an agent step (gamma)")
    lambda_: float = Field(
        0.95, ge=0, le=1, alias="lambda", description="Mixing of n-step returns in the lambda-return (lambda)"
    )
    value: Literal["critic", "none"] = Field(
        "critic", description="Train the actor on lambda-returns with a learned value, or on sums of imagined rewards"
    )
    bootstrap: Literal["last", "second_last"] = Field(
        "last",
        description="Imagined state whose value bootstraps the lambda-return: the one after the last reward (last), or "
        "the one of that reward as in the TensorFlow 1 code (second_last)",
    )
    target_rate: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Take the lambda-return's values from a moving average of the value's weights (a target network), "
        "which a gradient step moves by this fraction of its distance; 1: from the value itself",
    )
    discount_imagined: bool = Field(
        False,
        description="Without a value, discount imagined rewards as the TensorFlow 1 code does, unlike the paper's V_R",
    )
    entropy_scale: float = Field(
        0.0,
        ge=0,
        description="Weight of the entropy of the actor's actions, in nats, in its loss; without it, an actor that "
        "is trained on little data soon stops to explore",
    )
    actor_layers: int = Field(4, ge=0, description="Hidden layers of the actor")
    actor_units: int = Field(400, ge=1, description="Units of each hidden layer of the actor")
    value_layers: int = Field(3, ge=0, description="Hidden layers of the value model")
    value_units: int = Field(400, ge=1, description="Units of each hidden layer of the value model")
    init_std: float = Field(5.0, gt=0, description="Standard deviation of an untrained actor before the tanh")
    min_std: float = Field(1e-4, gt=0, description="Lower bound of the actor's standard deviation before the tanh")
    mean_scale: float = Field(5.0, gt=0, description="Bound of the actor's mean before the tanh")
    candidates: int = Field(1000, ge=1, description="Action sequences that the planner evaluates in each iteration")
    iterations: int = Field(10, ge=1, description="Iterations of the planner for each action")
    top: int = Field(
        100, ge=1, validate_default=True, description="Best candidates that the planner refits its distribution to"
    )

    @field_validator("top")
    @classmethod
    def _are_candidates(cls, top: int, info: ValidationInfo) -> int:
        candidates = info.data.get("candidates", top)
        if top > candidates:
            raise PydanticCustomError(
                "top", f"the best {top} of {candidates} candidates; allowed: at most {candidates}"
            )
        return top


class ExplorationSettings(Group):
    """Noise on the behaviour's actions; its schedule counts gradient steps, as in the paper."""

    kind: Literal["gaussian", "epsilon_greedy"] = Field(
        "gaussian", description="Add Gaussian noise, or take a random action with probability epsilon"
    )
    amount: float = Field(0.3, ge=0, description="Standard deviation of the noise, or epsilon, when training starts")
    schedule: Literal["constant", "linear", "half_life"] = Field(
        "constant", description="Keep the amount constant, or reduce it to the minimum linearly or by halving it"
    )
    duration: int = Field(
        200_000,
        ge=1,
        description="Gradient steps in which linear reaches the minimum, or in which half_life halves the amount",
    )
    minimum: float = Field(0.0, ge=0, description="Amount at which a schedule ends")
    evaluation: float = Field(
        0.0, ge=0, description="Standard deviation of the noise, or epsilon, in evaluation episodes"
    )

    @field_validator("amount", "evaluation")
    @classmethod
    def _is_probability(cls, amount: float, info: ValidationInfo) -> float:
        if info.data.get("kind") == "epsilon_greedy" and amount > 1:
            raise PydanticCustomError("epsilon", f"epsilon is {amount:g}; allowed: a probability, at most 1")
        return amount

    @field_validator("minimum")
    @classmethod
    def _is_below(cls, minimum: float, info: ValidationInfo) -> float:
        amount = info.data.get("amount", minimum)
        if minimum > amount and info.data.get("schedule") != "constant":
            raise PydanticCustomError(
                "minimum", f"{minimum:g} is more than the amount {amount:g}; allowed: at most that"
            )
        return minimum

    @property
    def conditions(self) -> dict[str, bool]:
        """Dotted key -> whether it affects anything, of the settings that the schedule may switch off."""
        return dict.fromkeys(("exploration.duration", "exploration.minimum"), self.schedule != "constant")


class OptimizerSettings(Group):
    """Three Adam optimisers: model, value and actor."""

    model_rate: float = Field(6e-4, gt=0, description="Learning rate of the world model")
    value_rate: float = Field(8e-5, gt=0, description="Learning rate of the value model")
    actor_rate: float = Field(8e-5, gt=0, description="Learning rate of the actor")
    epsilon: float = Field(1e-7, gt=0, description="Adam's epsilon")
    clip: float = Field(100.0, gt=0, description="Global norm to which each optimiser clips its gradients")
    weight_decay: float = Field(
        0.0, ge=0, le=1, description="Fraction by which each decaying weight shrinks before a gradient step"
    )
    weight_decay_pattern: str = Field(
        ".*",
        description="Regular expression searched for in <group>/<weight>, such as model/encoder_conv1/kernel; weights "
        "that match decay; groups: model, decoder (unless the objective is pixels), actor and value",
    )

    @field_validator("weight_decay_pattern")
    @classmethod
    def _is_regular_expression(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise PydanticCustomError("pattern", f"{pattern!r} is not a regular expression: {error}") from None
        return pattern


class DreamerSettings(Group):
    """All settings of Dreamer."""

    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="Floating-point precision of the networks; mixed_float16 adds loss scaling"
    )
    jit: bool = Field(False, description="Compile the training step with XLA; for GPUs, slower on a CPU")
    activation: ActivationSettings = ActivationSettings()
    dynamics: DynamicsSettings = DynamicsSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    representation: RepresentationSettings = RepresentationSettings()
    reward: RewardSettings = RewardSettings()
    continuation: ContinuationSettings = ContinuationSettings()
    behavior: BehaviorSettings = BehaviorSettings()
    exploration: ExplorationSettings = ExplorationSettings()
    optimizer: OptimizerSettings = OptimizerSettings()

    @property
    def read_by_dreamer(self) -> frozenset[str]:
        """Dotted keys of the settings that affect what Dreamer does: all but those that other settings switch off."""
        dynamics, behavior = self.dynamics, self.behavior
        # ED2 needs action groups, and so does a plain model that is widened to ED2 with these groups.
        grouped = dynamics.kind == "ed2" or dynamics.match_parameters
        plans = behavior.kind == "planner"
        has_value = not plans and behavior.value == "critic"
        discounts = has_value or (not plans and behavior.discount_imagined) or self.continuation.predict
        conditions = {
            "dynamics.groups": grouped,
            "discovery.*": grouped and dynamics.groups in ("sd2", "random"),
            "representation.contrast_*": self.representation.objective == "contrastive",
            "continuation.layers": self.continuation.predict,
            "continuation.units": self.continuation.predict,
            "continuation.scale": self.continuation.predict,
            "behavior.start_every": not plans,
            "behavior.discount": discounts,
            "behavior.discount_imagined": not plans and not has_value,
            "behavior.value": not plans,
            "behavior.value_*": has_value,
            "behavior.lambda": has_value,
            "behavior.bootstrap": has_value,
            "behavior.target_rate": has_value,
            "behavior.entropy_scale": not plans,
            "behavior.actor_*": not plans,
            "behavior.init_std": not plans,
            "behavior.min_std": not plans,
            "behavior.mean_scale": not plans,
            "behavior.candidates": plans,
            "behavior.iterations": plans,
            "behavior.top": plans,
            **self.exploration.conditions,
            "optimizer.actor_rate": not plans,
            "optimizer.value_rate": has_value,
            "optimizer.weight_decay_pattern": self.optimizer.weight_decay > 0,
        }
        return _keys(type(self), tuple(DreamerSettings.model_fields), unmet(conditions))


def unmet(conditions: Mapping[str, bool]) -> tuple[str, ...]:
    """The keys whose condition does not hold."""
    return tuple(key for key, holds in conditions.items() if not holds)


@cache
def _keys(model: type[DreamerSettings], blocks: tuple[str, ...], without: tuple[str, ...] = ()) -> frozenset[str]:
    """Dotted keys of the settings in some blocks, without those that a pattern matches."""
    keys = {key for key, field in fields(model) if not is_group(field) and key.partition(".")[0] in blocks}
    return frozenset(keys.difference(*(fnmatch.filter(keys, pattern) for pattern in without)))


class AgentSettings(DreamerSettings):
    """The settings of all agents, and which of them runs."""

    agent: AgentName = Field(
        "dreamer", description="Agent to run: Dreamer, the model-free baselines D4PG and A3C, or random actions"
    )
    d4pg: D4PGSettings = D4PGSettings()
    a3c: A3CSettings = A3CSettings()

    @property
    def read(self) -> frozenset[str]:
        """Dotted keys of the settings that affect what the agent does."""
        return frozenset({"agent", *AGENTS[self.agent].reads(self)})

    @property
    def read_by_d4pg(self) -> frozenset[str]:
        """Dotted keys of the settings that affect what D4PG does."""
        return _keys(type(self), ("jit", "exploration", "d4pg"), unmet(self.exploration.conditions))

    @property
    def read_by_a3c(self) -> frozenset[str]:
        """Dotted keys of the settings that affect what A3C does."""
        return _keys(type(self), ("jit", "a3c"))

    @property
    def grouped(self) -> bool:
        """Whether action groups matter to the agent."""
        return "dynamics.groups" in self.read

    @property
    def continuous_only(self) -> dict[str, str]:
        """The settings that do not allow discrete actions: dotted key -> why, and the value to use instead."""
        reasons = {}
        if not AGENTS[self.agent].discrete:
            able = " | ".join(name for name, entry in AGENTS.items() if entry.discrete)
            reasons["agent"] = f"{self.agent} needs continuous actions; allowed: {able}"
        if self.behavior.kind == "planner":
            reasons["behavior.kind"] = "planner needs continuous actions; allowed: actor_critic"
        if self.exploration.kind == "gaussian":
            reasons["exploration.kind"] = "gaussian, the default, needs continuous actions; allowed: epsilon_greedy"
        return {key: reason for key, reason in reasons.items() if key in self.read}
