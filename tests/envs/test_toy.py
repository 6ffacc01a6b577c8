import numpy as np
import pytest

from envs.settings import EnvSettings
from envs.toy import LIMIT, Grid, Reach, ReachByChoice, make_toy


def play_reach(env: Reach, seed: int, repeat: int, scripted: bool) -> float:
    """The return of an episode with optimal or random actions."""
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        action = (
            (env.targets - env.positions) / (repeat * env.gains) if scripted else rng.uniform(-1, 1, env.gains.size)
        )
        _, reward, _, over, _ = env.step(action)
        total += reward
    return total


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("repeat", [2, 4])
def test_reach_is_solvable_and_chance_is_far_from_it(count: int, repeat: int) -> None:
    env = Reach(count, EnvSettings(action_repeat=repeat, time_limit=LIMIT))
    scripted = np.mean([play_reach(env, seed, repeat, scripted=True) for seed in range(10)])
    random = np.mean([play_reach(env, seed, repeat, scripted=False) for seed in range(10)])
    assert scripted > 0.85 * LIMIT
    assert random < scripted / 4


def test_reach_moves_each_body_by_its_own_action_alone() -> None:
    env = Reach(4, EnvSettings(action_repeat=1))
    for moved in range(4):
        env.reset(seed=moved)
        before = env.positions.copy()
        action = np.zeros(4)
        action[moved] = -np.sign(before[moved])
        env.step(action)
        np.testing.assert_allclose(env.positions - before, env.gains * action, atol=1e-12)
    assert len(set(env.gains)) == 4


def test_reach_rewards_by_the_mean_of_its_lanes() -> None:
    env = Reach(2, EnvSettings(action_repeat=1))
    env.reset(seed=0)
    env.targets = np.array([0.5, -0.5])
    env.positions = np.array([0.5, -0.25])
    assert env.step(np.zeros(2))[1] == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize("seed", range(20))
def test_reach_begins_far_from_its_targets(seed: int) -> None:
    env = Reach(8, EnvSettings())
    env.reset(seed=seed)
    assert (np.abs(env.positions - env.targets) >= 0.8 - 1e-12).all()
    assert (np.abs(env.positions) <= 1).all()


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_reach_shows_where_each_body_is(count: int) -> None:
    """In each lane, the centre of mass of the body's colour is the body's position."""
    env = Reach(count, EnvSettings())
    env.reset(seed=1)
    env.targets = -np.ones(count)
    env.positions = np.linspace(-0.2, 1.0, count) if count > 1 else np.array([0.3])
    observation, *_ = env.step(np.zeros(count))
    lanes = observation["image"].reshape(count, 64 // count, 64, 3)
    yellow = lanes[..., 0].astype(float) * (lanes[..., 0] > 32)  # targets and ground have little red
    columns = (yellow.sum(1) * (np.arange(64) + 0.5)).sum(1) / yellow.sum((1, 2))
    np.testing.assert_allclose(columns, 32 + 24 * env.positions, atol=0.3)


def shortest_way(env: Grid, repeat: int) -> int | None:
    """The first move of a shortest path to the goal that avoids the trap, by breadth-first search."""
    start = tuple(env.walker)
    ways: dict[tuple[int, ...], int | None] = {start: None}
    queue = [start]
    for place in queue:
        for move, step in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
            walker = np.array(place)
            for _ in range(repeat):
                walker = np.clip(walker + step, 0, 12)
                if (np.abs(walker - env.trap) < 2).all():
                    break
                if (np.abs(walker - env.goal) < 2).all():
                    return ways[place] if ways[place] is not None else move
            else:
                if tuple(walker) not in ways:
                    ways[tuple(walker)] = ways[place] if ways[place] is not None else move
                    queue.append(tuple(walker))
    return None


def play_grid(env: Grid, seed: int, repeat: int, scripted: bool) -> float:
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        action = shortest_way(env, repeat) if scripted else rng.integers(4)
        _, reward, terminated, truncated, _ = env.step(action)
        total += reward
        over = terminated or truncated
    return total


@pytest.mark.parametrize("repeat", [1, 2, 4])
def test_grid_is_solvable_and_chance_is_far_from_it(repeat: int) -> None:
    env = Grid(EnvSettings(action_repeat=repeat, time_limit=LIMIT))
    scripted = [play_grid(env, seed, repeat, scripted=True) for seed in range(10)]
    random = [play_grid(env, seed, repeat, scripted=False) for seed in range(10)]
    assert min(scripted) >= 10
    assert np.mean(random) < np.mean(scripted) / 4


def test_grid_truly_ends_in_the_trap() -> None:
    env = Grid(EnvSettings(action_repeat=4))
    env.reset(seed=0)
    env.walker, env.trap, env.goal = np.array([0, 0]), np.array([4, 0]), np.array([12, 12])
    _, reward, terminated, truncated, info = env.step(1)
    assert (reward, terminated, truncated) == (-1.0, True, False)
    assert info == {"steps": 3, "discount": 0.0}


def test_choices_are_full_actions_on_one_lane() -> None:
    settings = EnvSettings(action_repeat=2)
    chosen, steered = ReachByChoice(settings), Reach(1, settings)
    np.testing.assert_array_equal(chosen.reset(seed=3)[0]["image"], steered.reset(seed=3)[0]["image"])
    for choice in np.random.default_rng(0).integers(3, size=20):
        ours, theirs = chosen.step(choice), steered.step(np.array([choice - 1.0]))
        np.testing.assert_array_equal(ours[0]["image"], theirs[0]["image"])
        assert ours[1:] == theirs[1:]


def test_choices_can_solve_the_lane() -> None:
    env = ReachByChoice(EnvSettings(action_repeat=2, time_limit=LIMIT))
    env.reset(seed=0)
    total, over = 0.0, False
    while not over:
        gap = float(env.targets[0] - env.positions[0])
        _, reward, _, over, _ = env.step(1 + int(np.sign(gap)) if abs(gap) > 0.05 else 1)
        total += reward
    assert total > 0.85 * LIMIT


def test_episodes_end_at_the_tasks_own_limit_or_the_settings() -> None:
    assert make_toy("toy_reach_1", EnvSettings()).time_limit == LIMIT
    assert make_toy("toy_grid", EnvSettings(time_limit=30)).time_limit == 30
