"""The tasks of dm_control 1.0.50, for modules that must not import it; tests compare them with dm_control."""

DOMAINS: dict[str, tuple[str, ...]] = {
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
_ACTION_SIZES = {
    "acrobot": 1, "ball_in_cup": 2, "cartpole": 1, "cheetah": 6, "dog": 38, "finger": 2, "fish": 5, "hopper": 4,
    "humanoid": 21, "humanoid_CMU": 56, "lqr": 1, "manipulator": 5, "pendulum": 1, "point_mass": 2, "quadruped": 12,
    "reacher": 2, "stacker": 5, "swimmer": 5, "walker": 6,
}  # fmt: skip
_SHORT = {"cup": "ball_in_cup"}  # short names of domains in the papers

# Task -> its domain and its name within the domain.
TASKS = {f"dmc_{domain}_{name}": (domain, name) for domain, names in DOMAINS.items() for name in names}
# Task -> number of action dimensions; two tasks differ from the rest of their domain.
ACTION_SIZES = {task: _ACTION_SIZES[domain] for task, (domain, _) in TASKS.items()}
ACTION_SIZES |= {"dmc_lqr_lqr_6_2": 2, "dmc_swimmer_swimmer15": 14}
# Alias -> name of the task.
ALIASES = {
    f"dmc_{short}_{name}": f"dmc_{domain}_{name}" for short, domain in _SHORT.items() for name in DOMAINS[domain]
}
