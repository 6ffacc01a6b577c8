"""Discoveries on disk, the cache of SD2.

    results/sd2/<task>/<input>_<steps>_eta<eta>_seed<seed>/
      correlations.csv    |correlation| of each action (row) with the change of each state dimension (column)
      merges.csv          the whole merge path: a, b (action indices), rela
      groups.yaml         the groups by index and by name, and how close the decision to stop merging was
      provenance.json     commit, uncommitted changes, versions, host, command, renderer, start and end
    results/sd2/<task>/stability_<input>_<steps>_eta<eta>_seeds<seeds>.csv

State dimensions that never changed are left out. A folder is complete or absent. Only correlations.csv is read back;
merges and groups follow from it, and are rewritten if they differ. `launch.py discover` adds figures and captions to
the folder, also if a run with `dynamics.groups: sd2` wrote it: runs draw no figures of discoveries.
"""

import csv
import io
import json
import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from agents.settings import DiscoverySettings
from common import files
from common.errors import UserError
from common.origin import PROVENANCE
from common.text import ranges
from common.yaml_reader import read as read_yaml
from discovery import sd2
from discovery.discovery import Discovery, stability
from envs.registry import action_size

logger = logging.getLogger(__name__)

FOLDER = "sd2"  # the folder of all discoveries in the root of results

CORRELATIONS, MERGES, GROUPS = "correlations.csv", "merges.csv", "groups.yaml"
NAME = re.compile(r"(state|pixels)_\d+_eta-?[\d.]+_seed\d+")  # of a discovery's folder
DAMAGE = (ValueError, IndexError, csv.Error)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
SOURCE = "SD2 of ED2 (Yuan et al., arXiv 2112.02817), from uniformly random actions"


def stability_file(found: Sequence[Discovery]) -> Path:
    """The file with the stability of discoveries, next to their folders."""
    first = found[0]
    one, seeds = first.settings, sorted(each.settings.seed for each in found)
    name = f"{one.input}_{one.steps}_eta{_positional(one.eta)}_seeds{ranges(seeds, ',')}"
    return first.folder.with_name(f"stability_{name}.csv")


def write_stability(found: Sequence[Discovery]) -> None:
    """Writes the stability of discoveries as a CSV file with the names of the actions."""
    names = found[0].action_names
    files.write_text(stability_file(found), _table(["action", *names], names, stability(found)))


def key(settings: DiscoverySettings) -> str:
    """The name of a discovery's folder, one for each combination of settings."""
    return f"{settings.input}_{settings.steps}_eta{_positional(settings.eta)}_seed{settings.seed}"


def _positional(number: float) -> str:
    """A number without exponent or trailing zeros, so that different numbers have different names."""
    return np.format_float_positional(number + 0.0, trim="-")  # + 0.0 makes -0.0 zero


def write(found: Discovery, provenance: dict[str, Any]) -> Discovery:
    """Writes the folder; if another process wrote it first, returns that discovery instead."""
    contents = {
        CORRELATIONS: _table(["action", *found.state_names], found.action_names, found.correlations),
        **_derived(found),
        PROVENANCE: json.dumps(provenance, indent=2) + "\n",
    }
    folder = found.folder
    temporary = files.temporary(folder)
    try:
        temporary.mkdir()
        for name, text in contents.items():
            files.write_file(temporary / name, text.encode())
        files.sync_folder(temporary)
        temporary.rename(folder)
        files.sync_folder(folder.parent)
    except OSError:
        if (theirs := cached(found.task, found.settings, folder)) is None:
            raise
        return theirs
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return found


def _derived(found: Discovery) -> dict[str, str]:
    """The files that follow from the correlations, by name."""
    merges = [[" ".join(map(str, merge.a)), " ".join(map(str, merge.b)), merge.rela] for merge in found.merges]
    groups = {
        "task": found.task,
        "groups": found.groups,
        "names": found.names,
        "eta": found.settings.eta,
        "margins": asdict(found.margins),
        "source": {"method": SOURCE, **found.settings.model_dump(exclude={"eta"})},
    }
    return {
        MERGES: _csv([["a", "b", "rela"], *merges]),
        GROUPS: yaml.safe_dump(groups, sort_keys=False, default_flow_style=None, width=120),
    }


def _table(header: list[str], names: list[str], numbers: NDArray[np.float64]) -> str:
    return _csv([header, *([name, *row.tolist()] for name, row in zip(names, numbers, strict=True))])


def _csv(rows: list[list[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def find(root: Path) -> list[Path]:
    """The folders of discoveries under a root of results, or under the folder `sd2` in it, sorted."""
    found = [*root.glob(f"*/*/{CORRELATIONS}"), *root.glob(f"{FOLDER}/*/*/{CORRELATIONS}")]
    return sorted(path.parent for path in found if NAME.fullmatch(path.parent.name))


def read(folder: Path) -> Discovery:
    """The discovery in a folder, with any settings; changes nothing.

    Raises:
        UserError: a file is missing, or its content is not that of a discovery.
    """
    try:
        content = read_yaml(folder / GROUPS).plain()
        values = {name: value for name, value in content["source"].items() if name != "method"}
        settings = DiscoverySettings.model_validate({**values, "eta": content["eta"]})
        return _read(content["task"], settings, folder)
    except OSError as error:
        raise UserError(
            f"{error.filename}: cannot be read: {error.strerror}; a discovery has {CORRELATIONS}, {MERGES} and {GROUPS}"
        ) from None
    except (*DAMAGE, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder}: not a discovery, or a damaged one ({type(error).__name__}: {error}); "
            "remove it and run `launch.py discover` again"
        ) from None


def cached(task: str, settings: DiscoverySettings, folder: Path) -> Discovery | None:
    """The discovery in a folder for a task and settings, or None. A damaged one is removed with a warning.

    Files that do not match the correlations are rewritten.
    """
    if not folder.exists():
        return None
    try:
        found = _read(task, settings, folder)
    except (OSError, *DAMAGE) as error:
        logger.warning("%s is damaged (%s): repeating the discovery", folder, error)
        files.remove_folder(folder)
        return None
    _renew(found)
    return found


def _read(task: str, settings: DiscoverySettings, folder: Path) -> Discovery:
    """The discovery from a folder's correlations; raises one of DAMAGE if they are truncated or invalid."""
    text = files.read_bytes(folder / CORRELATIONS).decode("utf-8")
    [_, *states], *rows = csv.reader(io.StringIO(text))
    correlations = np.array([row[1:] for row in rows], float)
    if not text.endswith("\n") or correlations.shape != (action_size(task), len(states)):
        raise ValueError(f"{CORRELATIONS} is truncated")
    if not ((correlations >= 0) & (correlations <= 1)).all():
        raise ValueError(f"{CORRELATIONS} holds values other than numbers from 0 to 1")
    names = [row[0] for row in rows]
    found = Discovery(task, settings, folder, names, states, correlations, sd2.merge_path(correlations))
    if settings.input == "pixels":
        _ = found.pictures  # invalid names of pixels are damage too
    return found


def _renew(found: Discovery) -> None:
    """Rewrites the files that do not match the correlations, with a warning."""
    for name, text in _derived(found).items():
        path = found.folder / name
        try:
            if path.is_file() and _same(path.read_text(encoding="utf-8", errors="replace"), text):
                continue
            files.write_text(path, text)
            logger.warning("%s did not match %s: rewritten", path, CORRELATIONS)
        except OSError as error:  # the result is known all the same
            logger.warning("%s does not match %s and cannot be rewritten: %s", path, CORRELATIONS, error)


def _same(one: str, other: str) -> bool:
    """Whether two texts are equal except for the rounding of numbers, which depends on the machine."""
    ours, theirs = ([float(number) for number in NUMBER.findall(text)] for text in (one, other))
    return NUMBER.split(one) == NUMBER.split(other) and np.allclose(ours, theirs, rtol=0, atol=1e-9)
