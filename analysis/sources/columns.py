"""Which column of a table is the task, variant, seed, step and value."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.paths import shown
from analysis.scores import AGENT_STEPS, ENVIRONMENT_STEPS, FRAMES
from common.errors import UserError
from common.text import hint, listed, nearest, shortened

REQUIRED = ("task", "variant", "seed", "step", "value")
OPTIONAL = ("suite", "metric", "episodes")
FACTOR = "factor"  # of the step, only where the user names its column
# Column -> its other names: first the two that are always accepted, then those that are said aloud.
ACCEPTED: Mapping[str, Sequence[str]] = {"variant": ("method",), "value": ("score", "return")}
ALIASES: Mapping[str, Sequence[str]] = {
    "task": ("env", "env_id", "env_name", "environment", "game", "domain_task"),
    "variant": ("agent", "algo", "algorithm", "model"),
    "seed": ("random_seed", "seeds"),
    "step": (
        "steps", "frame", "frames", "global_step", "timestep", "timesteps", "total_timesteps", "env_step", "env_steps",
        "environment_steps", "num_frames", "agent_step", "agent_steps", "timesteps_total", "total_env_interacts",
    ),
    "value": (
        "reward", "episode_reward", "episode_return", "episodic_return", "episode_score", "eval_return", "eval_reward",
        "returns", "rewards", "mean_reward", "success", "episode_reward_mean", "episode_return_mean", "ep_rew_mean",
        "average_ep_ret",
    ),
}  # fmt: skip
UNITS = {
    **dict.fromkeys(("frame", "frames", "num_frames"), FRAMES),
    **dict.fromkeys(("agent_step", "agent_steps"), AGENT_STEPS),
}
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
EXPECTED = "expected the columns task, variant (or method), seed, step, value (or score, or return)"


class Choice(NamedTuple):
    """The columns of a table."""

    columns: Mapping[str, str]  # name in the tidy table -> column
    unit: str  # of its steps: environment steps if nothing tells
    notes: list[str]  # what was assumed, as a sentence if anything was


def choose(found: Sequence[str], given: Mapping[str, str], known: Collection[str], path: Path) -> Choice:
    """The columns of a table.

    Args:
        found: The columns that there are.
        given: What the user says: task, variant, seed, step, value, ... -> column.
        known: What is known where there is no column, such as a task from the name of the file.
        path: The file, for messages.

    Raises:
        UserError: Columns are missing, several could be one, or one is given for two.
    """
    for name, column in given.items():
        if doubled := [other for other in given if other != name and given[other] == column]:
            raise UserError(f"{path}: column {column} is given for both {name} and {doubled[0]}")
    chosen: dict[str, str] = {}
    assumed: list[str] = []
    absent: list[str] = []
    for name in (*REQUIRED, *OPTIONAL, FACTOR):
        if name in given:
            if given[name] not in found:
                column, near = shortened(given[name]), hint(given[name], found)
                raise UserError(f"{path}: no column {column} for {name}; there are {listed(found) or 'none'}{near}")
            chosen[name] = given[name]
            assumed += [f"the step is multiplied by {given[name]}"] if name == FACTOR else []
            continue
        if name == FACTOR:
            continue
        plain = [column for column in (name, *ACCEPTED.get(name, ())) if column in found]
        taken = set(given.values())
        others = [
            column for column in found if _plain(column) in (name, *ALIASES.get(name, ())) and column not in taken
        ]
        if plain:
            chosen[name] = plain[0]
            if rest := [column for column in others if column not in plain]:
                assumed.append(f"{plain[0]} is the {name}, not {' or '.join(rest)}")
        elif len(others) == 1:
            chosen[name] = others[0]
            assumed.append(f"{others[0]} is the {name}")
        elif name in known:
            continue
        elif others:
            raise UserError(
                f"{path}: {' and '.join(others)} could be the {name}; choose one with --columns {name}={others[0]}"
            )
        elif name in REQUIRED:
            absent.append(name)
    if absent:
        raise UserError(_missing(absent, [column for column in found if column not in chosen.values()], found, path))
    unit = unit_of(chosen["step"])
    if unit == ENVIRONMENT_STEPS and any(unit_of(column) == FRAMES for column in found):
        unit = AGENT_STEPS  # a table that tells frames from steps
    if FACTOR in chosen:
        unit = ENVIRONMENT_STEPS
    return Choice(chosen, unit, [f"{shown(path.name)}: {', '.join(assumed)}"] if assumed else [])


def unit_of(step: str) -> str:
    """What steps count by the name of their column or key; environment steps if it does not tell."""
    return UNITS.get(_plain(step), ENVIRONMENT_STEPS)


def is_step(name: str) -> bool:
    """Whether a column or key is another name of the step."""
    return _plain(name) in ALIASES["step"]


def _missing(absent: Sequence[str], free: Sequence[str], found: Sequence[str], path: Path) -> str:
    """All missing columns, each with the nearest that there is."""
    near = {name: nearest(name, free) or _nearest_alias(name, free) for name in absent}
    hints = " ".join(f"Did you mean {column!r} for {name}?" for name, column in near.items() if column)
    columns = "no column" + ("s" if len(absent) > 1 else "")
    example = next((f"{name}={column}" for name, column in near.items() if column), f"{absent[0]}=NAME")
    return (
        f"{path}: {columns} {', '.join(absent)}; there are {listed(found) or 'none'}. {hints}{' ' if hints else ''}"
        f"{EXPECTED}; others can be given, such as --columns {example}, "
        "and names in the path by --layout '{variant}/{task}.csv'"
    )


def _nearest_alias(name: str, free: Sequence[str]) -> str | None:
    """The column nearest to another name of a required one."""
    for alias in ALIASES.get(name, ()):
        if found := nearest(alias, free, cutoff=0.8):
            return found
    return None


def _plain(column: str) -> str:
    """A column in lower case with underscores; TotalSteps is total_steps."""
    return CAMEL.sub("_", column.strip()).lower().replace(" ", "_").replace("-", "_")
