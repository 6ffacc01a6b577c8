"""D4PG (Barth-Maron et al. 2018): a deterministic actor, trained by a critic that predicts the distribution of returns.

The networks and defaults are those of the DeepMind Control Suite (Tassa et al. 2018, section 5). Unlike there, one
learner samples the replay uniformly, without priorities, and alternates with its environments.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from agents import categorical_returns, vision
from agents.agent import ActionSpec, ArraySpec, Batch, ObservationSpec, PolicyState, Report
from agents.arithmetic import dense, products
from agents.experience import Experience, Metrics, experience, follow, scalars
from agents.exploration import Exploration
from agents.features import make_features
from agents.heads import MLP
from agents.image_shift import shift_randomly
from agents.layers import LayerFactory
from agents.model_free_settings import D4PGSettings
from agents.optimizers import Adam
from agents.policy_graph import PolicyGraph
from agents.randomness import Noise
from agents.returns import n_step_return
from agents.settings import ActivationSettings, AgentSettings
from agents.stateful import Stateful

SMALL = 3e-3  # bound of the actor's last weights, for actions near 0 at first (Lillicrap et al. 2016, section 7)


class Normalized(keras.layers.Layer):
    """A dense layer with layer normalisation and tanh, the first of actor and critic.

    It takes the place of DDPG's batch normalisation (Lillicrap et al. 2016, section 3), as in the encoder of images.
    """

    def __init__(self, make: LayerFactory, name: str, inputs: int, units: int):
        super().__init__(name=name)
        self._dense = make.dense(f"{name}_dense", inputs, units)
        self._norm = keras.layers.LayerNormalization(name=f"{name}_norm")
        self._norm.build((None, units))

    def outputs(self, x: tf.Tensor) -> tf.Tensor:
        """Inputs (N, I) to outputs (N, O) in (-1, 1)."""
        return tf.tanh(self._norm(self._dense(x)))


class Critic(keras.layers.Layer):
    """Logits of the return's distribution; the action enters at the second layer."""

    def __init__(self, make: LayerFactory, name: str, features: int, action_size: int, sizes: D4PGSettings):
        super().__init__(name=name)
        first, *others = sizes.critic_units
        self._first = Normalized(make, f"{name}_first", features, first)
        self._rest = MLP(make, f"{name}_rest", first + action_size, others, sizes.atoms)

    def logits(self, features: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
        """Features (N, F) and actions (N, A) to logits (N, K)."""
        return self._rest.outputs(tf.concat([self._first.outputs(features), action], -1))


class Actor(keras.layers.Layer):
    """One action for each state."""

    def __init__(self, make: LayerFactory, name: str, features: int, action_size: int, sizes: D4PGSettings):
        super().__init__(name=name)
        first, *others = sizes.actor_units
        self._first = Normalized(make, f"{name}_first", features, first)
        self._rest = MLP(make, f"{name}_rest", first, others, action_size, limit=SMALL)

    def actions(self, features: tf.Tensor) -> tf.Tensor:
        """Features (N, F) to actions (N, A) in (-1, 1)."""
        return tf.tanh(self._rest.outputs(self._first.outputs(features)))


class Networks(keras.layers.Layer):
    """Features, critic and actor; one set is trained, and an older copy, the target networks, gives the goals."""

    def __init__(self, make: LayerFactory, prefix: str, spec: ArraySpec, action_size: int, sizes: D4PGSettings):
        super().__init__(name=f"{prefix}networks")
        self.features = make_features(make, f"{prefix}encoder", spec, sizes.frames)
        self.critic = Critic(make, f"{prefix}critic", self.features.size, action_size, sizes)
        self.actor = Actor(make, f"{prefix}actor", self.features.size, action_size, sizes)

    @property
    def groups(self) -> dict[str, list[keras.Variable]]:
        """The weights by optimiser: the actor never trains the image encoder."""
        return {
            "critic": self.features.trainable_variables + self.critic.trainable_variables,
            "actor": self.actor.trainable_variables,
        }

    @property
    def values(self) -> list[tf.Variable]:
        """All weights, and the statistics of the features."""
        return [*(weight.value for weight in self.trainable_variables), *self.features.statistics.values()]


class Transitions(NamedTuple):
    """N transitions of several steps: newest observations before and after (N, frames, ...), and what lies between."""

    before: tf.Tensor
    action: tf.Tensor  # (N, A), the first
    reward: tf.Tensor  # (N), the discounted sum
    discount: tf.Tensor  # (N), of the value of `after`
    after: tf.Tensor


class D4PG(Stateful):
    """One graph for a gradient step of critic and actor, one for a policy step.

    Raises:
        ValueError: actions are discrete, or no network handles the observation.
    """

    def __init__(self, settings: AgentSettings, observations: ObservationSpec, action: ActionSpec, seed: int):
        super().__init__()
        if action.discrete:
            raise ValueError("agent: d4pg needs continuous actions; allowed: dreamer | a3c | random")
        if len(observations) > 1:
            raise ValueError(f"d4pg takes one observation, not {', '.join(observations)}")
        [(self._observed, self._spec)] = observations.items()
        self._settings = settings.d4pg
        self._action = action
        self._seed = seed
        make = LayerFactory(seed, activation=ActivationSettings(dense="relu"))
        self.networks = Networks(make, "", self._spec, action.size, self._settings)
        self.targets = Networks(make, "target_", self._spec, action.size, self._settings)
        self._copy()
        self._frames = self.networks.features.frames
        self.length = self._frames + self._settings.n_step
        self._exploration = Exploration(settings.exploration, action)
        self._atoms = categorical_returns.support(self._settings.lowest, self._settings.highest, self._settings.atoms)
        groups, rates = self.networks.groups, (self._settings.critic_rate, self._settings.actor_rate)
        self._optimizers = {
            name: Adam(name, weights, rate, epsilon=1e-8, clip=np.inf)
            for (name, weights), rate in zip(groups.items(), rates, strict=True)
        }
        self._variables = self._name_variables()
        jit = settings.jit or None
        self._train_graph = tf.function(self._train, autograph=False, jit_compile=jit)
        self._policy_graph = PolicyGraph(self._policy, settings.jit)

    def initial_state(self, count: int) -> PolicyState:
        """The images before the present one, which are not there yet."""
        past = np.zeros((count, self._frames - 1, *self._spec.shape), self._spec.dtype)
        return {"past": past, "fresh": np.ones(count, bool)}

    def prepare(self, episodes: Iterable[Batch]) -> None:
        """Measure the scale of a state vector."""
        self.networks.features.fit(episodes, self._observed)
        self._copy()
        self._policy_graph.weights_changed()

    def train(self, batch: Batch) -> dict[str, float]:
        """One gradient step of critic and actor on one transition of each sequence."""
        metrics = scalars(self._train_graph(experience(batch)))
        self._policy_graph.weights_changed()
        return metrics

    def report(self, batch: Batch) -> Report:
        """An empty report: there is no model."""
        return Report()

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        """Parameters of the trained networks; FLOPs of a training step on so many transitions."""
        sizes, seen, action = self._settings, self.networks.features, self._action.size
        first, *others = sizes.critic_units
        networks = {
            "encoder": seen.layers,
            "critic": [*dense(seen.size, first), *dense(first + action, *others, sizes.atoms)],
            "actor": dense(seen.size, *sizes.actor_units, action),
        }
        encoder, critic, actor = (products(layers) for layers in networks.values())
        # Forward passes of the targets, all networks trained, and the critic's slope for the actor. Constant inputs
        # need no gradient.
        given = (networks["encoder"] or networks["critic"])[0].products + networks["actor"][0].products
        trained = 3 * (encoder + critic + actor) - given
        per_transition = (encoder + critic + actor) + trained + 2 * critic
        parts = {"encoder": seen, "critic": self.networks.critic, "actor": self.networks.actor}
        counts = {
            name: sum(weight.value.shape.num_elements() for weight in part.weights) for name, part in parts.items()
        }
        parameters = {f"parameters/{name}": count for name, count in counts.items() if count}
        return parameters | {"flops/update": 2 * sequences * per_transition}

    def transitions(self, batch: Experience) -> Transitions:
        """One transition of each sequence (B, frames + n_step, ...): its first.

        A sequence that ends with a termination gives any of the transitions that end there, so that states close to a
        termination are learned, too: beyond it, their returns have no rewards.
        """
        frames, steps, count = self._frames, self._settings.n_step, batch.reward.shape[0]
        noise = Noise(self._seed, self._updates)
        draw = noise.uniform("transition", (count,))
        first = tf.where(batch.discount[:, -1] == 0, tf.cast(draw * steps, tf.int32), 0)
        times = tf.minimum(first[:, None] + tf.range(frames + steps), frames + steps - 1)
        seen, action, reward, discount = (
            tf.gather(part, times, batch_dims=1)
            for part in (batch.observations[self._observed], batch.action, batch.reward, batch.discount)
        )
        before, after = seen[:, :frames], seen[:, steps:]
        if self._settings.shift and vision.handles(self._spec):
            before, after = (
                shift_randomly(images, self._settings.shift, noise, name)
                for images, name in ((before, "shift_before"), (after, "shift_after"))
            )
        rewards, discounts = (tf.transpose(x[:, frames:]) for x in (reward, self._settings.discount * discount))
        return Transitions(
            before=before,
            action=action[:, frames],
            reward=n_step_return(rewards, discounts),
            discount=tf.reduce_prod(discounts, 0),
            after=after,
        )

    def _train(self, batch: Experience) -> Metrics:
        transitions, online, target = self.transitions(batch), self.networks, self.targets
        after = target.features.features(transitions.after)
        value = tf.nn.softmax(target.critic.logits(after, target.actor.actions(after)))
        goal = categorical_returns.project(value, transitions.reward, transitions.discount, self._atoms)
        with follow(online.groups) as tape:
            seen = online.features.features(transitions.before)
            logits = online.critic.logits(seen, transitions.action)
            loss = tf.reduce_mean(categorical_returns.cross_entropy(goal, logits))
            action = online.actor.actions(tf.stop_gradient(seen))
        with tf.GradientTape(watch_accessed_variables=False) as slope_tape:
            slope_tape.watch(action)
            values = categorical_returns.expectation(online.critic.logits(seen, action), self._atoms)
        # Clipped for each action, as in the suite's baseline; the actor's loss is minus the mean of the values.
        slope = tf.clip_by_value(slope_tape.gradient(values, action), -1, 1) / values.shape[0]
        gradients = {
            "critic": tape.gradient(loss, self._optimizers["critic"].weights),
            "actor": tape.gradient(action, self._optimizers["actor"].weights, output_gradients=-slope),
        }
        for name, group in gradients.items():
            self._optimizers[name].apply(group)
        explored = {"exploration/amount": self._exploration.amount(self._updates)}
        due = self._updates.assign_add(1) % self._settings.target_period == 0
        tf.cond(due, self._copy, lambda: None)
        norms = {f"gradient/{name}": tf.linalg.global_norm(group) for name, group in gradients.items()}
        return {"loss/critic": loss, "behavior/value": tf.reduce_mean(values)} | norms | explored

    def _policy(
        self, observations: Mapping[str, tf.Tensor], state: Mapping[str, tf.Tensor], acts: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        newest = observations[self._observed][:, None]
        fresh = tf.reshape(state["fresh"], (-1, *[1] * (newest.shape.rank - 1)))
        past = tf.where(fresh, tf.repeat(newest, self._frames - 1, 1), state["past"])
        seen = tf.concat([past, newest], 1)
        action = self.networks.actor.actions(self.networks.features.features(seen))
        action = self._exploration.explore(action, Noise(self._seed, acts), self._updates, training)
        return action, {"past": seen[:, 1:], "fresh": tf.zeros_like(state["fresh"])}

    def _copy(self) -> None:
        """Make the target networks equal to the trained ones."""
        for target, trained in zip(self.targets.values, self.networks.values, strict=True):
            target.assign(trained)

    def _name_variables(self) -> dict[str, tf.Variable]:
        named: dict[str, tf.Variable] = {"updates": self._updates}
        for networks in (self.networks, self.targets):
            named |= networks.features.statistics
        for optimizer in self._optimizers.values():
            named |= optimizer.variables
        weights = self.networks.trainable_variables + self.targets.trainable_variables
        return named | {weight.path: weight.value for weight in weights}
