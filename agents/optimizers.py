"""Adam with a clipped global norm, and the loss scale that keeps float16 gradients in range."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class Adam:
    """Adam (Kingma and Ba 2015) for one group of weights, whose gradient's global norm is clipped beforehand.

    Attributes:
        weights: the group, as TensorFlow variables.
        variables: this optimiser's own state by name: step, and the two moments of each weight.
    """

    BETA1, BETA2 = 0.9, 0.999

    def __init__(self, name: str, weights: Sequence[keras.Variable], rate: float, epsilon: float, clip: float):
        self.name = name
        self.weights: list[tf.Variable] = [weight.value for weight in weights]
        self._rate, self._epsilon, self._clip = rate, epsilon, clip
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._moments = [
            tuple(tf.Variable(tf.zeros_like(weight), trainable=False) for _ in range(2)) for weight in self.weights
        ]
        self.variables: dict[str, tf.Variable] = {f"{name}/step": self._step}
        for weight, moments in zip(weights, self._moments, strict=True):
            for moment, variable in zip(("moment1", "moment2"), moments, strict=True):
                self.variables[f"{name}/{weight.path}/{moment}"] = variable

    def clip(self, gradients: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients whose global norm is at most the bound, and the norm that they had."""
        return tf.clip_by_global_norm(gradients, self._clip)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Move the weights one step against the gradients."""
        step = tf.cast(self._step.assign_add(1), tf.float32)
        powers = tf.pow(self.BETA1, step), tf.pow(self.BETA2, step)
        for weight, (first, second), gradient in zip(self.weights, self._moments, gradients, strict=True):
            # One fused kernel a weight; written out, the update is a dozen.
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


class LossScale:
    """A factor on the losses, so that small gradients survive float16 (Micikevicius et al. 2018).

    It is halved when a gradient overflows and doubled after 2000 good steps. Where it is off, it is 1 and stays so.
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
        """The gradients of the loss, from those of the scaled one."""
        return [gradient / self.value for gradient in gradients] if self.enabled else list(gradients)

    def update(self, finite: tf.Tensor) -> None:
        """Take note of whether all gradients of a step were finite."""
        good = tf.where(finite, self._good_steps + 1, 0)
        grow = good >= self.GROWTH_STEPS
        self.value.assign(tf.where(finite, tf.where(grow, self.value * 2, self.value), tf.maximum(self.value / 2, 1.0)))
        self._good_steps.assign(tf.where(grow, tf.zeros_like(good), good))
