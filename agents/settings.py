"""The settings of an agent, with the defaults of the TensorFlow 2 reference of Dreamer (Hafner et al. 2019).

Only the arithmetic's default differs: the reference's is mixed_float16, which CPUs are slow at.
"""

import fnmatch
import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from agents.groups import action_groups
from agents.registry import AGENTS
from common.settings import Group, fields, is_group

if TYPE_CHECKING:
    AgentName = str
else:
    AgentName = Literal[tuple(AGENTS)]
Count = Annotated[int, Field(ge=1)]
ActivationName = Literal["elu", "relu", "swish", "leaky_relu"]


class DynamicsSettings(Group):
    """The recurrent state-space model (RSSM): prior and posterior over latent states."""

    kind: Literal["rssm", "ed2"] = Field("rssm", description="Plain recurrent prior, or one sub-model per action group")
    groups: Literal["published", "sd2", "single", "full", "random"] | list[list[int]] = Field(
        "published",
        description="ED2's action groups: the paper's for the task, found by SD2 before training, all in one, one per "
        "action dimension, a random partition of the published sizes, or lists of action indices",
    )
    match_parameters: bool = Field(
        False,
        description="Scale input_units and deterministic until the world model has as many weights as with the other "
        "kind: ED2 narrowed to the plain model, or the plain model widened to ED2 with these groups",
    )
    deterministic: int = Field(200, ge=1, description="Units of the deterministic state, the GRU's")
    stochastic: int = Field(30, ge=1, description="Dimensions of the Gaussian stochastic state")
    input_units: Literal["hidden"] | Count = Field(
        "hidden", description="Units of the dense layer before each GRU, or as many as the other dense layers have"
    )
    hidden: int = Field(200, ge=1, description="Units of the prior's and the posterior's dense layers")
    activation: ActivationName = Field("elu", description="Of the transition's, prior's and posterior's dense layers")
    min_std: float = Field(0.1, ge=0, description="Lower bound of a latent's standard deviation")
    free_nats: float = Field(3.0, ge=0, description="Nats of KL below which the model is not penalised")
    free_nats_of: Literal["mean", "step"] = Field(
        "mean", description="Free is the batch's mean KL, or each step's own, as in the TensorFlow 1 code"
    )
    kl_scale: float = Field(1.0, ge=0, description="Weight of the KL of posterior from prior")

    @property
    def inputs(self) -> int:
        """Units of the dense layer before each GRU."""
        return self.hidden if self.input_units == "hidden" else self.input_units

    def partition(self, action_size: int) -> list[list[int]]:
        """The action indices of each group.

        Raises:
            ValueError: the groups are no partition of the actions, or have a name whose meaning depends on the task.
        """
        return action_groups(self.groups, action_size)


class ActivationSettings(Group):
    """What the hidden layers of the other networks apply to their outputs."""

    dense: ActivationName = Field("elu", description="Of the heads: reward, continuation, contrast, value and actor")
    conv: ActivationName = Field("relu", description="Of the image encoder and decoder")


class DiscoverySettings(Group):
    """SD2, the discovery of action groups from random interaction: how `dynamics.groups: sd2` finds them."""

    input: Literal["state", "pixels"] = Field("state", description="What the effects of actions are looked for in")
    steps: int = Field(
        20_000, ge=100, description="Environment steps of random actions; ED2 took 100,000 where it looked at pixels"
    )
    eta: float = Field(0.0, ge=-2, le=2, description="Groups are merged while the best pair's Rela is at least this")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the random actions and episodes")


class RepresentationSettings(Group):
    """What shapes the latent state, and the size of the image encoder and decoder."""

    objective: Literal["pixels", "contrastive", "reward"] = Field(
        "pixels", description="Reconstruct images, tell them apart (InfoNCE), or predict the reward only"
    )
    depth: int = Field(
        32, ge=1, description="Channels of the encoder's first convolution; the last has 8 times as many"
    )
    contrast_sequences: Literal["all"] | Count = Field(
        "all", description="Sequences of a batch, the state's own included, whose images it is told apart from"
    )
    contrast_steps: Literal["all"] | Count = Field(
        "all", description="Steps of each such sequence; the TensorFlow 1 code's window was 10 sequences by 30 steps"
    )
    contrast_layers: int = Field(3, ge=0, description="Hidden layers of the contrastive objective's q(state | image)")
    contrast_units: int = Field(400, ge=1, description="Units of such a hidden layer")


class RewardSettings(Group):
    """The reward head: a unit-variance Gaussian over the latent features."""

    layers: int = Field(2, ge=0, description="Hidden layers")
    units: int = Field(400, ge=1, description="Units of a hidden layer")
    transform: Literal["none", "tanh"] = Field("none", description="Applied to the reward before it is learned")


class ContinuationSettings(Group):
    """The optional discount head: a Bernoulli over going on, its target softened by the discount."""

    predict: bool = Field(False, description="Learn the discount instead of using the constant")
    layers: int = Field(3, ge=0, description="Hidden layers")
    units: int = Field(400, ge=1, description="Units of a hidden layer")
    scale: float = Field(10.0, ge=0, description="Weight of its loss in the model's")


class BehaviorSettings(Group):
    """How actions are chosen: by actor and value, learned in imagination, or by planning, as PlaNet does."""

    kind: Literal["actor_critic", "planner"] = Field(
        "actor_critic", description="A learned actor, or a plan made at each step by the cross-entropy method"
    )
    horizon: int = Field(15, ge=2, le=1000, description="Imagined steps, the actor's or the planner's (PlaNet's: 12)")
    discount: float = Field(0.99, ge=0, le=1, description="Discount of a step (gamma)")
    lambda_: float = Field(0.95, ge=0, le=1, alias="lambda", description="Mixing of n-step returns (lambda)")
    value: Literal["critic", "none"] = Field(
        "critic", description="Lambda-returns with a learned value, or the plain sum of imagined rewards"
    )
    bootstrap: Literal["last", "second_last"] = Field(
        "last",
        description="Imagined state whose value stands for what follows the last reward: the one behind it, or the one "
        "that brings it, as in the TensorFlow 1 code",
    )
    discount_imagined: bool = Field(
        False,
        description="Without a value, discount imagined rewards, as the TensorFlow 1 code did; not in the paper's V_R",
    )
    actor_layers: int = Field(4, ge=0, description="Hidden layers of the actor")
    actor_units: int = Field(400, ge=1, description="Units of an actor's hidden layer")
    value_layers: int = Field(3, ge=0, description="Hidden layers of the value model")
    value_units: int = Field(400, ge=1, description="Units of a value model's hidden layer")
    init_std: float = Field(5.0, gt=0, description="Standard deviation of a fresh actor before the tanh")
    min_std: float = Field(1e-4, gt=0, description="Lower bound of the actor's standard deviation")
    mean_scale: float = Field(5.0, gt=0, description="Bound of the actor's mean before the tanh")
    candidates: int = Field(1000, ge=1, description="Action sequences that the planner tries in an iteration")
    iterations: int = Field(10, ge=1, description="Iterations of the planner")
    top: int = Field(
        100, ge=1, validate_default=True, description="Best candidates, which the planner's next ones are drawn like"
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
    """How the actions that are taken differ from the behaviour's own; counted in gradient steps, as in the paper."""

    kind: Literal["gaussian", "epsilon_greedy"] = Field(
        "gaussian", description="Add Gaussian noise, or take a random action instead with a probability (epsilon)"
    )
    amount: float = Field(0.3, ge=0, description="Standard deviation of the noise, or epsilon, when training begins")
    schedule: Literal["constant", "linear", "half_life"] = Field(
        "constant", description="Keep the amount, or bring it down to the minimum: evenly, or by halving"
    )
    duration: int = Field(
        200_000, ge=1, description="Gradient steps until the minimum is reached, or in which the amount is halved"
    )
    minimum: float = Field(0.0, ge=0, description="Amount that a schedule ends at")
    evaluation: float = Field(0.0, ge=0, description="Amount in evaluation")

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


class OptimizerSettings(Group):
    """Three Adam optimisers: model, value and actor."""

    model_rate: float = Field(6e-4, gt=0, description="Learning rate of the world model")
    value_rate: float = Field(8e-5, gt=0, description="Learning rate of the value model")
    actor_rate: float = Field(8e-5, gt=0, description="Learning rate of the actor")
    epsilon: float = Field(1e-7, gt=0, description="Adam's epsilon")
    clip: float = Field(100.0, gt=0, description="Global norm that each group's gradients are clipped to")
    weight_decay: float = Field(0.0, ge=0, le=1, description="Share of a weight that is lost before each gradient step")
    weight_decay_pattern: str = Field(
        ".*",
        description="Regular expression, found in <group>/<weight> of what decays, such as model/encoder_conv1/kernel; "
        "groups are model, decoder (where images are no objective), actor and value",
    )

    @field_validator("weight_decay_pattern")
    @classmethod
    def _is_regular_expression(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise PydanticCustomError("pattern", f"{pattern!r} is no regular expression: {error}") from None
        return pattern


class DreamerSettings(Group):
    """Everything that Dreamer needs to know of its experiment."""

    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="Arithmetic of the networks; float16 scales its losses"
    )
    jit: bool = Field(False, description="Compile the training step with XLA (GPUs; slower on a CPU)")
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
        """Dotted keys of the settings here that affect what Dreamer does: all but those that the others switch off."""
        dynamics, behavior = self.dynamics, self.behavior
        # ED2 has action groups, and so has a plain model that is to be as large as ED2 with them.
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
            "behavior.discount": discounts,
            "behavior.discount_imagined": not plans and not has_value,
            "behavior.value": not plans,
            "behavior.value_*": has_value,
            "behavior.lambda": has_value,
            "behavior.bootstrap": has_value,
            "behavior.actor_*": not plans,
            "behavior.init_std": not plans,
            "behavior.min_std": not plans,
            "behavior.mean_scale": not plans,
            "behavior.candidates": plans,
            "behavior.iterations": plans,
            "behavior.top": plans,
            "exploration.duration": self.exploration.schedule != "constant",
            "exploration.minimum": self.exploration.schedule != "constant",
            "optimizer.actor_rate": not plans,
            "optimizer.value_rate": has_value,
            "optimizer.weight_decay_pattern": self.optimizer.weight_decay > 0,
        }
        return _without(type(self), tuple(key for key, on in conditions.items() if not on))


@cache
def _without(model: type[DreamerSettings], patterns: tuple[str, ...]) -> frozenset[str]:
    """Dotted keys of Dreamer's settings that no pattern matches."""
    keys = {key for key, field in fields(model) if not is_group(field)}
    own = {key for key in keys if key.partition(".")[0] in DreamerSettings.model_fields}
    return frozenset(own.difference(*(fnmatch.filter(own, pattern) for pattern in patterns)))


class AgentSettings(DreamerSettings):
    """The settings of all agents, and which of them acts."""

    agent: AgentName = Field("dreamer", description="Who learns, or acts at random")

    @property
    def read(self) -> frozenset[str]:
        """Dotted keys of the settings that affect what the agent does."""
        return frozenset({"agent", *AGENTS[self.agent].reads(self)})

    @property
    def grouped(self) -> bool:
        """Whether action groups matter to the agent."""
        return "dynamics.groups" in self.read

    @property
    def continuous_only(self) -> dict[str, str]:
        """What cannot be where actions are choices: dotted key of the setting -> why, and what to write instead."""
        reasons = {}
        if self.behavior.kind == "planner":
            reasons["behavior.kind"] = "planner draws numbers; needed for choices: actor_critic"
        if self.exploration.kind == "gaussian":
            reasons["exploration.kind"] = (
                "gaussian, the default, adds noise to numbers; needed for choices: epsilon_greedy"
            )
        return {key: reason for key, reason in reasons.items() if key in self.read}
