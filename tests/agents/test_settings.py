"""A setting that an agent declares as not read changes nothing that it does, to the last bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agents.agent import ActionSpec, Arrays
from agents.dreamer import Dreamer
from common.settings import values
from tests.agents.conftest import ACTIONS, IMAGES, tiny_settings
from tests.suites.other_values import CHANGES, settings

PLANNER = {"kind": "planner", "candidates": 8, "iterations": 2, "top": 3}


def doings(agent: Dreamer, batch: Arrays) -> dict[str, np.ndarray]:
    """An agent's cost, the metrics of an update, its next action, and its final state."""
    found: dict[str, Any] = {**agent.cost(2, 7), **agent.train(batch)}
    found["action"], _ = agent.policy({"image": batch["image"][:, 0]}, agent.initial_state(2), training=True)
    return {name: np.asarray(value) for name, value in {**found, **agent.save()}.items()}


@pytest.mark.parametrize("changes", [{}, {"behavior": PLANNER}, {"behavior": {"value": "none"}}])
def test_settings_that_are_not_read_change_nothing(
    changes: dict[str, Any], dreamer: Callable[..., Dreamer], batch: Arrays
) -> None:
    chosen = tiny_settings(**changes)
    unread = values(chosen).keys() - chosen.read
    assert unread
    other = settings({**values(chosen), **{key: CHANGES[key] for key in unread}})
    one, two = (
        doings(agent, batch) for agent in (dreamer(**changes), Dreamer(other, IMAGES, ActionSpec(ACTIONS), seed=0))
    )
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)
