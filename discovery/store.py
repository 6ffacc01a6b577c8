"""The discovery of action groups by SD2: random interaction with a task, kept for whoever asks for the same again.

    results/sd2/<task>/<input>_<steps>_eta<eta>_seed<seed>/
      correlations.csv    |correlation| of each action (row) with the change of each state dimension (column)
      merges.csv          the merge path to its end: a, b (action indices), rela
      groups.yaml         the groups by index and by name, and how close the decision to stop merging was
      provenance.json     commit, uncommitted changes, versions, host, command, renderer, start and end
    results/sd2/<task>/stability_<input>_<steps>_eta<eta>_seeds<seeds>.csv

State dimensions that never changed are left out. A folder is complete or absent. Only correlations.csv is ever read
back; merges and groups follow from it, and are written anew where they say anything else. `launch.py discover` adds
figures to the folder, also where a run's `dynamics.groups: sd2` has made it: runs draw nothing.
"""

import csv
import io
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from agents.settings import DiscoverySettings
from common import files
from common.errors import UserError
from common.origin import PROVENANCE, now, origin
from common.seeds import Stream, derive, generator
from common.text import hint, ranges
from discovery import sd2
from envs.settings import ACTIONS, DISCRETE_TASKS, TASKS, EnvSettings
from suites.tasks import canonical

logger = logging.getLogger(__name__)

CORRELATIONS, MERGES, GROUPS = "correlations.csv", "merges.csv", "groups.yaml"
LENGTH = {"state": 1000, "pixels": 500}  # environment steps of an episode, as in ED2's code
CHUNK = 250  # samples that are taken in at once; 12,288 numbers each with pixels
PIXEL = re.compile(r"pixel\[(\d+),(\d+),(\d+)\]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
SOURCE = "SD2 of ED2 (Yuan et al., arXiv 2112.02817), from uniformly random actions"


@dataclass(frozen=True)
class Discovery:
    """What SD2 found in a task.

    Attributes:
        task: The task.
        settings: What was asked for.
        folder: Where it is written.
        action_names: What each action dimension drives; A names.
        state_names: The state dimensions that ever changed; V names.
        correlations: |correlation| of each action with the change of each of them, (A, V).
        merges: The merge path to its end, A - 1 merges.
    """

    task: str
    settings: DiscoverySettings
    folder: Path
    action_names: list[str]
    state_names: list[str]
    correlations: NDArray[np.float64]
    merges: list[sd2.Merge]

    @property
    def groups(self) -> sd2.Groups:
        """The groups of action indices that eta leads to."""
        return sd2.groups(self.merges, len(self.action_names), self.settings.eta)

    @property
    def names(self) -> list[list[str]]:
        """The groups by the names of the actions."""
        return [[self.action_names[index] for index in group] for group in self.groups]

    @property
    def title(self) -> str:
        """Task, input, steps and seed, in words."""
        asked = self.settings
        return f"{self.task}, {asked.input}, {asked.steps:,} random steps, seed {asked.seed}"

    @property
    def pictures(self) -> NDArray[np.float64]:
        """The correlations with pixels at their places, (A, 64, 64, 3); NaN where a pixel never changed.

        Raises:
            ValueError: the state dimensions are no pixels.
        """
        from envs.task import SIZE

        places = [PIXEL.fullmatch(name) for name in self.state_names]
        if None in places:
            raise ValueError(f"{self.task}: the state dimensions are no pixels")
        pictures = np.full((len(self.action_names), SIZE, SIZE, 3), np.nan)
        rows, columns, channels = np.array([place.groups() for place in places if place], int).T
        pictures[:, rows, columns, channels] = self.correlations
        return pictures

    @property
    def margins(self) -> sd2.Margins:
        """How close the decision to stop merging was."""
        return sd2.margins(self.merges, self.settings.eta)


def discover(
    task: str,
    settings: DiscoverySettings,
    results: Path,
    tick: Callable[[int], None] = lambda steps: None,
    renderer: str = "auto",
) -> Discovery:
    """Finds the action groups of a task, or reads what an equal call has found.

    Args:
        task: A task with continuous actions.
        settings: What to look at, for how long, and when to stop merging.
        results: Root of all results.
        tick: Called with the number of environment steps taken; may raise, then nothing is written.
        renderer: What draws dm_control's pixels, where pixels are looked at.

    Raises:
        UserError: there is no such task, its actions are discrete, nothing in it ever changes, the renderer cannot be
            loaded, or something else stands in the folder's place.
    """
    if task not in TASKS:
        raise UserError(
            f"unknown task {task}; allowed: dmc_<domain>_<task>, atari_<game>, toy_<task>{hint(task, TASKS)}"
        )
    if task in DISCRETE_TASKS:
        raise UserError(f"{task} has discrete actions; SD2 groups the dimensions of continuous ones")
    task = canonical(task)
    folder = results / "sd2" / task / key(settings)
    for path in (folder, *folder.parents):
        if os.path.lexists(path) and not path.is_dir():
            raise UserError(f"{path}: stands where a folder of discoveries belongs; remove it")
    found = _read(task, settings, folder)
    if found is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known now
    start = now()
    found, drawn_by = _play(task, settings, folder, tick, renderer)
    came_from = {**origin(), "renderer": drawn_by, "start": start, "end": now()}
    return _write(found, came_from)


def key(settings: DiscoverySettings) -> str:
    """The name of a discovery's folder, one for each combination of settings."""
    return f"{settings.input}_{settings.steps}_eta{_positional(settings.eta)}_seed{settings.seed}"


def stability(found: Sequence[Discovery]) -> NDArray[np.float64]:
    """How often each pair of actions falls into one group, in discoveries that differ in their seeds; shares (A, A)."""
    return sd2.stability([each.groups for each in found], len(found[0].action_names))


def stability_file(found: Sequence[Discovery]) -> Path:
    """Where the stability of discoveries stands, beside their folders."""
    first = found[0]
    one, seeds = first.settings, sorted(each.settings.seed for each in found)
    return first.folder.with_name(
        f"stability_{one.input}_{one.steps}_eta{_positional(one.eta)}_seeds{ranges(seeds, ',')}.csv"
    )


def write_stability(found: Sequence[Discovery]) -> None:
    """Writes the stability of discoveries as a CSV file with the names of the actions."""
    names = found[0].action_names
    files.write_text(stability_file(found), _table(["action", *names], names, stability(found)))


def _positional(number: float) -> str:
    """A number without exponent or needless digits, so that different ones have different names."""
    return np.format_float_positional(number + 0.0, trim="-")  # + 0.0 makes -0.0 zero


def _play(
    task: str, settings: DiscoverySettings, folder: Path, tick: Callable[[int], None], renderer: str
) -> tuple[Discovery, str | None]:
    """Acts at random and correlates; also returns what drew the pixels, if they were looked at and not the task's own.

    Actions come from one random stream of the seed, and each episode from a seed of its own. A change is that of one
    environment step; none leads from an episode's end to the next one's start.
    """
    from envs import make_env
    from envs.renderer import RendererError

    world = EnvSettings.model_validate({"action_repeat": 1, "time_limit": LENGTH[settings.input], "renderer": renderer})
    try:
        env = make_env(task, world, observe=settings.input)
    except RendererError as error:
        raise UserError(str(error)) from error
    with closing(env):
        (size,), names = np.shape(env.action_space.sample()), list(env.action_names)
        states = _pixel_names(env.observation_space.shape) if settings.input == "pixels" else list(env.state_names)
        correlation = sd2.Correlation(size, len(states))
        random = generator(settings.seed, Stream.DISCOVERY)
        actions, changes = np.empty((CHUNK, size)), np.empty((CHUNK, len(states)))
        episode, over = 0, True
        for step in range(settings.steps):
            if over:
                before, _ = env.reset(seed=derive(settings.seed, Stream.DISCOVERY, episode))
                episode += 1
            row = step % CHUNK
            actions[row] = random.uniform(-1.0, 1.0, size)
            after, _, terminated, truncated, _ = env.step(actions[row])
            changes[row] = np.subtract(after, before, dtype=float).ravel()
            before, over = after, terminated or truncated
            if row == CHUNK - 1 or step == settings.steps - 1:
                correlation.update(actions[: row + 1], changes[: row + 1])
                tick(step + 1)
        drawn_by = getattr(env, "renderer", None)
    varying = [name for name, varies in zip(states, correlation.varying, strict=True) if varies]
    if not varying:
        raise UserError(f"{task}: nothing that is seen changed in {settings.steps:,} random steps")
    found = correlation.absolute()
    return Discovery(task, settings, folder, names, varying, found, sd2.merge_path(found)), drawn_by


def _pixel_names(shape: tuple[int, ...] | None) -> list[str]:
    assert shape is not None
    return [f"pixel[{','.join(map(str, index))}]" for index in np.ndindex(shape)]


def _write(found: Discovery, came_from: dict[str, Any]) -> Discovery:
    """Makes the folder; where another process was faster, what it found is taken."""
    contents = {
        CORRELATIONS: _table(["action", *found.state_names], found.action_names, found.correlations),
        **_derived(found),
        PROVENANCE: json.dumps(came_from, indent=2) + "\n",
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
        if (theirs := _read(found.task, found.settings, folder)) is None:
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


def _read(task: str, settings: DiscoverySettings, folder: Path) -> Discovery | None:
    """What a folder holds; None where there is none. A damaged one is removed, with a warning."""
    if not folder.exists():
        return None
    try:
        text = (folder / CORRELATIONS).read_text(encoding="utf-8")
        [_, *states], *rows = csv.reader(io.StringIO(text))
        correlations = np.array([row[1:] for row in rows], float)
        if not text.endswith("\n") or correlations.shape != (ACTIONS[task], len(states)):
            raise ValueError(f"{CORRELATIONS} is cut off")
        if not ((correlations >= 0) & (correlations <= 1)).all():
            raise ValueError(f"{CORRELATIONS} holds other than numbers from 0 to 1")
        found = Discovery(
            task, settings, folder, [row[0] for row in rows], states, correlations, sd2.merge_path(correlations)
        )
        if settings.input == "pixels":
            _ = found.pictures  # names that are no pixels of a picture are damage too
    except (OSError, ValueError, IndexError, csv.Error) as error:
        logger.warning("%s is damaged (%s): discovering anew", folder, error)
        files.remove_folder(folder)
        return None
    _renew(found)
    return found


def _renew(found: Discovery) -> None:
    """Writes anew the files that do not follow from the correlations, with a warning."""
    for name, text in _derived(found).items():
        path = found.folder / name
        try:
            if path.exists() and _same(path.read_text(encoding="utf-8", errors="replace"), text):
                continue
            files.write_text(path, text)
            logger.warning("%s did not follow from %s: written anew", path, CORRELATIONS)
        except OSError as error:  # what was asked for is known all the same
            logger.warning("%s does not follow from %s and cannot be written anew: %s", path, CORRELATIONS, error)


def _same(one: str, other: str) -> bool:
    """Whether two texts are one but for another machine's rounding of the numbers in them."""
    ours, theirs = ([float(number) for number in NUMBER.findall(text)] for text in (one, other))
    return NUMBER.split(one) == NUMBER.split(other) and np.allclose(ours, theirs, rtol=0, atol=1e-9)
