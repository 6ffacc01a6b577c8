"""Atari, compared with direct calls of the emulator."""

import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import ale_py
import numpy as np
import pytest
from ale_py.roms import get_rom_path
from numpy.typing import NDArray
from PIL import Image

from envs.atari import AtariEnv
from envs.atari_games import GAMES as ALL_GAMES
from envs.settings import AtariSettings, EnvSettings
from envs.task import Observe

GAMES = ("pong", "breakout", "assault", "qbert")
STATE: Observe = ("state",)


def make(game: str, observe: Observe = ("image",), action_repeat: int = 4, limit: int = 1000, **rules: Any) -> AtariEnv:
    settings = EnvSettings(action_repeat=action_repeat, time_limit=limit, atari=AtariSettings(**rules))
    return AtariEnv(f"atari_{game}", settings, observe=observe)


def memory(moment: tuple[Any, ...]) -> list[float]:
    """The memory observed by a reset or step."""
    numbers: list[float] = moment[0]["state"].tolist()
    return numbers


def emulator(game: str) -> Any:
    """A game that has just been switched on."""
    ale = ale_py.ALEInterface()
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(get_rom_path(game))
    ale.reset_game()
    return ale


def shrunk(screen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(screen).resize((64, 64), Image.Resampling.BILINEAR))


def choices(env: AtariEnv, count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(len(env.action_names), size=count).tolist()


@pytest.mark.parametrize("game", GAMES)
def test_pixels_and_rewards_are_the_emulators(game: str) -> None:
    """Without sticky actions and with one no-op, an episode is the emulator's, with four frames in an agent step."""
    env, ale = make(game, sticky=0, noops=1, life_loss=False), emulator(game)
    observation, _ = env.reset(seed=0)
    ale.act(0)
    np.testing.assert_array_equal(observation["image"], shrunk(ale.getScreenRGB()))
    actions = ale.getMinimalActionSet()
    rewards = []
    for choice in choices(env, 250):
        observation, reward, terminated, _, _ = env.step(choice)
        frames = []
        rewards.append(0)
        for _ in range(4):
            rewards[-1] += ale.act(actions[choice])
            frames.append(ale.getScreenRGB())
        np.testing.assert_array_equal(observation["image"], shrunk(np.maximum(frames[2], frames[3])))
        assert (reward, terminated) == (rewards[-1], ale.game_over())
    assert any(rewards)


@pytest.mark.parametrize(
    ("action_repeat", "limit", "shown"), [(1, 9, [0]), (2, 9, [0, 1]), (4, 3, [1, 2]), (4, 1, [0])]
)
def test_picture_is_of_the_last_two_frames_of_the_agent_step(
    action_repeat: int, limit: int, shown: Sequence[int]
) -> None:
    env, ale = make("seaquest", action_repeat=action_repeat, limit=limit, sticky=0, noops=1), emulator("seaquest")
    env.reset(seed=0)
    ale.act(0)
    observation, _, _, _, info = env.step(1)
    frames = [ale.act(ale.getMinimalActionSet()[1]) or ale.getScreenRGB() for _ in range(info["steps"])]
    assert len(frames) == shown[-1] + 1
    np.testing.assert_array_equal(observation["image"], shrunk(np.max([frames[index] for index in shown], axis=0)))


def test_memory_is_the_emulators() -> None:
    env, ale = make("breakout", STATE, sticky=0, noops=1), emulator("breakout")
    observation, _ = env.reset(seed=0)
    ale.act(0)
    assert env.state_names == tuple(f"ram[{index}]" for index in range(128))
    for choice in choices(env, 20):
        np.testing.assert_array_equal(observation["state"], ale.getRAM())
        observation, *_ = env.step(choice)
        for _ in range(4):
            ale.act(ale.getMinimalActionSet()[choice])


def test_lost_life_ends_an_episode_at_its_frame() -> None:
    env, ale = make("breakout", limit=10**6, sticky=0, noops=1), emulator("breakout")
    env.reset(seed=0)
    ale.act(0)
    lives, lost = ale.lives(), False
    for choice in choices(env, 1000):
        frames = 0
        while frames < 4 and not lost:
            ale.act(ale.getMinimalActionSet()[choice])
            frames += 1
            lost = ale.lives() < lives
        _, _, terminated, truncated, info = env.step(choice)
        assert (terminated, truncated) == (lost, False)
        assert info == {"steps": frames, "discount": 0.0 if lost else 1.0}
        if lost:
            break
    assert lost
    assert ale.lives() == lives - 1 > 0
    assert not ale.game_over()


def test_whole_game_goes_on_until_it_is_over() -> None:
    env = make("breakout", limit=10**6, life_loss=False)
    env.reset(seed=0)
    lives = [env._ale.lives()]
    over = False
    for choice in choices(env, 5000):
        _, _, over, _, _ = env.step(choice)
        lives.append(env._ale.lives())
        if over:
            break
    assert over
    assert env._ale.game_over()
    assert [after for before, after in pairwise(lives) if after < before] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("game", ["breakout", "assault", "hero", "qbert"])
def test_every_reset_starts_the_game_anew(game: str) -> None:
    """Their emulator keeps counters over a reset, or video state over a restore; neither may be visible."""
    used, fresh = make(game, STATE), make(game, STATE)
    for spoilt in (1, 300):
        used.reset(seed=9)
        for choice in choices(used, spoilt, seed=spoilt):
            if used.step(choice)[2]:
                break
        assert memory(used.reset(seed=spoilt)) == memory(fresh.reset(seed=spoilt))
        assert used._ale.lives() == fresh._ale.lives()
        for choice in choices(used, 20):
            assert memory(used.step(choice)) == memory(fresh.step(choice))


@pytest.mark.parametrize("noops", [1, 4])
def test_games_begin_with_one_to_so_many_frames_without_action(noops: int) -> None:
    ale, env = emulator("assault"), make("assault", STATE, noops=noops)
    beginnings = [ale.act(0) or ale.getRAM().tolist() for _ in range(noops + 1)]
    assert len(set(map(tuple, beginnings))) == noops + 1
    found = {beginnings.index(memory(env.reset(seed=seed))) for seed in range(60)}
    assert found == set(range(noops))


class Spy:
    """The emulator, with a record of its actions and of how often its screen was fetched."""

    def __init__(self, ale: Any) -> None:
        self._ale = ale
        self.acts: list[Any] = []
        self.screens = 0

    def act(self, action: Any) -> int:
        self.acts.append(action)
        return int(self._ale.act(action))

    def getScreenRGB(self) -> Any:  # noqa: N802  # the emulator's name
        self.screens += 1
        return self._ale.getScreenRGB()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ale, name)


@pytest.mark.parametrize("action_repeat", [1, 4])
@pytest.mark.parametrize("sticky", [0.0, 0.25, 0.6])
def test_frames_repeat_the_action_before_with_the_probability_asked_for(sticky: float, action_repeat: int) -> None:
    env = make("pong", STATE, action_repeat, 10**6, sticky=sticky)
    env.reset(seed=0)
    spy = Spy(env._ale)
    env._ale = spy  # type: ignore[assignment]
    actions = spy.getMinimalActionSet()
    asked = []
    for choice in choices(env, 3000 // action_repeat):
        steps = env.step(choice)[4]["steps"]
        asked += [actions[choice]] * steps
    executed = [ale_py.Action.NOOP, *spy.acts]
    assert len(asked) == len(spy.acts)
    differing = [(want, was, done) for want, (was, done) in zip(asked, pairwise(executed), strict=True) if want != was]
    repeated = [done == was for want, was, done in differing]
    assert all(done in (want, was) for want, was, done in differing)
    assert np.mean(repeated) == pytest.approx(sticky, abs=4 * np.sqrt(sticky * (1 - sticky) / len(repeated)))


def test_stickiness_follows_from_the_seed() -> None:
    env = make("pong", STATE)
    episodes = []
    for seed in (4, 4, 5):
        env.reset(seed=seed)
        env._ale.restoreSystemState(env._beginning)  # whatever the no-ops were
        episodes.append([memory(env.step(choice)) for choice in choices(env, 50)])
    assert episodes[0] == episodes[1] != episodes[2]


@pytest.mark.parametrize(("observe", "fetched"), [(("image",), 1 + 2 * 5), (STATE, 0), (("image", "state"), 1 + 2 * 5)])
def test_screens_are_fetched_for_pictures_only(observe: Observe, fetched: int) -> None:
    env = make("pong", observe)
    spy = Spy(env._ale)
    env._ale = spy  # type: ignore[assignment]
    env.reset(seed=0)
    for _ in range(5):
        env.step(0)
    assert spy.screens == fetched


@pytest.mark.parametrize("game", ALL_GAMES)
def test_every_game_is_there(game: str) -> None:
    assert Path(get_rom_path(game)).is_file()


def test_actions_are_the_minimal_ones_of_the_game() -> None:
    assert make("freeway").action_names == ("noop", "up", "down")
    assert len(make("boxing").action_names) == 18


def test_nothing_is_printed() -> None:
    code = (
        "from envs import make_env; from envs.settings import EnvSettings;"
        "env = make_env('atari_pong', EnvSettings()); env.reset(seed=0); env.step(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
