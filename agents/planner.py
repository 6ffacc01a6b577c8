"""PlaNet's behaviour (Hafner et al. 2018): no actor and no value model; it plans again at each step."""

import keras
import tensorflow as tf

from agents.distributions import Gaussian
from agents.experience import Losses, Metrics
from agents.randomness import Noise
from agents.rssm import State
from agents.settings import BehaviorSettings
from agents.world_model import WorldModel

MIN_VARIANCE = 1e-6  # added when a plan is refit, as in PlaNet's code


class Planner:
    """Searches for the action sequence of the highest reward by the cross-entropy method, and takes its first action.

    The plan is a Gaussian over the actions at each step of the horizon, initially of mean 0 and standard deviation 1.
    Each iteration samples candidates from it, clips them to [-1, 1], predicts their rewards by imagination, and refits
    it to the best ones.
    """

    def __init__(self, settings: BehaviorSettings, action_size: int):
        self._settings = settings
        self._action_size = action_size

    @property
    def groups(self) -> dict[str, list[keras.Variable]]:
        """No weights: only the world model learns."""
        return {}

    @property
    def averages(self) -> list[keras.Variable]:
        """No weights."""
        return []

    def average(self) -> None:
        """Does nothing."""

    def act(self, model: WorldModel, state: State, noise: Noise, training: bool) -> tf.Tensor:
        """Actions (N, A) for states (N, ...): the mean first action of each plan, in training and evaluation alike."""
        return self.plan(model, state, noise).mean[:, 0]

    def losses(self, model: WorldModel, start: State, noise: Noise) -> tuple[Losses, Metrics]:
        """No losses, no metrics."""
        return {}, {}

    def plan(self, model: WorldModel, state: State, noise: Noise) -> Gaussian:
        """The Gaussian over actions (N, H, A) from states (N, ...), after the last iteration."""
        settings, (count, stoch) = self._settings, state.stoch.shape
        shape = (settings.iterations, count, settings.candidates, settings.horizon)
        action_noise = noise.normal("plan_action", (*shape, self._action_size))
        state_noise = noise.normal("plan_state", (*shape, stoch))
        fresh = (count, settings.horizon, self._action_size)

        def improve(plan: Gaussian, draws: tuple[tf.Tensor, tf.Tensor]) -> Gaussian:
            for_actions, for_states = draws
            candidates = tf.clip_by_value(plan.map(lambda x: x[:, None]).sample(for_actions), -1, 1)
            return refit(candidates, predicted_reward(model, state, candidates, for_states), settings.top)

        return tf.foldl(improve, (action_noise, state_noise), Gaussian(tf.zeros(fresh), tf.ones(fresh)))


def predicted_reward(model: WorldModel, state: State, actions: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """The sum (N, J) of predicted rewards of J candidates for each of N states.

    Args:
        model: the world model, which predicts states and rewards.
        state: the present state of each environment (N, ...).
        actions: candidates (N, J, H, A).
        noise: standard normal draws (N, J, H, S), one path for each candidate.
    """
    start = state.map(lambda x: tf.repeat(x, actions.shape[1], 0))
    states = model.rssm.imagine(start, *(tf.reshape(x, (-1, *x.shape[2:])) for x in (actions, noise)))
    rewards = tf.reduce_sum(model.reward.predict(states.features), -1)
    return tf.reshape(rewards, actions.shape[:2])


def refit(candidates: tf.Tensor, scores: tf.Tensor, top: int) -> Gaussian:
    """The Gaussian (N, ...) fitted to the `top` best of J candidates (N, J, ...) by their scores (N, J)."""
    best = tf.gather(candidates, tf.math.top_k(scores, top).indices, batch_dims=1)
    mean, variance = tf.nn.moments(best, 1)
    return Gaussian(mean, tf.sqrt(variance + MIN_VARIANCE))
