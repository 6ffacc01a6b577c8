"""Acting: one agent in several environments; seeds of episodes follow from the run's seed and counters."""

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.agent import ActionSpec, Observations, PolicyState
from common.seeds import Stream, derive, generator
from envs.parallel import ParallelEnvs, StepResults, stack
from runs.store.episodes import Episode
from runs.training.actions import native, random_action
from runs.training.episode import EpisodeBuilder
from runs.training.observations import row

Actions = NDArray[np.float32]  # (N, A)
Arrays = dict[str, NDArray]
Policy = Callable[[Observations, PolicyState], tuple[Actions, PolicyState]]


class Driver:
    """Collects episodes for training.

    The seed of episode `k` of environment `i` is derived from (run's seed, TRAIN, i, k).
    """

    def __init__(self, envs: ParallelEnvs, spec: ActionSpec, seed: int, initial: PolicyState):
        """Takes environments; `initial` is the policy's state after a reset of all of them."""
        self._envs = envs
        self._spec = spec
        self._seed = seed
        self._initial = initial
        self._state = initial
        self._episodes: list[EpisodeBuilder] = []

    @property
    def count(self) -> int:
        """The number of environments."""
        return self._envs.count

    def unfinished(self, index: int) -> Episode:
        """The records so far of an environment's present episode."""
        return self._episodes[index].arrays()

    def start(self) -> None:
        """Starts every environment's first episode."""
        self._episodes = [EpisodeBuilder(0) for _ in range(self._envs.count)]
        seeds = [self._episode_seed(index) for index in range(self._envs.count)]
        observations = self._envs.reset_all(seeds)
        for index, episode in enumerate(self._episodes):
            episode.start(row(observations, index), self._spec.size)

    def random_step(self) -> tuple[int, list[tuple[int, EpisodeBuilder]]]:
        """Steps with random actions, keyed by environment, episode and step of the episode."""
        actions = [
            random_action(
                self._spec, generator(self._seed, Stream.PREFILL, index, episode.number, len(episode.actions))
            )
            for index, episode in enumerate(self._episodes)
        ]
        return self._step(np.stack(actions))

    def policy_step(self, policy: Policy) -> tuple[int, list[tuple[int, EpisodeBuilder]]]:
        """Steps with a policy's actions.

        Returns:
            The environment steps taken by all environments together, and the episodes that ended, each with its
            environment's index; those environments have been reset.
        """
        observations = stack([episode.observations[-1] for episode in self._episodes])
        actions, self._state = policy(observations, self._state)
        return self._step(actions)

    def save(self) -> Arrays:
        """The policy's state, and for each environment the number of its episode and the actions so far."""
        arrays = {f"state/{name}": leaf for name, leaf in flatten(self._state).items()}
        arrays["numbers"] = np.array([episode.number for episode in self._episodes], np.int64)
        for index, episode in enumerate(self._episodes):
            arrays[f"actions/{index}"] = np.stack(episode.actions)
        return arrays

    def load(self, arrays: Mapping[str, NDArray]) -> None:
        """Restores the state at `save` by replaying the saved actions.

        All environments step together. Those with shorter episodes first take actions of zeros, and are reset when the
        number of remaining steps equals their length.
        """
        saved = {name.removeprefix("state/"): leaf for name, leaf in arrays.items() if name.startswith("state/")}
        self._state = unflatten(self._initial, saved)
        self._episodes = [EpisodeBuilder(int(number)) for number in arrays["numbers"]]
        pasts = [arrays[f"actions/{index}"][1:] for index in range(self._envs.count)]
        longest = max(len(past) for past in pasts)
        seeds = [self._episode_seed(index) for index in range(self._envs.count)]
        observations = self._envs.reset_all(seeds)
        for index, episode in enumerate(self._episodes):
            episode.start(row(observations, index), self._spec.size)
        idle = np.zeros(self._spec.size, np.float32)
        for time in range(longest):
            places = [time - (longest - len(past)) for past in pasts]
            actions = np.stack([past[place] if place >= 0 else idle for past, place in zip(pasts, places, strict=True)])
            results = self._envs.step(native(self._spec, actions))
            for index, place in enumerate(places):
                if place >= 0:
                    self._append(index, actions, results)
                elif place == -1 or results.terminated[index] or results.truncated[index]:
                    self._episodes[index].start(self._envs.reset(index, seeds[index]), self._spec.size)

    def _step(self, actions: Actions) -> tuple[int, list[tuple[int, EpisodeBuilder]]]:
        results = self._envs.step(native(self._spec, actions))
        ended = []
        for index, episode in enumerate(self._episodes):
            self._append(index, actions, results)
            if results.terminated[index] or results.truncated[index]:
                ended.append((index, episode))
                self._begin_next(index)
        return int(results.steps.sum()), ended

    def _append(self, index: int, actions: Actions, results: StepResults) -> None:
        self._episodes[index].append(
            row(results.observations, index),
            actions[index],
            results.rewards[index],
            results.discounts[index],
            results.steps[index],
        )

    def _begin_next(self, index: int) -> None:
        self._episodes[index] = EpisodeBuilder(self._episodes[index].number + 1)
        self._episodes[index].start(self._envs.reset(index, self._episode_seed(index)), self._spec.size)
        leaves = {name: np.array(leaf) for name, leaf in flatten(self._state).items()}
        for name, leaf in flatten(self._initial).items():
            leaves[name][index] = leaf[index]
        self._state = unflatten(self._initial, leaves)

    def _episode_seed(self, index: int) -> int:
        return derive(self._seed, Stream.TRAIN, index, self._episodes[index].number)


def play(env: gymnasium.Env, policy: Policy, initial: PolicyState, spec: ActionSpec, seed: int) -> EpisodeBuilder:
    """Plays one whole episode in a separate environment."""
    episode = EpisodeBuilder(0)
    observation, _ = env.reset(seed=seed)
    episode.start(observation, spec.size)
    state = initial
    ended = False
    while not ended:
        actions, state = policy(stack([observation]), state)
        observation, reward, terminated, truncated, info = env.step(native(spec, actions)[0])
        episode.append(observation, actions[0], float(reward), info["discount"], info["steps"])
        ended = terminated or truncated
    return episode


def flatten(state: PolicyState, prefix: str = "") -> Arrays:
    """Flattens nested mappings of arrays; names are joined by slashes."""
    leaves: Arrays = {}
    for name, value in state.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{name}/")
        else:
            leaves[f"{prefix}{name}"] = np.asarray(value)
    return leaves


def unflatten(like: PolicyState, leaves: Mapping[str, NDArray], prefix: str = "") -> PolicyState:
    """Puts flat arrays into the nesting and types of another state.

    For types that numpy does not know, such as bfloat16, a file keeps only the bytes.
    """
    state: dict[str, Any] = {}
    for name, value in like.items():
        if isinstance(value, Mapping):
            state[name] = unflatten(value, leaves, f"{prefix}{name}/")
        else:
            leaf, dtype = leaves[f"{prefix}{name}"], np.asarray(value).dtype
            state[name] = leaf if leaf.dtype == dtype else leaf.view(dtype)
    return state
