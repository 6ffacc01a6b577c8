"""What a run finds on its machine: seeded libraries, a device to compute on, a renderer."""

import os
import random

import numpy as np

from common.origin import cpu
from envs.registry import family
from suites.plan import RunSpec


def choose_renderer(spec: RunSpec) -> str | None:
    """Decides what draws the task's pixels, before dm_control is imported; None where the task draws its own."""
    if not family(spec.task).rendered:
        return None
    from envs.renderer import choose_renderer

    return choose_renderer(spec.settings.renderer)


def prepare_tensorflow(seed: int) -> str:
    """Makes TensorFlow deterministic and seeds every library; returns the name of the device it computes on.

    All draws that matter are keyed by seed and counters anyway; the global seeds catch what a library draws by itself.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
    import tensorflow as tf

    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # the global generator is what libraries draw from
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:
        return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name))
    return cpu()
