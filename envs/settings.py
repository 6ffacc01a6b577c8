"""The settings of an environment, and the names of all tasks; nothing here imports MuJoCo."""

from typing import Literal

from pydantic import Field

from common.settings import Group

# Every task of dm_control 1.0.50, by domain; a test compares them with dm_control's own.
DMC_TASKS: dict[str, tuple[str, ...]] = {
    "acrobot": ("swingup", "swingup_sparse"),
    "ball_in_cup": ("catch",),
    "cartpole": ("balance", "balance_sparse", "swingup", "swingup_sparse", "two_poles", "three_poles"),
    "cheetah": ("run",),
    "dog": ("stand", "walk", "trot", "run", "fetch"),
    "finger": ("spin", "turn_easy", "turn_hard"),
    "fish": ("upright", "swim"),
    "hopper": ("stand", "hop"),
    "humanoid": ("stand", "walk", "run", "run_pure_state"),
    "humanoid_CMU": ("stand", "walk", "run"),
    "lqr": ("lqr_2_1", "lqr_6_2"),
    "manipulator": ("bring_ball", "bring_peg", "insert_ball", "insert_peg"),
    "pendulum": ("swingup",),
    "point_mass": ("easy", "hard"),
    "quadruped": ("walk", "run", "escape", "fetch"),
    "reacher": ("easy", "hard"),
    "stacker": ("stack_2", "stack_4"),
    "swimmer": ("swimmer6", "swimmer15"),
    "walker": ("stand", "walk", "run"),
}
# The papers' short names of dm_control's domains.
DMC_ALIASES = {"cup": "ball_in_cup"}
# The 57 games that agents are commonly compared on; a test finds each in ale-py 0.12.1.
ATARI_GAMES = (
    "alien", "amidar", "assault", "asterix", "asteroids", "atlantis", "bank_heist", "battle_zone", "beam_rider",
    "berzerk", "bowling", "boxing", "breakout", "centipede", "chopper_command", "crazy_climber", "defender",
    "demon_attack", "double_dunk", "enduro", "fishing_derby", "freeway", "frostbite", "gopher", "gravitar", "hero",
    "ice_hockey", "jamesbond", "kangaroo", "krull", "kung_fu_master", "montezuma_revenge", "ms_pacman",
    "name_this_game", "phoenix", "pitfall", "pong", "private_eye", "qbert", "riverraid", "road_runner", "robotank",
    "seaquest", "skiing", "solaris", "space_invaders", "star_gunner", "surround", "tennis", "time_pilot", "tutankham",
    "up_n_down", "venture", "video_pinball", "wizard_of_wor", "yars_revenge", "zaxxon",
)  # fmt: skip
TOY_TASKS = ("toy_reach_1", "toy_reach_2", "toy_reach_4", "toy_reach_8", "toy_reach_choices", "toy_grid")

TASKS: tuple[str, ...] = (
    *(f"dmc_{domain}_{task}" for domain, tasks in DMC_TASKS.items() for task in tasks),
    *(f"dmc_{alias}_{task}" for alias, domain in DMC_ALIASES.items() for task in DMC_TASKS[domain]),
    *(f"atari_{game}" for game in ATARI_GAMES),
    *TOY_TASKS,
)
DISCRETE_TASKS = (*(f"atari_{game}" for game in ATARI_GAMES), "toy_reach_choices", "toy_grid")

_DMC_ACTIONS = {
    "acrobot": 1, "ball_in_cup": 2, "cartpole": 1, "cheetah": 6, "dog": 38, "finger": 2, "fish": 5, "hopper": 4,
    "humanoid": 21, "humanoid_CMU": 56, "lqr": 1, "manipulator": 5, "pendulum": 1, "point_mass": 2, "quadruped": 12,
    "reacher": 2, "stacker": 5, "swimmer": 5, "walker": 6,
}  # fmt: skip
# Task -> number of action dimensions, of every task but the discrete ones; a test compares them with the environments.
ACTIONS: dict[str, int] = {
    **{f"dmc_{domain}_{task}": _DMC_ACTIONS[domain] for domain, tasks in DMC_TASKS.items() for task in tasks},
    **{
        f"dmc_{alias}_{task}": _DMC_ACTIONS[domain]
        for alias, domain in DMC_ALIASES.items()
        for task in DMC_TASKS[domain]
    },
    **{f"toy_reach_{count}": count for count in (1, 2, 4, 8)},
    # Within a domain only these differ.
    "dmc_lqr_lqr_6_2": 2,
    "dmc_swimmer_swimmer15": 14,
}


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
