"""Named action groups, compared with the tasks; `discovery/test_store.py` finds the published ones in the tasks."""

import pytest

from agents.settings import AgentSettings
from envs.registry import TASKS, action_size, domain
from suites.groups import check, published, published_groups


def settings(**dynamics: object) -> AgentSettings:
    return AgentSettings.model_validate({"dynamics": dynamics})


def test_published_groups_are_partitions_of_each_task_of_their_domain() -> None:
    assert len(published_groups()) == 6
    for name in published_groups():
        tasks = [task for task in TASKS if domain(task) == name]
        assert tasks
        for task in tasks:
            groups = published(task)
            assert groups is not None
            assert sorted(index for group in groups for index in group) == list(range(action_size(task)))


@pytest.mark.parametrize("groups", ["sd2", "single", "full", "random", [[0, 2], [1, 3]]])
def test_every_continuous_task_can_be_grouped_so(groups: object) -> None:
    check(settings(kind="ed2", groups=groups), "toy_reach_4")


@pytest.mark.parametrize(
    ("task", "groups", "message"),
    [
        ("toy_grid", "sd2", "toy_grid has discrete ones"),
        (
            "toy_reach_4",
            "published",
            "no groups for toy_reach_4, only for dmc_hopper, .* allowed here: sd2",
        ),
        ("toy_reach_4", [[0, 1], [1, 2, 4]], "4 is out of range; index 1 is in 2 places; index 3 is missing"),
    ],
)
def test_what_cannot_be_grouped_is_refused(task: str, groups: object, message: str) -> None:
    for kind in ({"kind": "ed2"}, {"kind": "rssm", "match_parameters": True}):
        with pytest.raises(ValueError, match=message):
            check(settings(**kind, groups=groups), task)
    check(settings(kind="rssm", groups=groups), task)
    check(AgentSettings.model_validate({"agent": "random", "dynamics": {"kind": "ed2", "groups": groups}}), task)


def test_groups_are_those_of_the_whole_domain_and_no_other() -> None:
    assert published("dmc_humanoid_run") == published("dmc_humanoid_stand") is not None
    assert published("dmc_humanoid_CMU_run") is None
    assert published("dmc_cup_catch") is None
