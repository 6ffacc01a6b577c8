"""Dreamer (Hafner et al. 2019): learns a world model from observations, and a behaviour inside that model."""

from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from agents import cost
from agents.agent import (
    CONTEXT,
    IMAGE,
    ActionSpec,
    Batch,
    ObservationSpec,
    PolicyState,
    Report,
)
from agents.behavior import ActorCritic, starts
from agents.experience import Experience, Losses, Metrics, experience, follow, scalars
from agents.exploration import Exploration
from agents.layers import LayerFactory
from agents.open_loop import Foresight, film, foresee
from agents.optimizers import LossScale, make_optimizers
from agents.planner import Planner
from agents.policy_graph import PolicyGraph
from agents.randomness import Noise
from agents.rssm import State
from agents.settings import AgentSettings
from agents.stateful import Stateful
from agents.world_model import WorldModel

# Sequences in one call of the report's graph, and how many of them its video shows.
REPORTED, FILMED = 10, 6
PART = 2**40  # more than any number of updates, so that the parts of a report draw different noise


class Dreamer(Stateful):
    """World model and behaviour with their optimisers; one graph for a training step, one for a policy step.

    Raises:
        ValueError: no network handles the observations, the settings do not allow discrete actions, or no weight
            matches the pattern of weight decay.
    """

    length = None  # any sequence can be learned from

    def __init__(self, settings: AgentSettings, observations: ObservationSpec, action: ActionSpec, seed: int):
        super().__init__()
        for key, reason in settings.continuous_only.items() if action.discrete else ():
            raise ValueError(f"{key}: {reason}")
        self._settings = settings
        self._observations = observations
        self._action = action
        self._seed = seed
        make = LayerFactory(seed, settings.precision, settings.activation)
        self.model = WorldModel(make, settings, observations, action.size)
        self.behavior: ActorCritic | Planner
        if settings.behavior.kind == "planner":
            self.behavior = Planner(settings.behavior, action.size)
        else:
            self.behavior = ActorCritic(make, settings.behavior, self.model.rssm.feature_size, action)
        self._exploration = Exploration(settings.exploration, action)
        self._loss_scale = LossScale(settings.precision == "mixed_float16")
        self._optimizers = make_optimizers(self.model.groups | self.behavior.groups, settings.optimizer)
        self._variables = self._name_variables()
        jit = settings.jit or None
        self._train_graph = tf.function(self._train, autograph=False, jit_compile=jit)
        self._report_graph = tf.function(self._report, autograph=False, jit_compile=jit)
        self._film_graph = tf.function(self._film, autograph=False, jit_compile=jit)
        self._policy_graph = PolicyGraph(self._policy, settings.jit, settings.precision)

    def initial_state(self, count: int) -> PolicyState:
        """The state of `count` environments that have just been reset: zeros, the previous action included."""
        deter, stoch = (part.numpy() for part in self.model.rssm.initial(count))
        return {"deter": deter, "stoch": stoch, "action": np.zeros((count, self._action.size), np.float32)}

    def prepare(self, episodes: Iterable[Batch]) -> None:
        """Measure the scale of the observations whose scale is not known."""
        self.model.encoder.fit(episodes)
        self._policy_graph.weights_changed()

    def train(self, batch: Batch) -> dict[str, float]:
        """One gradient step of every optimiser."""
        metrics = scalars(self._train_graph(experience(batch)))
        self._policy_graph.weights_changed()
        return metrics

    def report(self, batch: Batch) -> Report:
        """Predict a batch open-loop and measure the error (`agents.open_loop`); changes nothing.

        Raises:
            ValueError: the sequences do not exceed the context, so there is nothing to predict.
        """
        count, length = batch["reward"].shape
        if length <= CONTEXT:
            raise ValueError(f"a report needs sequences of more than {CONTEXT} steps, the context; these have {length}")
        parts, videos = [], {}
        for number, first in enumerate(range(0, count, REPORTED)):
            # Copies of the last sequence fill up the last part, so that one graph serves any count.
            rows = np.minimum(np.arange(first, first + REPORTED), count - 1)
            part = experience({name: np.asarray(array)[rows] for name, array in batch.items()})
            foresight = self._report_graph(part, tf.constant(number, tf.int64))
            if number == 0 and IMAGE in part.observations:
                images = part.observations[IMAGE][:FILMED]
                video = self._film_graph(images, foresight.states.map(lambda x: x[:FILMED])).numpy()
                videos["openloop"] = video[:, :, : min(count, FILMED) * images.shape[-2]]
            parts.append((foresight.errors, foresight.predictions))
        errors, predictions = tf.nest.map_structure(lambda *arrays: np.concatenate(arrays)[:count], *parts)
        metrics = {f"model_error/{name}": float(error.mean()) for name, error in errors.items()}
        return Report({**metrics, "model_error/sequences": count}, videos, predictions)

    def cost(self, sequences: int, length: int) -> dict[str, int]:
        """Parameters of the world model, its transition and the behaviour; FLOPs of a training step on such a batch."""
        model = cost.world_model(self._settings, self._observations, self._action.size)
        networks = {"world_model": model, "transition": {"transition": model["transition"]}}
        for name, layers in cost.behavior(self._settings, self._action).items():
            networks[name] = {name: layers}
        weights = {f"parameters/{name}": cost.parameters(parts) for name, parts in networks.items()}
        flops = cost.step_flops(self._settings, self._observations, self._action, sequences, length)
        return weights | {"flops/update": flops}

    def _train(self, batch: Experience) -> Metrics:
        noise = Noise(self._seed, self._updates)
        gradients: dict[str, list[tf.Tensor]] = {}

        def differentiate(tape: tf.GradientTape, losses: Losses) -> None:
            for name, loss in losses.items():
                weights = self._optimizers[name].weights
                gradients[name] = tape.gradient(loss, weights, output_gradients=self._loss_scale.value)

        # Each tape watches only the weights that its losses train; everything else is constant to these losses.
        with follow(self.model.groups) as tape:
            losses, state, metrics = self.model.losses(batch, noise)
        differentiate(tape, losses)
        settings = self._settings
        start = starts(state, settings.continuation.predict, settings.behavior.start_every)
        with follow(self.behavior.groups) as tape:
            losses, behavior_metrics = self.behavior.losses(self.model, start, noise)
        differentiate(tape, losses)
        explored = {"exploration/amount": self._exploration.amount(self._updates)}
        return metrics | behavior_metrics | explored | self._step(gradients)

    def _step(self, gradients: Mapping[str, list[tf.Tensor]]) -> Metrics:
        """Apply the gradients of all groups; with loss scaling, apply none if any is not finite."""
        clipped, metrics = {}, {}
        for name, group in gradients.items():
            clipped[name], metrics[f"gradient/{name}"] = self._optimizers[name].clip(self._loss_scale.unscale(group))

        def apply() -> tf.Tensor:
            for name, group in clipped.items():
                self._optimizers[name].apply(group)
            self.behavior.average()
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
        self, observations: Mapping[str, tf.Tensor], state: Mapping[str, tf.Tensor], acts: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        noise = Noise(self._seed, acts)
        embedding, rssm = self.model.embed(observations), self.model.rssm
        count = embedding.shape[0]
        latent, _ = rssm.observe(
            State(state["deter"], state["stoch"]),
            embedding[:, None],
            state["action"][:, None],
            noise.normal("policy_state", (count, 1, rssm.stoch_size)),
        )
        latent = latent.map(lambda x: x[:, 0])
        action = self.behavior.act(self.model, latent, noise, training)
        action = self._exploration.explore(action, noise, self._updates, training)
        return action, {**latent._asdict(), "action": action}

    def _report(self, batch: Experience, part: tf.Tensor) -> Foresight:
        return foresee(self.model, batch, Noise(self._seed, self._updates + part * PART))

    def _film(self, images: tf.Tensor, states: State) -> tf.Tensor:
        return film(self.model, images, states)

    def _name_variables(self) -> dict[str, tf.Variable]:
        named = {"updates": self._updates, **self._loss_scale.variables}
        named |= self.model.encoder.statistics
        for optimizer in self._optimizers.values():
            named |= optimizer.variables
        for weights in (self.model.groups | self.behavior.groups).values():
            named |= {weight.path: weight.value for weight in weights}
        return named | {average.path: average.value for average in self.behavior.averages}
