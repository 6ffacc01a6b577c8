"""A3C (Mnih et al. 2016): a stochastic actor and a value on shared layers, which learn from what they just did.

The networks and defaults are those of the DeepMind Control Suite (Tassa et al. 2018, section 5), from state vectors.
Its workers learn asynchronously, each with weights that may be older than those that it changes. Here all environments
act with the same weights and one gradient step follows, so this is the synchronous form, A2C. Continuous actions are
the tanh of a Gaussian instead of a Gaussian, so that they stay in their range.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import keras
import tensorflow as tf

from agents import vectors
from agents.actor import make_actor
from agents.agent import AFTER, OUTCOMES, ActionSpec, Batch, ObservationSpec, PolicyState, Report
from agents.arithmetic import dense, products
from agents.distributions import OneHot, TanhNormal
from agents.experience import Metrics, follow, scalars
from agents.heads import MLP, ScalarHead
from agents.layers import LayerFactory
from agents.optimizers import RMSProp
from agents.policy_graph import PolicyGraph
from agents.randomness import Noise
from agents.settings import ActivationSettings, AgentSettings, BehaviorSettings
from agents.standardization import Standardizer
from agents.stateful import Stateful

ENTROPY_SAMPLES = MODE_SAMPLES = 100
# The actor is one layer on the shared ones. At first, most of its actions lie in the middle of the range.
ACTOR = BehaviorSettings(actor_layers=0, init_std=1.0)


class Unroll(NamedTuple):
    """What N environments did in K agent steps: float32, but for `ended`."""

    before: tf.Tensor  # state vectors (N, K, S) before each step
    after: tf.Tensor  # and after it
    action: tf.Tensor  # (N, K, A)
    reward: tf.Tensor  # (N, K)
    discount: tf.Tensor  # (N, K), 0 where the task terminated
    ended: tf.Tensor  # (N, K) bool, the step was its episode's last


class Networks(keras.layers.Layer):
    """Shared layers, actor and value."""

    def __init__(self, make: LayerFactory, inputs: int, units: list[int], action: ActionSpec):
        super().__init__(name="networks")
        *hidden, features = units
        self._activation = make.dense_activation
        self._torso = MLP(make, "torso", inputs, hidden, features)
        self._actor = make_actor(make, features, ACTOR, action)
        self._value = ScalarHead(make, "value", features, [])

    def __call__(self, state: tf.Tensor) -> tuple[TanhNormal | OneHot, tf.Tensor]:
        """Normalised states (..., S) to distributions of actions (..., A) and values (...)."""
        features = self._activation(self._torso.outputs(state))
        return self._actor.actions(features), self._value.predict(features)

    def draws(self, noise: Noise, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """The random draws from which actions (*shape, A) are sampled."""
        return self._actor.draws(noise, name, shape)


class A3C(Stateful):
    """One graph for a gradient step on an unroll of all environments, one for a policy step.

    Raises:
        ValueError: the observation is not a state vector.
    """

    def __init__(self, settings: AgentSettings, observations: ObservationSpec, action: ActionSpec, seed: int):
        super().__init__()
        for name, spec in observations.items():
            if len(observations) > 1 or not vectors.handles(spec):
                raise ValueError(f"a3c learns from a state vector, not from {name}, {spec}; set observation: state")
            self._observed, self._inputs = name, spec.shape[0]
        self._settings = settings.a3c
        self._action = action
        self._seed = seed
        self.length = self._settings.unroll
        make = LayerFactory(seed, activation=ActivationSettings(dense="relu"))
        self.networks = Networks(make, self._inputs, self._settings.units, action)
        self._standardizer = Standardizer("state", self._inputs)
        self._optimizer = RMSProp("networks", self.networks.trainable_variables, self._settings.epsilon)
        weights = {weight.path: weight.value for weight in self.networks.trainable_variables}
        self._variables = (
            {"updates": self._updates} | self._standardizer.statistics | self._optimizer.variables | weights
        )
        jit = settings.jit or None
        self._train_graph = tf.function(self._train, autograph=False, jit_compile=jit)
        self._policy_graph = PolicyGraph(self._policy, settings.jit)

    def initial_state(self, count: int) -> PolicyState:
        """An empty state: nothing is remembered."""
        return {}

    def prepare(self, episodes: Iterable[Batch]) -> None:
        """Measure the scale of the state vector."""
        self._standardizer.fit([episode[self._observed] for episode in episodes])
        self._policy_graph.weights_changed()

    def train(self, batch: Batch) -> dict[str, float]:
        """One gradient step on an unroll."""
        metrics = scalars(self._train_graph(self.unroll(batch)))
        self._policy_graph.weights_changed()
        return metrics

    def report(self, batch: Batch) -> Report:
        """An empty report: there is no model."""
        return Report()

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        """Parameters of the networks; FLOPs of a training step on so many environments and steps."""
        units, outputs = self._settings.units, self._action.size * (1 if self._action.discrete else 2)
        networks = {
            "torso": dense(self._inputs, *units),
            "actor": dense(units[-1], outputs),
            "value": dense(units[-1], 1),
        }
        forward = sum(products(layers) for layers in networks.values())
        # The states before each step: forward pass, and all gradients but that of the states; those after it: values.
        step = 3 * forward - networks["torso"][0].products + forward - networks["actor"][0].products
        parameters = {
            f"parameters/{name}": sum(layer.kernel + layer.biases for layer in layers)
            for name, layers in networks.items()
        }
        return parameters | {"flops/update": 2 * sequences * length * step}

    def unroll(self, batch: Batch) -> Unroll:
        """A batch as tensors."""
        names = (self._observed, AFTER + self._observed, *OUTCOMES)
        before, after, action, reward, discount = (tf.cast(batch[name], tf.float32) for name in names)
        return Unroll(before, after, action, reward, discount, tf.cast(batch["ended"], tf.bool))

    def _train(self, unroll: Unroll) -> Metrics:
        settings, noise = self._settings, Noise(self._seed, self._updates)
        before, after = (self._standardizer.normalize(x) for x in (unroll.before, unroll.after))
        count, length = unroll.reward.shape
        unroll = unroll._replace(reward=settings.reward_scale * unroll.reward)
        returns = unroll_returns(unroll, self.networks(after)[1], settings.discount)
        with follow({"networks": self.networks.trainable_variables}) as tape:
            actor, value = self.networks(before)
            advantage = tf.stop_gradient(returns - value)
            # Sums over the steps, as a worker of A3C adds them up, and means over the environments.
            losses = {
                "actor": -length * tf.reduce_mean(advantage * actor.log_prob(unroll.action)),
                "value": length * tf.reduce_mean(tf.math.squared_difference(returns, value)),
            }
            entropy = actor.entropy(self.networks.draws(noise, "entropy", (ENTROPY_SAMPLES, count, length)))
            bonus = length * tf.reduce_mean(entropy)
            loss = losses["actor"] + settings.value_scale * losses["value"] - settings.entropy_scale * bonus
        gradients = tape.gradient(loss, self._optimizer.weights)
        rate = self._rate()
        self._optimizer.apply(gradients, rate)
        self._updates.assign_add(1)
        return {
            **{f"loss/{name}": loss for name, loss in losses.items()},
            "gradient/networks": tf.linalg.global_norm(gradients),
            "behavior/entropy": tf.reduce_mean(entropy),
            "behavior/value": tf.reduce_mean(value),
            "behavior/return": tf.reduce_mean(returns),
            "optimizer/rate": rate,
        }

    def _policy(
        self, observations: Mapping[str, tf.Tensor], state: Mapping[str, tf.Tensor], acts: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, Mapping[str, tf.Tensor]]:
        observation = observations[self._observed]
        actor, _ = self.networks(self._standardizer.normalize(observation))
        noise, count = Noise(self._seed, acts), observation.shape[0]
        if training:
            return actor.sample(self.networks.draws(noise, "policy_action", (count,))), state
        return actor.mode(self.networks.draws(noise, "policy_mode", (MODE_SAMPLES, count))), state

    def _rate(self) -> tf.Tensor:
        """The learning rate of the next gradient step."""
        rate, duration = self._settings.rate, self._settings.anneal
        if duration == "never":
            return tf.constant(rate)
        return rate * tf.maximum(1 - tf.cast(self._updates, tf.float32) / duration, 0)


def unroll_returns(unroll: Unroll, value: tf.Tensor, discount: float) -> tf.Tensor:
    """The return (N, K) of each step to the end of its unroll or episode, and the value of the state reached there.

    R_t = r_t + gamma d_t R_(t+1), with v instead of R after the last step of the unroll or of an episode (Mnih et al.
    2016, algorithm S3). An episode that the time limit ended has a value after it; one that terminated has d = 0.

    Args:
        unroll: the steps.
        value: v (N, K) of the states after each step.
        discount: gamma.
    """
    following, returns = value[:, -1], []
    for step in reversed(range(value.shape[1])):
        following = tf.where(unroll.ended[:, step], value[:, step], following)
        following = unroll.reward[:, step] + discount * unroll.discount[:, step] * following
        returns.append(following)
    return tf.stack(returns[::-1], 1)
