"""The runtime of a run: seeded libraries, the device, the renderer."""

import os
import random

import numpy as np

from common.origin import cpu
from envs.registry import family
from suites.plan import RunSpec


def choose_renderer(spec: RunSpec) -> str | None:
    """Chooses the renderer of the task's pixels, before dm_control is imported; None if results depend on none."""
    if not family(spec.task).rendered or not spec.settings.drawn:
        return None
    from envs.renderer import choose_renderer

    return choose_renderer(spec.settings.renderer)


def prepare_tensorflow(seed: int) -> str:
    """Makes TensorFlow deterministic and seeds every library; returns the name of its device.

    All relevant samples are keyed by seed and counters; the global seeds cover what libraries draw themselves.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
    import tensorflow as tf

    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # libraries draw from the global generator
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:
        return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name))
    return cpu()
