"""The first rule for hashes, which recognises runs and Slurm batches from before version 2.

It hashed every setting that might be read, defaults included, and ignored the agent and the task in most cases. Nothing
here may change; it can be removed when no such results and jobs are left.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
# Dotted keys of the settings of that time, by group.
_SETTINGS = {
    "": "steps action_repeat envs time_limit renderer supersampling agent precision jit",
    "train.": "prefill pretrain every updates batch_size batch_length",
    "eval.": "every episodes",
    "replay.": "size sampling balance",
    "atari.": "sticky noops life_loss",
    "activation.": "dense conv",
    "dynamics.": "kind groups match_parameters deterministic stochastic input_units hidden activation min_std "
    "free_nats free_nats_of kl_scale",
    "discovery.": "input steps eta seed",
    "representation.": "objective depth contrast_sequences contrast_steps contrast_layers contrast_units",
    "reward.": "layers units transform",
    "continuation.": "predict layers units scale",
    "behavior.": "kind horizon discount lambda value bootstrap discount_imagined actor_layers actor_units value_layers "
    "value_units init_std min_std mean_scale candidates iterations top",
    "exploration.": "kind amount schedule duration minimum evaluation",
    "optimizer.": "model_rate value_rate actor_rate epsilon clip weight_decay weight_decay_pattern",
}
KEYS = frozenset(prefix + name for prefix, names in _SETTINGS.items() for name in names.split())


def hash_of(task: str, seed: int, values: Mapping[str, Any]) -> str:
    """Returns the hash of a run by the first rule, 16 hexadecimal digits.

    Args:
        task: The run's task.
        seed: The run's seed.
        values: Dotted key -> value of all its settings; settings added later are ignored.
    """
    unread = _unread(task, values)
    read = {key: values[key] for key in KEYS if not key.startswith(unread)}
    settings = json.dumps(read, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(json.dumps([task, seed, settings]).encode()).hexdigest()[:16]


def _unread(task: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    unread: tuple[str, ...] = ()
    learns = values["agent"] != "random"
    grouped = learns and (values["dynamics.kind"] == "ed2" or values["dynamics.match_parameters"])
    if not grouped:
        unread += ("dynamics.groups",)
    if not grouped or values["dynamics.groups"] not in ("sd2", "random"):
        unread += ("discovery.",)
    if values["representation.objective"] != "contrastive":
        unread += ("representation.contrast_",)
    if values["behavior.kind"] != "planner":
        unread += ("behavior.candidates", "behavior.iterations", "behavior.top")
    if values["exploration.schedule"] == "constant":
        unread += ("exploration.duration", "exploration.minimum")
    if values["behavior.kind"] == "planner" or values["behavior.value"] == "none":
        unread += ("behavior.bootstrap",)
    if not values["optimizer.weight_decay"]:
        unread += ("optimizer.weight_decay_pattern",)
    if not task.startswith("atari_"):
        unread += ("atari.",)
    return unread
