"""Adam with clipping by global norm and weight decay, and the loss scale that keeps float16 gradients in range."""

import re
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from agents.settings import OptimizerSettings


class Adam:
    """Adam (Kingma and Ba 2015) for one group of weights; `clip` limits the gradients before `apply`.

    Attributes:
        weights: the group, as TensorFlow variables.
        decaying: the weights that shrink by a fraction before each step, independent of the learning rate, as the
            reference intends.
        variables: the optimiser's state by name: step, and the two moments of each weight.
    """

    BETA1, BETA2 = 0.9, 0.999

    def __init__(
        self,
        name: str,
        weights: Sequence[keras.Variable],
        rate: float,
        epsilon: float,
        clip: float,
        decay: float = 0.0,
        decay_pattern: str = ".*",
    ):
        self.name = name
        self.weights: list[tf.Variable] = [weight.value for weight in weights]
        self._rate, self._epsilon, self._clip, self._decay = rate, epsilon, clip, decay
        self.decaying: list[tf.Variable] = [
            weight.value for weight in weights if decay and re.search(decay_pattern, f"{name}/{weight.path}")
        ]
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._moments = [
            tuple(tf.Variable(tf.zeros_like(weight), trainable=False) for _ in range(2)) for weight in self.weights
        ]
        self.variables: dict[str, tf.Variable] = {f"{name}/step": self._step}
        for weight, moments in zip(weights, self._moments, strict=True):
            for moment, variable in zip(("moment1", "moment2"), moments, strict=True):
                self.variables[f"{name}/{weight.path}/{moment}"] = variable

    def clip(self, gradients: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients scaled to a global norm of at most the bound, and their norm before."""
        return tf.clip_by_global_norm(gradients, self._clip)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Apply weight decay, then one Adam step."""
        for weight in self.decaying:
            weight.assign(weight * (1 - self._decay))
        step = tf.cast(self._step.assign_add(1), tf.float32)
        powers = tf.pow(self.BETA1, step), tf.pow(self.BETA2, step)
        for weight, (first, second), gradient in zip(self.weights, self._moments, gradients, strict=True):
            # One fused kernel for each weight; written in TensorFlow operations, the update takes a dozen.
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=self._rate,
                beta1=self.BETA1,
                beta2=self.BETA2,
                epsilon=self._epsilon,
                grad=gradient,
            )


class RMSProp:
    """RMSProp (Tieleman and Hinton 2012) as A3C uses it: the moving average is shared by all environments.

    w -= rate g / sqrt(average of g^2 + epsilon)

    Attributes:
        weights: the weights, as TensorFlow variables.
        variables: the moving average of each weight's squared gradient, by name.
    """

    DECAY = 0.99

    def __init__(self, name: str, weights: Sequence[keras.Variable], epsilon: float):
        self.weights: list[tf.Variable] = [weight.value for weight in weights]
        self._epsilon = epsilon
        self._squares = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.weights]
        self.variables: dict[str, tf.Variable] = {
            f"{name}/{weight.path}/square": square for weight, square in zip(weights, self._squares, strict=True)
        }

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor) -> None:
        """One step at a learning rate."""
        for weight, square, gradient in zip(self.weights, self._squares, gradients, strict=True):
            square.assign(self.DECAY * square + (1 - self.DECAY) * gradient**2)
            weight.assign_sub(rate * gradient / tf.sqrt(square + self._epsilon))


def make_optimizers(groups: Mapping[str, Sequence[keras.Variable]], settings: OptimizerSettings) -> dict[str, Adam]:
    """An optimiser for each group of weights.

    Raises:
        ValueError: weight decay is set, and its pattern matches no weight.
    """
    rates = {
        "model": settings.model_rate,
        "decoder": settings.model_rate,
        "actor": settings.actor_rate,
        "value": settings.value_rate,
    }
    decay, pattern = settings.weight_decay, settings.weight_decay_pattern
    optimizers = {
        name: Adam(name, weights, rates[name], settings.epsilon, settings.clip, decay, pattern)
        for name, weights in groups.items()
    }
    if decay and not any(optimizer.decaying for optimizer in optimizers.values()):
        # Some names of each group, as examples of what a pattern can match.
        names = [f"{name}/{weight.path}" for name, weights in groups.items() for weight in weights[:2]]
        raise ValueError(
            f"optimizer.weight_decay_pattern: {pattern!r} matches no weight; some weights are {', '.join(names)}"
        )
    return optimizers


class LossScale:
    """A factor on the losses, so that small gradients do not vanish in float16 (Micikevicius et al. 2018).

    It is halved when a gradient overflows, and doubled after 2000 finite steps. If disabled, it is constantly 1.
    """

    GROWTH_STEPS = 2000

    def __init__(self, enabled: bool):
        self.enabled = enabled
        self.value = tf.Variable(2.0**15 if enabled else 1.0, trainable=False)
        self._good_steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.variables: dict[str, tf.Variable] = {
            "loss_scale/value": self.value,
            "loss_scale/good_steps": self._good_steps,
        }

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of the unscaled loss, from those of the scaled one."""
        return [gradient / self.value for gradient in gradients] if self.enabled else list(gradients)

    def update(self, finite: tf.Tensor) -> None:
        """Update the scale after a step, given whether all its gradients were finite."""
        good = tf.where(finite, self._good_steps + 1, 0)
        grow = good >= self.GROWTH_STEPS
        self.value.assign(tf.where(finite, tf.where(grow, self.value * 2, self.value), tf.maximum(self.value / 2, 1.0)))
        self._good_steps.assign(tf.where(grow, tf.zeros_like(good), good))
