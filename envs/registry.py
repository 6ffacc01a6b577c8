"""The task families: what the rest of the program needs to know of each, without loading its library.

To add a family, write its environments in a new module and add an entry to `FAMILIES`. Nothing here imports numpy,
MuJoCo, gymnasium or an emulator.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from common.errors import UserError
from common.text import hint, shortened
from envs import atari_games, dmc_tasks, gym_tasks

IMAGE_SHAPE = (64, 64, 3)  # of the observation `image`, in all families


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of tasks, whose names start with the family's name and an underscore.

    Attributes:
        name: The first part of its tasks' names.
        title: Its name in figures.
        pattern: The form of its tasks' names, for messages.
        environment: `module:function` that makes an environment from the arguments of `envs.make_env`: task, settings,
            seed and entries of an observation.
        continuous: Task -> number of action dimensions, for the tasks with continuous actions.
        discrete: The tasks with discrete actions.
        form: Regular expression of the names of further tasks, of which nothing is known until they are made, or None.
        aliases: Alias -> name of the task.
        domains: Task -> name of the domain, whose tasks have the same body; empty if there are no domains.
        reads: The settings that this family reads and some other families do not; a name with a final dot is a group.
        packages: Packages that its results depend on, for provenance.
        best_returns: First part of a task's name -> the highest return that such a task allows, if known.
        references: File in results/published/references with the returns of random play and of a human, or None.
        common_scale: Whether the returns of all its tasks are similar enough to be drawn on one axis.
    """

    name: str
    title: str
    pattern: str
    environment: str
    continuous: Mapping[str, int] = field(default_factory=dict)
    discrete: tuple[str, ...] = ()
    form: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    best_returns: Mapping[str, float] = field(default_factory=dict)
    references: str | None = None
    common_scale: bool = False

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """All names of its tasks, except those of its form."""
        return (*self.continuous, *self.discrete, *self.aliases)

    @property
    def rendered(self) -> bool:
        """Whether the renderer of the settings draws MuJoCo's physics; otherwise the tasks draw themselves."""
        return "renderer" in self.reads


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="dmc",
            title="dm_control",
            pattern="dmc_<domain>_<task>",
            environment="envs.dmc:DmcEnv",
            continuous=dmc_tasks.ACTION_SIZES,
            aliases=dmc_tasks.ALIASES,
            domains={task: f"dmc_{domain}" for task, (domain, _) in dmc_tasks.TASKS.items()},
            reads=("renderer", "supersampling"),
            packages=("dm_control", "mujoco", "numba"),
            # 1000 environment steps with rewards of at most 1 (Tassa et al. 2018, section 2).
            best_returns={"dmc_": 1000.0},
            common_scale=True,
        ),
        Family(
            name="atari",
            title="Atari",
            pattern="atari_<game>",
            environment="envs.atari:AtariEnv",
            discrete=tuple(f"atari_{game}" for game in atari_games.GAMES),
            reads=("atari.",),
            packages=("ale-py",),
            references="atari.json",
        ),
        Family(
            name="gym",
            title="Gymnasium",
            pattern="gym_<id> or gym_<module>:<id>",
            environment="envs.gym:GymEnv",
            continuous=gym_tasks.ACTION_SIZES,
            discrete=gym_tasks.DISCRETE,
            form=gym_tasks.FORM,
            reads=("renderer", "supersampling"),  # for MuJoCo's models
            packages=("gymnasium", "mujoco", "numba"),
            # A reward of 1 for each environment step until Gymnasium's own time limit.
            best_returns={"gym_CartPole-v1": 500.0, "gym_InvertedPendulum-v5": 1000.0},
        ),
        Family(
            name="toy",
            title="toy tasks",
            pattern="toy_<task>",
            environment="envs.toy:make_toy",
            continuous={f"toy_reach_{count}": count for count in (1, 2, 4, 8)},
            discrete=("toy_reach_choices", "toy_grid"),
            # 200 environment steps with rewards of at most 1; how many goals of toy_grid can be reached is not known.
            best_returns={"toy_reach_": 200.0},
            common_scale=True,
        ),
    )
}
TASKS = tuple(task for family in FAMILIES.values() for task in family.tasks)
PATTERNS = tuple(family.pattern for family in FAMILIES.values())  # the forms of all tasks' names, for messages

_FAMILY_OF = {task: family for family in FAMILIES.values() for task in family.tasks}
_OPEN = tuple(family for family in FAMILIES.values() if family.form)
_ALIASES = {alias: task for family in FAMILIES.values() for alias, task in family.aliases.items()}
_READ_BY_SOME = frozenset(setting for family in FAMILIES.values() for setting in family.reads)


def family(task: str) -> Family:
    """Returns the family of a task.

    Raises:
        UserError: For an unknown task; the message contains the nearest name.
    """
    found = _find(task)
    if found is None:
        raise UserError(f"unknown task {shortened(task)}; allowed: {', '.join(PATTERNS)}{hint(task, TASKS)}")
    return found


def exists(task: str) -> bool:
    """Returns whether a task is listed, or has the form of tasks that need not be listed."""
    return _find(task) is not None


def _find(task: str) -> Family | None:
    return _FAMILY_OF.get(task) or next((each for each in _OPEN if re.fullmatch(str(each.form), task)), None)


def packages(task: str) -> tuple[str, ...]:
    """Returns the distributions that the results of a task depend on, for provenance; that of its own module too."""
    module, _ = gym_tasks.split(task)
    if module is None or task in _FAMILY_OF:
        return family(task).packages
    from importlib.metadata import packages_distributions

    own = packages_distributions().get(module.partition(".")[0], [])
    return tuple(dict.fromkeys([*family(task).packages, *own]))


def family_by_prefix(task: str) -> Family | None:
    """Returns the family by the first part of a task's name, None if there is none; the family may not have the task.

    For published scores, whose tasks may not be available here.
    """
    return FAMILIES.get(task.partition("_")[0])


def canonical(task: str) -> str:
    """Returns the task's name for an alias, and any other name unchanged."""
    return _ALIASES.get(task, task)


def is_discrete(task: str) -> bool:
    """Returns whether a task is known to have discrete actions."""
    return task in family(task).discrete


def action_size(task: str) -> int:
    """Returns the number of action dimensions of a task with continuous actions.

    Raises:
        UserError: For an unknown task, and one of which nothing is known until it is made.
        KeyError: For a task with discrete actions.
    """
    if task not in _FAMILY_OF and exists(task):
        raise UserError(f"the actions of {task} are not known before it is made; allowed here: tasks without a module")
    return family(task).continuous[canonical(task)]


def domain(task: str) -> str | None:
    """Returns the name of a task's domain, whose tasks have the same body; None if it has no domain."""
    return family(task).domains.get(canonical(task))


def best_return(task: str) -> float | None:
    """Returns the highest return that a task allows, None if unknown; the task need not be available here."""
    like = family_by_prefix(task)
    starts = like.best_returns if like else {}
    return next((best for start, best in starts.items() if task.startswith(start)), None)


def unread(task: str) -> tuple[str, ...]:
    """Returns the settings of other families, which a task does not read, sorted.

    A name with a final dot is a group of settings.
    """
    return tuple(sorted(_READ_BY_SOME - {*family(task).reads}))
