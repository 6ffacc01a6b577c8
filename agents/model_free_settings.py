"""The settings of the model-free agents; the defaults are those of the DeepMind Control Suite (Tassa et al. 2018)."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from common.settings import Group

Count = Annotated[int, Field(ge=1)]
Units = Annotated[list[Count], Field(min_length=1)]


class D4PGSettings(Group):
    """D4PG: a deterministic actor, and a critic that predicts a distribution of returns."""

    n_step: int = Field(5, ge=1, le=1000, description="Agent steps of rewards in the return that the critic learns (N)")
    discount: float = Field(0.99, ge=0, le=1, description="Discount of an agent step (gamma)")
    atoms: int = Field(101, ge=2, description="Returns, evenly spaced, on which the critic's distribution lies")
    lowest: float = Field(
        -150.0,
        description="The least of these returns; if the range is symmetric about 0, the critic begins near 0, and the "
        "actor does not run to the corners of the actions while the critic falls",
    )
    highest: float = Field(150.0, validate_default=True, description="The greatest of these returns")
    target_period: int = Field(
        100, ge=1, description="Gradient steps after which the target networks become copies of the trained ones"
    )
    critic_rate: float = Field(1e-4, gt=0, description="Learning rate of the critic, and of the image encoder")
    actor_rate: float = Field(1e-4, gt=0, description="Learning rate of the actor")
    critic_units: Units = Field(
        [400, 300], description="Units of the critic's hidden layers; the action enters at the second"
    )
    actor_units: Units = Field([300, 200], description="Units of the actor's hidden layers")
    frames: int = Field(3, ge=1, description="Newest images that an observation consists of")
    shift: int = Field(
        0, ge=0, le=16, description="Pixels by which the images of each transition are shifted at random in training"
    )

    @field_validator("highest")
    @classmethod
    def _is_above(cls, highest: float, info: ValidationInfo) -> float:
        lowest = info.data.get("lowest", -float("inf"))
        if highest <= lowest:
            raise PydanticCustomError("highest", f"{highest:g} is not above d4pg.lowest = {lowest:g}")
        return highest


class A3CSettings(Group):
    """A3C: a stochastic actor and a value on shared layers, which learn from the newest steps of all environments."""

    unroll: int = Field(20, ge=1, description="Agent steps of each environment between two gradient steps")
    discount: float = Field(0.99, ge=0, le=1, description="Discount of an agent step (gamma)")
    reward_scale: float = Field(
        1.0, gt=0, description="Factor on the rewards; returns of about 1 are learned in fewer gradient steps"
    )
    entropy_scale: float = Field(3e-3, ge=0, description="Weight of the actor's entropy, in nats, in the loss")
    value_scale: float = Field(0.5, ge=0, description="Weight of the value's squared error in the loss")
    rate: float = Field(5e-5, gt=0, description="Learning rate at the first gradient step")
    epsilon: float = Field(
        0.1,
        gt=0,
        description="Added to RMSProp's average of squared gradients; if it is far above them, steps shrink with them",
    )
    anneal: Literal["never"] | Count = Field(
        "never", description="Gradient steps in which the learning rate falls linearly to 0"
    )
    units: Units = Field([256, 128], description="Units of the layers that actor and value share")
