"""Actor and value model, trained on trajectories that the world model imagines."""

import keras
import tensorflow as tf

from agents.actor import make_actor
from agents.agent import ActionSpec
from agents.distributions import OneHot, TanhNormal, unit_normal_log_prob
from agents.experience import Losses, Metrics
from agents.heads import ScalarHead
from agents.layers import LayerFactory, flatten_leading
from agents.randomness import Noise
from agents.returns import lambda_return, reward_sum, trajectory_weights
from agents.rssm import State
from agents.settings import BehaviorSettings
from agents.world_model import WorldModel

ENTROPY_SAMPLES = 100
MODE_SAMPLES = 100


class ActorCritic:
    """Trains the actor by gradients through imagined states, rewards and values."""

    def __init__(self, make: LayerFactory, settings: BehaviorSettings, features: int, action: ActionSpec):
        self._settings = settings
        self.actor = make_actor(make, features, settings, action)
        self.value: ScalarHead | None = None
        self.target: ScalarHead | None = None  # the value with averaged weights
        if settings.value == "critic":
            units = [settings.value_units] * settings.value_layers
            self.value = ScalarHead(make, "value", features, units)
            if settings.target_rate < 1:
                self.target = ScalarHead(make, "target", features, units)
                for average, weight in self._averages:
                    average.assign(weight.value)

    @property
    def groups(self) -> dict[str, list[keras.Variable]]:
        """The weights that each loss trains."""
        networks = {"actor": self.actor, "value": self.value}
        return {name: network.trainable_variables for name, network in networks.items() if network is not None}

    @property
    def averages(self) -> list[keras.Variable]:
        """The weights that no loss trains: moving averages of the value's, of the same shapes."""
        return [average for average, _ in self._averages]

    def average(self) -> None:
        """Move the averages towards the value's weights w, after a gradient step: w' += rate (w - w').

        This is the target network of DDPG (Lillicrap et al. 2016, algorithm 1).
        """
        for average, weight in self._averages:
            average.value.assign_add(self._settings.target_rate * (weight.value - average.value))

    def act(self, model: WorldModel, state: State, noise: Noise, training: bool) -> tf.Tensor:
        """Actions (N, A) for states (N, ...): samples in training, the mode in evaluation."""
        choice, count = self.actor.actions(state.features), state.deter.shape[0]
        if training:
            return choice.sample(self.actor.draws(noise, "policy_action", (count,)))
        return choice.mode(self.actor.draws(noise, "policy_mode", (MODE_SAMPLES, count)))

    def losses(self, model: WorldModel, start: State, noise: Noise) -> tuple[Losses, Metrics]:
        """Imagine from states (N, ...); returns scalar losses by group of weights, and metrics.

        With an entropy scale, the actor's loss also has -scale E H(a | s), over the start states s.
        """
        states, first = self.imagine(model, start, noise)
        features = tf.stack([state.features for state in states])  # (H, N, F)
        reward = model.reward.predict(features)
        count = start.deter.shape[0]
        entropy = first.entropy(self.actor.draws(noise, "entropy", (ENTROPY_SAMPLES, count)))
        metrics = {"behavior/reward": tf.reduce_mean(reward), "behavior/entropy": tf.reduce_mean(entropy)}
        if self.value is None:
            discount = model.discount(features) if self._settings.discount_imagined else tf.ones_like(reward)
            returns = reward_sum(reward, discount)
            losses = {"actor": -tf.reduce_mean(returns)}
        else:
            value = self.value.predict(features)
            target = value if self.target is None else self.target.predict(features)
            discount = model.discount(features)
            bootstrap = target[-1] if self._settings.bootstrap == "last" else target[-2]
            returns = lambda_return(reward[:-1], target[:-1], discount[:-1], bootstrap, self._settings.lambda_)
            weights = tf.stop_gradient(trajectory_weights(discount[:-1]))
            losses = {
                "actor": -tf.reduce_mean(weights * returns),
                # The features need no stop_gradient: of this loss, only gradients of the value's weights are taken.
                "value": -tf.reduce_mean(weights * unit_normal_log_prob(value[:-1], tf.stop_gradient(returns))),
            }
            metrics["behavior/value"] = tf.reduce_mean(value)
        if self._settings.entropy_scale:
            losses["actor"] -= self._settings.entropy_scale * metrics["behavior/entropy"]
        metrics["behavior/return"] = tf.reduce_mean(returns)
        return losses, metrics | {f"loss/{name}": loss for name, loss in losses.items()}

    def imagine(self, model: WorldModel, start: State, noise: Noise) -> tuple[list[State], TanhNormal | OneHot]:
        """The states (N, ...) of `horizon` imagined steps from `start`, and the actor's distribution at the start."""
        horizon, count = self._settings.horizon, start.deter.shape[0]
        action_draws = self.actor.draws(noise, "imagined_action", (horizon, count))
        state_noise = noise.normal("imagined_state", (horizon, count, model.rssm.stoch_size))
        states, choices, state = [], [], start
        for draw, state_draw in zip(tf.unstack(action_draws), tf.unstack(state_noise), strict=True):
            # The actor learns from the effects of its actions on later states, not through its input features.
            choices.append(self.actor.actions(tf.stop_gradient(state.features)))
            state = model.rssm.img_step(state, choices[-1].sample(draw), state_draw)
            states.append(state)
        return states, choices[0]

    @property
    def _averages(self) -> list[tuple[keras.Variable, keras.Variable]]:
        """Each moving average with the weight that it follows."""
        if self.value is None or self.target is None:
            return []
        return list(zip(self.target.trainable_variables, self.value.trainable_variables, strict=True))


def starts(state: State, skip_last: bool, every: int = 1) -> State:
    """The start states of imagination (N, ...), without gradient.

    Args:
        state: posterior states of a batch (B, L, ...).
        skip_last: leave out each sequence's last state, which may be terminal when discounts are learned.
        every: distance k of the starts: of the states that are left, the last one and every k-th before it. So a
            sequence of any length has a start, and its first states, which have seen least, are left out first.
    """
    chosen = state.map(lambda x: x[:, :-1]) if skip_last else state
    if every > 1:
        first = (chosen.deter.shape[1] - 1) % every
        chosen = chosen.map(lambda x: x[:, first::every])
    return chosen.map(lambda x: tf.stop_gradient(flatten_leading(x)))
