"""Exploration: random changes to the behaviour's actions, so that the training data are diverse."""

import tensorflow as tf

from agents.agent import ActionSpec
from agents.randomness import Noise
from agents.settings import ExplorationSettings


class Exploration:
    """Adds Gaussian noise to actions, or replaces some by random ones; the amount can decrease by a schedule."""

    def __init__(self, settings: ExplorationSettings, action: ActionSpec):
        self._settings = settings
        self._action = action

    def amount(self, updates: tf.Tensor) -> tf.Tensor:
        """The amount in training after `updates` gradient steps: the noise's standard deviation, or epsilon."""
        settings = self._settings
        if settings.schedule == "constant":
            return tf.constant(settings.amount)
        passed = tf.cast(updates, tf.float32) / settings.duration
        if settings.schedule == "linear":
            return settings.amount + tf.minimum(passed, 1) * (settings.minimum - settings.amount)
        return tf.maximum(settings.amount * 0.5**passed, settings.minimum)

    def explore(self, action: tf.Tensor, noise: Noise, updates: tf.Tensor, training: bool) -> tf.Tensor:
        """The behaviour's actions (N, A) with exploration."""
        if not training and self._settings.evaluation == 0:
            return action
        amount = self.amount(updates) if training else tf.constant(self._settings.evaluation)
        if self._settings.kind == "gaussian":
            return tf.clip_by_value(action + amount * noise.normal("exploration", action.shape), -1, 1)
        replaced = noise.uniform("exploration", (action.shape[0], 1)) < amount
        return tf.where(replaced, self._random(noise, action.shape), action)

    def _random(self, noise: Noise, shape: tuple[int, int]) -> tf.Tensor:
        """Uniformly random actions."""
        if self._action.discrete:
            return tf.one_hot(tf.argmax(noise.uniform("random_action", shape), -1), self._action.size)
        return 2 * noise.uniform("random_action", shape) - 1
