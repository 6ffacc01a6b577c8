"""Titles and scales of tasks, including tasks of other codebases."""

from envs.registry import family_by_prefix

MINOR = {"in", "of"}  # words in lower case in titles


def title(task: str) -> str:
    """The display name of a task: `dmc_cheetah_run` is Cheetah Run."""
    family = family_by_prefix(task)
    words = (task.removeprefix(f"{family.name}_") if family else task).split("_")
    return " ".join(word if i and word in MINOR else word[:1].upper() + word[1:] for i, word in enumerate(words))


def has_common_scale(task: str) -> bool:
    """Whether the returns of all tasks of the task's family fit one axis."""
    family = family_by_prefix(task)
    return family is not None and family.common_scale
