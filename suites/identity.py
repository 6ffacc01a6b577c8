"""What makes a run that run: its task, its seed, and what differs from the defaults among the settings that it reads.

A run's hash is of nothing else, so a new setting whose default leaves everything as it was changes no hash. Which
settings a run reads, their owners know: an agent (`agents.registry`), a task family (`envs.registry`) and the run
itself (`runs.settings`).

Rules for changes:

- A new setting: give it the default that leaves everything as it was. Nothing else is needed.
- A default that must change: enter the setting in `FIRST_DEFAULTS` with its first default. Hashes go on to be of what
  differs from that, and files from before the setting existed are read with it. So runs with the old default keep
  their hash, and those with the new one get another. No entry is ever removed.
- A new setting whose default changes something: likewise; its first default is the value that changes nothing.
- A setting that is read no longer: nothing is needed. Run folders whose hash does not match are compared by their
  settings. Only what waits in a Slurm queue is compared by its hash alone, and may be refused once.
- A setting that is read after all, or another rule for hashes: raise `VERSION`. Older hashes then prove nothing, and
  their runs are compared by their settings, unless the old rule is kept, as in `suites.old_identity`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import envs.registry
from suites import old_identity
from suites.settings import Settings

VERSION = 2
# Dotted key -> first default of each setting that has another now.
FIRST_DEFAULTS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Identity:
    """An identity as files keep it.

    Attributes:
        hash: 16 hexadecimal digits.
        version: Of the rule that made the hash.
    """

    hash: str
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """The entries of a file."""
        return {"identity": self.version, "hash": self.hash}

    @classmethod
    def from_json(cls, entries: Mapping[str, Any]) -> "Identity":
        """The identity in the entries of a file; those of the first rule name no version."""
        return cls(entries["hash"], entries.get("identity", old_identity.VERSION))


def effective(task: str, settings: Settings) -> dict[str, Any]:
    """Returns dotted key -> value of the settings that affect the result on a task."""
    unread = envs.registry.unread(task)
    return {key: value for key, value in settings.effective.items() if not key.startswith(unread)}


def changes(task: str, settings: Settings) -> dict[str, Any]:
    """Returns dotted key -> value of the settings that affect the result on a task and differ from the defaults."""
    neutral = {**_defaults(type(settings)), **FIRST_DEFAULTS}
    return {key: value for key, value in effective(task, settings).items() if value != neutral[key]}


def identify(task: str, seed: int, settings: Settings) -> Identity:
    """Returns the identity of a run."""
    text = json.dumps([task, seed, changes(task, settings)], sort_keys=True, separators=(",", ":"))
    return Identity(hashlib.sha256(text.encode()).hexdigest()[:16])


def is_same(recorded: Identity, task: str, seed: int, settings: Settings) -> bool:
    """Whether what a file recorded is certainly a run with this task, seed and settings."""
    if recorded.version == old_identity.VERSION:
        # It knew nothing of later settings.
        known = changes(task, settings).keys() <= old_identity.KEYS
        return known and recorded.hash == old_identity.hash_of(task, seed, settings.flat)
    return recorded == identify(task, seed, settings)


def recorded_in(spec: str) -> Identity | None:
    """Returns the identity in the text of a spec.yaml without parsing it, which takes milliseconds."""
    found = re.search(r"^hash: ['\"]?(\w+)['\"]?$", spec, re.MULTILINE)
    version = re.search(r"^identity: (\d+)$", spec, re.MULTILINE)
    return Identity(found[1], int(version[1]) if version else old_identity.VERSION) if found else None


@cache
def _defaults(model: type[Settings]) -> dict[str, Any]:
    return model().flat
