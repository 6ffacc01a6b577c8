"""The settings of an environment; nothing here imports MuJoCo."""

from typing import Literal

from pydantic import Field

from common.settings import Group


class AtariSettings(Group):
    """How Atari's games are played."""

    sticky: float = Field(
        0.25, ge=0, lt=1, description="Probability that a frame repeats the action before in place of the one asked for"
    )
    noops: int = Field(
        30, ge=1, le=60, description="Frames without action that a game begins with: 1 to this many, by chance"
    )
    life_loss: bool = Field(
        True, description="A lost life ends a training episode; evaluations always play the whole game"
    )


class EnvSettings(Group):
    """Everything that an environment needs to know of its experiment, besides its task and seed."""

    action_repeat: int = Field(2, ge=1, le=100, description="Environment steps that an action is held for")
    envs: int = Field(1, ge=1, le=256, description="Environments that collect side by side, each in its own process")
    time_limit: int = Field(1000, ge=1, description="Environment steps after which an episode is cut off")
    renderer: Literal["auto", "egl", "osmesa", "glfw", "raycast"] = Field(
        "auto", description="What draws dm_control's pixels; auto takes a GPU's EGL, else the CPU ray caster"
    )
    supersampling: int = Field(
        1, ge=1, le=8, description="Pictures of the ray caster are drawn this many times as large a side, and averaged"
    )
    atari: AtariSettings = AtariSettings()

    def for_evaluation(self) -> "EnvSettings":
        """The environment's settings alone, as evaluations have them: a lost life does not end their episodes."""
        own = {name: getattr(self, name) for name in EnvSettings.model_fields}
        return EnvSettings.model_validate(own | {"atari": self.atari.model_copy(update={"life_loss": False})})
