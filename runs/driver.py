"""Acting: one agent in several environments, whose episodes are keyed by the run's seed and counters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.agent import ActionSpec, PolicyState
from envs.parallel import ParallelEnvs, StepResults
from runs.replay import Episode
from runs.seeds import Stream, derive, generator

Image = NDArray[np.uint8]
Images = NDArray[np.uint8]  # (N, H, W, 3)
Actions = NDArray[np.float32]  # (N, A)
Arrays = dict[str, NDArray]
Policy = Callable[[Images, PolicyState], tuple[Actions, PolicyState]]


@dataclass
class Trace:
    """An episode so far; record 0 is the reset's."""

    number: int
    images: list[Image] = field(default_factory=list)
    actions: list[NDArray[np.float32]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    discounts: list[float] = field(default_factory=list)
    steps: int = 0  # environment steps

    def start(self, image: Image, size: int) -> None:
        """Begins with the first image, an action of zeros, no reward and a discount of 1."""
        self.images, self.actions = [image], [np.zeros(size, np.float32)]
        self.rewards, self.discounts, self.steps = [0.0], [1.0], 0

    def append(self, image: Image, action: NDArray[np.float32], reward: float, discount: float, steps: int) -> None:
        """Adds a record, and the environment steps that it took."""
        self.images.append(image)
        self.actions.append(np.array(action, np.float32))
        self.rewards.append(float(reward))
        self.discounts.append(float(discount))
        self.steps += int(steps)

    @property
    def score(self) -> float:
        """The episode's return."""
        return float(sum(self.rewards))

    def episode(self) -> Episode:
        """The records as the replay stores them."""
        return {
            "image": np.stack(self.images),
            "action": np.stack(self.actions),
            "reward": np.array(self.rewards, np.float32),
            "discount": np.array(self.discounts, np.float32),
        }


class Driver:
    """Collects episodes for training.

    Episode `k` of environment `i` starts from the seed of (run's seed, train, i, k).
    """

    def __init__(self, envs: ParallelEnvs, spec: ActionSpec, seed: int, initial: PolicyState):
        """Takes environments; `initial` is the policy's state right after all of them were reset."""
        self._envs = envs
        self._spec = spec
        self._seed = seed
        self._initial = initial
        self._state = initial
        self._traces: list[Trace] = []

    def start(self) -> None:
        """Starts every environment's first episode."""
        self._traces = [Trace(0) for _ in range(self._envs.count)]
        seeds = [self._episode_seed(index) for index in range(self._envs.count)]
        for trace, image in zip(self._traces, self._envs.reset_all(seeds), strict=True):
            trace.start(image, self._spec.size)

    def random_step(self) -> tuple[int, list[tuple[int, Trace]]]:
        """Steps with random actions, keyed by environment, episode and place within it."""
        actions = [
            random_action(self._spec, generator(self._seed, Stream.PREFILL, index, trace.number, len(trace.actions)))
            for index, trace in enumerate(self._traces)
        ]
        return self._step(np.stack(actions))

    def policy_step(self, policy: Policy) -> tuple[int, list[tuple[int, Trace]]]:
        """Steps with a policy's actions.

        Returns:
            The environment steps taken by all environments together, and the episodes that ended with their
            environment's index; those environments have been reset.
        """
        images = np.stack([trace.images[-1] for trace in self._traces])
        actions, self._state = policy(images, self._state)
        return self._step(actions)

    def save(self) -> Arrays:
        """The policy's state, and what rebuilds each environment: its episode's number and actions so far."""
        arrays = {f"state/{name}": leaf for name, leaf in flatten(self._state).items()}
        arrays["numbers"] = np.array([trace.number for trace in self._traces], np.int64)
        for index, trace in enumerate(self._traces):
            arrays[f"actions/{index}"] = np.stack(trace.actions)
        return arrays

    def load(self, arrays: Mapping[str, NDArray]) -> None:
        """Goes back to where `save` was called, by taking the saved actions again.

        All environments step together, so the shorter episodes wait: they take actions of zeros, and are reset when
        only as many steps are left as they need.
        """
        saved = {name.removeprefix("state/"): leaf for name, leaf in arrays.items() if name.startswith("state/")}
        self._state = unflatten(self._initial, saved)
        self._traces = [Trace(int(number)) for number in arrays["numbers"]]
        pasts = [arrays[f"actions/{index}"][1:] for index in range(self._envs.count)]
        longest = max(len(past) for past in pasts)
        seeds = [self._episode_seed(index) for index in range(self._envs.count)]
        for trace, image in zip(self._traces, self._envs.reset_all(seeds), strict=True):
            trace.start(image, self._spec.size)
        idle = np.zeros(self._spec.size, np.float32)
        for time in range(longest):
            places = [time - (longest - len(past)) for past in pasts]
            actions = np.stack([past[place] if place >= 0 else idle for past, place in zip(pasts, places, strict=True)])
            results = self._envs.step(native(self._spec, actions))
            for index, place in enumerate(places):
                if place >= 0:
                    self._append(index, actions, results)
                elif place == -1 or results.terminated[index] or results.truncated[index]:
                    self._traces[index].start(self._envs.reset(index, seeds[index]), self._spec.size)

    def _step(self, actions: Actions) -> tuple[int, list[tuple[int, Trace]]]:
        results = self._envs.step(native(self._spec, actions))
        ended = []
        for index, trace in enumerate(self._traces):
            self._append(index, actions, results)
            if results.terminated[index] or results.truncated[index]:
                ended.append((index, trace))
                self._begin_next(index)
        return int(results.steps.sum()), ended

    def _append(self, index: int, actions: Actions, results: StepResults) -> None:
        self._traces[index].append(
            results.images[index],
            actions[index],
            results.rewards[index],
            results.discounts[index],
            results.steps[index],
        )

    def _begin_next(self, index: int) -> None:
        self._traces[index] = Trace(self._traces[index].number + 1)
        self._traces[index].start(self._envs.reset(index, self._episode_seed(index)), self._spec.size)
        leaves = {name: np.array(leaf) for name, leaf in flatten(self._state).items()}
        for name, leaf in flatten(self._initial).items():
            leaves[name][index] = leaf[index]
        self._state = unflatten(self._initial, leaves)

    def _episode_seed(self, index: int) -> int:
        return derive(self._seed, Stream.TRAIN, index, self._traces[index].number)


def play(env: gymnasium.Env, policy: Policy, initial: PolicyState, spec: ActionSpec, seed: int) -> Trace:
    """Plays one whole episode in an environment of its own."""
    trace = Trace(0)
    image, _ = env.reset(seed=seed)
    trace.start(image, spec.size)
    state = initial
    ended = False
    while not ended:
        actions, state = policy(trace.images[-1][None], state)
        image, reward, terminated, truncated, info = env.step(native(spec, actions)[0])
        trace.append(image, actions[0], float(reward), info["discount"], info["steps"])
        ended = terminated or truncated
    return trace


def action_spec(space: gymnasium.Space) -> ActionSpec:
    """What an agent has to know of an environment's actions."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return ActionSpec(int(space.n), discrete=True)
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return ActionSpec(space.shape[0])
    raise ValueError(f"actions must be a vector or a choice, not {space}")


def native(spec: ActionSpec, actions: Actions) -> NDArray:
    """Agents' actions as environments take them: numbers of choices instead of their one-hot vectors."""
    return np.argmax(actions, -1) if spec.discrete else actions


def random_action(spec: ActionSpec, rng: np.random.Generator) -> NDArray[np.float32]:
    """A uniformly random action."""
    if spec.discrete:
        return np.eye(spec.size, dtype=np.float32)[rng.integers(spec.size)]
    return rng.uniform(-1.0, 1.0, spec.size).astype(np.float32)


def flatten(state: PolicyState, prefix: str = "") -> Arrays:
    """Nested mappings of arrays as one flat one, with slashes in its names."""
    leaves: Arrays = {}
    for name, value in state.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{name}/")
        else:
            leaves[f"{prefix}{name}"] = np.asarray(value)
    return leaves


def unflatten(like: PolicyState, leaves: Mapping[str, NDArray], prefix: str = "") -> PolicyState:
    """Puts flat arrays into the nesting and types of another state.

    A file keeps only the bytes of types that numpy does not know, such as bfloat16.
    """
    state: dict[str, Any] = {}
    for name, value in like.items():
        if isinstance(value, Mapping):
            state[name] = unflatten(value, leaves, f"{prefix}{name}/")
        else:
            leaf, dtype = leaves[f"{prefix}{name}"], np.asarray(value).dtype
            state[name] = leaf if leaf.dtype == dtype else leaf.view(dtype)
    return state
