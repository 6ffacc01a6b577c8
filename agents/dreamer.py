"""Dreamer (Hafner et al. 2019): learns a world model from images and a behaviour inside it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agents.agent import ActionSpec, Arrays, Batch, PolicyState, Report
from agents.behavior import Behavior, starts
from agents.layers import LayerFactory
from agents.optimizers import Adam, LossScale
from agents.randomness import Noise
from agents.rssm import State
from agents.settings import AgentSettings
from agents.vision import IMAGE_SHAPE, normalize
from agents.world_model import Experience, Losses, Metrics, WorldModel

MODE_SAMPLES = 100
# An open-loop video shows this many sequences, of which the model sees the first steps.
VIDEO_SEQUENCES = 6
VIDEO_CONTEXT = 5


class Dreamer:
    """World model, actor and value with their optimisers; one graph a training step, one a policy step.

    Raises:
        ValueError: images of another shape than 64x64x3, or discrete actions.
    """

    def __init__(self, settings: AgentSettings, image_shape: tuple[int, int, int], action: ActionSpec, seed: int):
        if tuple(image_shape) != IMAGE_SHAPE:
            raise ValueError(f"Dreamer sees images of shape {IMAGE_SHAPE}, not {tuple(image_shape)}")
        if action.discrete:
            raise ValueError("Dreamer acts on continuous actions only; discrete actions are not supported yet")
        self._settings = settings
        self._action_size = action.size
        self._seed = seed
        make = LayerFactory(seed, settings.precision)
        self.model = WorldModel(make, settings, action.size)
        self.behavior = Behavior(make, settings.behavior, self.model.rssm.feature_size, action.size)
        self._loss_scale = LossScale(settings.precision == "mixed_float16")
        self._optimizers = self._make_optimizers()
        # What the keys of random numbers count by.
        self._updates = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._acts = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._variables = self._name_variables()
        jit = settings.jit or None
        self._train_graph = tf.function(self._train, autograph=False, jit_compile=jit)
        self._report_graph = tf.function(self._report, autograph=False, jit_compile=jit)
        self._policy_graph = tf.function(self._policy, autograph=False, jit_compile=jit)

    def initial_state(self, count: int) -> PolicyState:
        """The state of `count` environments that have just been reset: zeros, and no action before."""
        deter, stoch = (part.numpy() for part in self.model.rssm.initial(count))
        return {"deter": deter, "stoch": stoch, "action": np.zeros((count, self._action_size), np.float32)}

    def policy(
        self, images: NDArray[np.uint8], state: PolicyState, training: bool
    ) -> tuple[NDArray[np.float32], PolicyState]:
        """Act on images (N, 64, 64, 3); returns actions (N, A) and the next state. Training adds exploration."""
        tensors = {name: tf.convert_to_tensor(part) for name, part in state.items()}
        action, state = self._policy_graph(tf.convert_to_tensor(images), tensors, training)
        return action.numpy(), {name: part.numpy() for name, part in state.items()}

    def train(self, batch: Batch) -> dict[str, float]:
        """One gradient step of every optimiser."""
        return scalars(self._train_graph(experience(batch)))

    def report(self, batch: Batch) -> Report:
        """Show what the model makes of a batch after five steps of context, or all but one of fewer; changes nothing.

        Raises:
            ValueError: the sequences are single steps, which leave nothing to predict.
        """
        if batch["reward"].shape[1] < 2:
            raise ValueError("a report needs sequences of at least 2 steps: one to see, and one to predict")
        video, metrics = self._report_graph(experience(batch))
        return Report(scalars(metrics), {"openloop": video.numpy()})

    def save(self) -> Arrays:
        """Everything that `load` needs to go on bit for bit."""
        return {name: np.asarray(variable.numpy()) for name, variable in self._variables.items()}

    def load(self, arrays: Arrays) -> None:
        """Take over what `save` gave.

        Raises:
            ValueError: an array is missing, unknown or of another shape, with its name.
        """
        for name in sorted(set(self._variables) ^ set(arrays)):
            raise ValueError(f"{name}: {'missing' if name in self._variables else 'unknown'} in the saved agent")
        for name, variable in self._variables.items():
            if arrays[name].shape != variable.shape:
                raise ValueError(f"{name}: saved with shape {arrays[name].shape}, expected {tuple(variable.shape)}")
        for name, variable in self._variables.items():
            variable.assign(arrays[name])

    def parameters(self) -> dict[str, int]:
        """The number of weights that each optimiser trains."""
        return {name: sum(int(np.prod(w.shape)) for w in opt.weights) for name, opt in self._optimizers.items()}

    def _train(self, batch: Experience) -> Metrics:
        noise = Noise(self._seed, self._updates)
        gradients: dict[str, list[tf.Tensor]] = {}

        def differentiate(tape: tf.GradientTape, losses: Losses) -> None:
            for name, loss in losses.items():
                weights = self._optimizers[name].weights
                gradients[name] = tape.gradient(loss, weights, output_gradients=self._loss_scale.value)

        # Each tape follows only the weights that its losses train: all else is constant to them.
        with follow(self.model.groups) as tape:
            losses, state, metrics = self.model.losses(batch, noise)
        differentiate(tape, losses)
        start = starts(state, skip_last=self._settings.continuation.predict)
        with follow(self.behavior.groups) as tape:
            losses, behavior_metrics = self.behavior.losses(self.model, start, noise)
        differentiate(tape, losses)
        return metrics | behavior_metrics | self._step(gradients)

    def _step(self, gradients: Mapping[str, list[tf.Tensor]]) -> Metrics:
        """Apply all groups' gradients, or none if one is not finite while losses are scaled."""
        clipped, metrics = {}, {}
        for name, group in gradients.items():
            clipped[name], metrics[f"gradient/{name}"] = self._optimizers[name].clip(self._loss_scale.unscale(group))

        def apply() -> tf.Tensor:
            for name, group in clipped.items():
                self._optimizers[name].apply(group)
            return tf.constant(True)

        if self._loss_scale.enabled:
            metrics["optimizer/loss_scale"] = self._loss_scale.value.read_value()
            finite = tf.reduce_all(tf.math.is_finite(tf.stack([metrics[f"gradient/{name}"] for name in gradients])))
            tf.cond(finite, apply, lambda: tf.constant(False))
            self._loss_scale.update(finite)
        else:
            apply()
        self._updates.assign_add(1)
        return metrics

    def _policy(
        self, images: tf.Tensor, state: Mapping[str, tf.Tensor], training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        noise = Noise(self._seed, self._acts)
        count, rssm = images.shape[0], self.model.rssm
        embedding = self.model.encoder.encode(normalize(images))
        latent, _ = rssm.observe(
            State(state["deter"], state["stoch"]),
            embedding[:, None],
            state["action"][:, None],
            noise.normal("policy_state", (count, 1, rssm.stoch_size)),
        )
        latent = latent.map(lambda x: x[:, 0])
        choice = self.behavior.actor.actions(latent.features)
        shape = (count, self._action_size)
        if training:
            action = choice.sample(noise.normal("policy_action", shape))
            action += self._settings.exploration.noise * noise.normal("exploration", shape)
            action = tf.clip_by_value(action, -1, 1)
        else:
            action = choice.mode(noise.normal("policy_mode", (MODE_SAMPLES, *shape)))
        self._acts.assign_add(1)
        return action, {**latent._asdict(), "action": action}

    def _report(self, batch: Experience) -> tuple[tf.Tensor, Metrics]:
        noise = Noise(self._seed, self._updates)
        batch = Experience(*(x[:VIDEO_SEQUENCES] for x in batch))
        count, length = batch.reward.shape
        context = min(VIDEO_CONTEXT, length - 1)
        seen = self.model.observe(Experience(*(x[:, :context] for x in batch)), noise)
        draws = noise.normal("report", (count, length - context, self.model.rssm.stoch_size))
        ahead = self.model.rssm.imagine(seen.map(lambda x: x[:, -1]), batch.action[:, context:], draws)
        features = tf.concat([seen.features, ahead.features], 1)
        truth, model = normalize(batch.image), self.model.decoder.decode(features)
        error = model - truth
        reward_error = self.model.reward.predict(features) - self.model.reward_target(batch.reward)
        metrics = {
            "openloop/image_error": tf.reduce_mean(tf.square(error[:, context:])),
            "openloop/reward_error": tf.reduce_mean(tf.square(reward_error[:, context:])),
        }
        video = tf.concat([truth + 0.5, model + 0.5, 0.5 * (error + 1)], 2)  # (B, L, 3 * 64, 64, 3)
        video = tf.concat(tf.unstack(video), 2)
        return tf.cast(tf.round(255 * tf.clip_by_value(video, 0, 1)), tf.uint8), metrics

    def _make_optimizers(self) -> dict[str, Adam]:
        settings = self._settings.optimizer
        rates = {
            "model": settings.model_rate,
            "decoder": settings.model_rate,
            "actor": settings.actor_rate,
            "value": settings.value_rate,
        }
        groups = self.model.groups | self.behavior.groups
        return {
            name: Adam(name, weights, rates[name], settings.epsilon, settings.clip) for name, weights in groups.items()
        }

    def _name_variables(self) -> dict[str, tf.Variable]:
        variables = {"updates": self._updates, "acts": self._acts, **self._loss_scale.variables}
        for optimizer in self._optimizers.values():
            variables |= optimizer.variables
        for weights in (self.model.groups | self.behavior.groups).values():
            variables |= {weight.path: weight.value for weight in weights}
        return variables


def experience(batch: Mapping[str, Any]) -> Experience:
    """A batch of replay as tensors."""
    image = tf.convert_to_tensor(batch["image"])
    others = (tf.cast(batch[name], tf.float32) for name in ("action", "reward", "discount"))
    return Experience(image, *others)


@contextmanager
def follow(groups: Mapping[str, list[keras.Variable]]) -> Iterator[tf.GradientTape]:
    """A tape for the gradients of several losses, over these weights only."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch([weight.value for weights in groups.values() for weight in weights])
        yield tape


def scalars(metrics: Metrics) -> dict[str, float]:
    """Metrics of a graph as Python numbers."""
    return {name: float(value) for name, value in metrics.items()}
