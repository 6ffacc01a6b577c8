"""The settings of an environment; nothing here imports MuJoCo."""

from typing import Literal

from pydantic import Field

from common.settings import Group


class AtariSettings(Group):
    """The rules of Atari games."""

    sticky: float = Field(
        0.25, ge=0, lt=1, description="Probability that a frame repeats the previous action instead of the agent's"
    )
    noops: int = Field(
        30, ge=1, le=60, description="Most frames without action at the start of a game; drawn uniformly from 1 to this"
    )
    life_loss: bool = Field(
        True, description="End a training episode when a life is lost; evaluations always play the whole game"
    )


class EnvSettings(Group):
    """All settings of an environment except its task and seed."""

    observation: Literal["image", "state"] = Field(
        "image", description="What the agent observes: images, or the task's state vector"
    )
    action_repeat: int = Field(2, ge=1, le=100, description="Environment steps for which each action is repeated")
    envs: int = Field(
        1, ge=1, le=256, description="Number of environments that collect in parallel; each has its own process"
    )
    time_limit: int = Field(
        1000, ge=1, le=1_000_000_000, description="Environment steps after which an episode is truncated"
    )
    renderer: Literal["auto", "egl", "osmesa", "glfw", "raycast"] = Field(
        "auto", description="Renderer of dm_control's pixels; auto selects EGL on a GPU, else the CPU ray caster"
    )
    supersampling: int = Field(
        1, ge=1, le=8, description="Factor by which the ray caster enlarges each side before averaging down to 64x64"
    )
    atari: AtariSettings = AtariSettings()

    def for_evaluation(self) -> "EnvSettings":
        """The environment's settings for evaluation: a lost life does not end an episode."""
        own = {name: getattr(self, name) for name in EnvSettings.model_fields}
        return EnvSettings.model_validate(own | {"atari": self.atari.model_copy(update={"life_loss": False})})
