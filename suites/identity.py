"""The identity of a run: its task, its seed, and those of the settings it reads that differ from the defaults.

A run's hash covers nothing else, so a new setting with a neutral default, one that changes no behaviour, changes no
hash. The settings that a run reads are declared by its agent (`agents.registry`), its task family (`envs.registry`) and
the runs themselves (`runs.settings`).

Rules for changes:

- To add a setting, give it a neutral default. Nothing else is needed.
- To change a default, add the setting to `FIRST_DEFAULTS` with its first default. Hashes continue to cover the
  difference from that value, and files written before the setting existed are read with it. So runs with the old
  default keep their hash, and runs with the new one get another. Never remove an entry.
- To add a setting whose default is not neutral, do the same; its first default is the neutral value.
- If a setting is no longer read, nothing is needed. Run folders whose hash does not match are compared by their
  settings. Only jobs in a Slurm queue are compared by their hash alone, and may be refused once.
- If a setting is read that was not read before, or the rule for hashes changes, increase `VERSION`. Older hashes are
  then ignored, and their runs are compared by their settings, unless the old rule is kept, as in `suites.old_identity`.
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
# Dotted key -> first default of each setting whose default has changed.
FIRST_DEFAULTS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Identity:
    """An identity as it is stored in files.

    Attributes:
        hash: 16 hexadecimal digits.
        version: Version of the rule that made the hash.
    """

    hash: str
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """The entries of a file."""
        return {"identity": self.version, "hash": self.hash}

    @classmethod
    def from_json(cls, entries: Mapping[str, Any]) -> "Identity":
        """The identity in the entries of a file; entries of the first rule have no version."""
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
    """Whether the identity recorded in a file is certainly that of a run with this task, seed and settings."""
    if recorded.version == old_identity.VERSION:
        # The first rule does not cover later settings.
        known = changes(task, settings).keys() <= old_identity.KEYS
        return known and recorded.hash == old_identity.hash_of(task, seed, settings.flat)
    return recorded == identify(task, seed, settings)


def recorded_in(spec: str) -> Identity | None:
    """Returns the identity in the text of a spec.yaml without parsing it, which takes milliseconds."""
    found = re.search(r"^hash: ['\"]?(\w+)['\"]?$", spec, re.MULTILINE)
    version = re.search(r"^identity: (\d{1,9})$", spec, re.MULTILINE)
    return Identity(found[1], int(version[1]) if version else old_identity.VERSION) if found else None


@cache
def _defaults(model: type[Settings]) -> dict[str, Any]:
    return model().flat
