import numpy as np
import pytest

from agents.agent import ActionSpec, Agent, ArraySpec
from agents.registry import make_agent
from agents.settings import AgentSettings

STATES = {"state": np.zeros((500, 6), np.float32)}  # it looks at nothing


def random_agent(action: ActionSpec, seed: int) -> Agent:
    return make_agent(AgentSettings(agent="random"), {"state": ArraySpec((6,), np.dtype(np.float32))}, action, seed)


def test_actions_are_uniform() -> None:
    agent = random_agent(ActionSpec(3), 0)
    actions, _ = agent.policy(STATES, agent.initial_state(500), training=False)
    assert actions.shape == (500, 3)
    assert actions.dtype == np.float32
    # The Kolmogorov-Smirnov distance of 1500 uniform draws exceeds 0.05 about once in a thousand seeds.
    empirical = np.arange(1, actions.size + 1) / actions.size
    assert np.abs(np.sort(actions, axis=None) - (2 * empirical - 1)).max() / 2 < 0.05


def test_choices_are_one_hot_and_balanced() -> None:
    actions, _ = random_agent(ActionSpec(4, discrete=True), 1).policy(STATES, {}, training=True)
    assert set(np.unique(actions)) == {0, 1}
    assert (actions.sum(1) == 1).all()
    assert actions.sum(0) == pytest.approx(125, abs=5 * np.sqrt(500 * 0.25 * 0.75))


def test_saved_agent_goes_on_with_the_same_draws() -> None:
    one, other = random_agent(ActionSpec(2), 3), random_agent(ActionSpec(2), 3)
    one.policy(STATES, {}, training=True)
    other.load(one.save())
    np.testing.assert_array_equal(one.policy(STATES, {}, True)[0], other.policy(STATES, {}, True)[0])
    assert (one.policy(STATES, {}, True)[0] != random_agent(ActionSpec(2), 4).policy(STATES, {}, True)[0]).any()


def test_foreign_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="expected: acts"):
        random_agent(ActionSpec(2), 0).load({})
