"""The replay: one file per episode on disk, and the most recently used episodes in memory.

The files are those of `runs.store.episodes`. The oldest episodes are dropped first, so the existing ones are always a
range of indices.
"""

import logging
import os
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common import files
from runs.store.episodes import DamagedError, Episode, Name, RecordSpec, check, encode, load

logger = logging.getLogger(__name__)

ASIDE = "set_aside"
GIB = 2**30
READERS = min(8, os.cpu_count() or 1)  # zlib releases the global interpreter lock


class TooShortError(Exception):
    """No episode is as long as the sequences to draw."""


@dataclass(frozen=True)
class Snapshot:
    """The episodes that a training phase draws from, fixed for the phase."""

    names: tuple[Name, ...]
    places: NDArray[np.int64]  # per episode: the number of possible starts of a sequence
    ends: NDArray[np.int64]  # cumulative weights of the episodes

    def draw(self, rng: np.random.Generator, count: int, length: int) -> list[tuple[Name, int]]:
        """Draws `count` sequences of `length` records; returns each one's episode and first record."""
        positions = rng.integers(0, self.ends[-1], count)
        episodes = np.searchsorted(self.ends, positions, side="right")
        starts = rng.random(count)  # position within the episode, independent of its weight
        drawn = []
        for episode, place in zip(episodes, starts, strict=True):
            name = self.names[episode]
            drawn.append((name, min(int(place * self.places[episode]), name.length - length)))
        return drawn


class Replay:
    """Episodes in a folder, and random sequences of them. Safe for one writing and one sampling thread."""

    def __init__(
        self,
        folder: Path,
        spec: RecordSpec,
        length: int,
        capacity: int,
        memory: float = 16.0,
        sampling: Literal["chunks", "episodes"] = "chunks",
        balance: bool = False,
    ):
        """Opens a folder; files that are not complete episodes are set aside with a warning.

        Args:
            folder: The folder of the files; created if missing.
            spec: The specification of a record.
            length: Records of a drawn sequence.
            capacity: Agent steps to draw from; the oldest episodes beyond it are no longer drawn.
            memory: GiB of episodes held in memory.
            sampling: Uniform over all sequences, or over episodes first.
            balance: Draw starts among all records, and move those after the last possible start back to it: the end of
                an episode is then drawn as often as its middle.

        Raises:
            ForeignError: the records of a file do not match the specification.
        """
        self.folder = folder
        self.spec = spec
        self.length = length
        self.capacity = capacity
        self.sampling = sampling
        self.balance = balance
        self._limit = int(memory * GIB)
        self._cache: OrderedDict[Name, Episode] = OrderedDict()
        self._cached = 0
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(READERS)  # starts threads on demand
        folder.mkdir(parents=True, exist_ok=True)
        self._names = self._scan()
        self.next = self._names[-1].index + 1 if self._names else 0
        self.lost: set[int] = set()  # indices of episodes that should be there, but are damaged or missing

    def __len__(self) -> int:
        return len(self._names)

    @property
    def first(self) -> int:
        """Index of the oldest episode to draw from."""
        return self._names[0].index if self._names else self.next

    @property
    def longest(self) -> int:
        """Records of the longest episode."""
        return max((name.length for name in self._names), default=0)

    @property
    def cached(self) -> int:
        """Bytes of episodes in memory."""
        return self._cached

    def add(self, episode: Episode, env: int) -> None:
        """Stores a finished episode; it counts only once it is durable."""
        name = Name(self.next, env, len(episode["reward"]))
        files.write_bytes(self.folder / str(name), encode(episode))
        self.next += 1
        with self._lock:
            self._names.append(name)
            self._remember(name, episode)
        self._forget_oldest()

    def restore(self, first: int, following: int) -> None:
        """Restores the episodes with indices from `first` to `following` (exclusive); newer files are deleted."""
        kept = []
        for name in self._names:
            if name.index >= following:
                (self.folder / str(name)).unlink(missing_ok=True)
            elif name.index >= first:
                kept.append(name)
        missing = sorted(set(range(first, following)) - {name.index for name in kept})
        self.lost.update(missing)
        if missing:
            logger.warning("%s: episodes missing: %d, from %06d on", self.folder, len(missing), missing[0])
        with self._lock:
            self._names, self.next = kept, following
            for name in set(self._cache).difference(kept):
                self._evict(name)

    def discard(self, before: int) -> None:
        """Deletes the files of episodes before an index, which no checkpoint needs any more."""
        for path in self.folder.iterdir():
            name = Name.parse(path.name)
            if name is not None and name.index < min(before, self.first):
                path.unlink(missing_ok=True)

    def snapshot(self) -> Snapshot:
        """The episodes that can be drawn from now.

        Raises:
            TooShortError: no episode has at least `length` records.
        """
        names = tuple(name for name in self._names if name.length >= self.length)
        if not names:
            raise TooShortError(
                f"{self.folder}: none of {len(self)} episodes has train.batch_length = {self.length} records; "
                f"the longest has {self.longest}"
            )
        places = np.array([name.length for name in names], np.int64) - (0 if self.balance else self.length - 1)
        weights = places if self.sampling == "chunks" else np.ones_like(places)
        return Snapshot(names, places, np.cumsum(weights))

    def sample(self, snapshot: Snapshot, rng: np.random.Generator, count: int) -> dict[str, NDArray]:
        """Draws sequences of records; returns arrays (B, L, ...) by name.

        A damaged file is set aside with a warning, and another sequence is drawn instead.
        """
        drawn: list[dict[str, NDArray]] = []
        damaged: set[Name] = set()
        while len(drawn) < count:
            chosen = snapshot.draw(rng, count - len(drawn), self.length)
            episodes = self._episodes({name for name, _ in chosen} - damaged)
            damaged |= {name for name, _ in chosen} - episodes.keys()
            if damaged.issuperset(snapshot.names):
                raise TooShortError(f"{self.folder}: no readable episode is left to draw from")
            for name, start in chosen:
                if name in episodes:
                    drawn.append({key: episodes[name][key][start : start + self.length] for key in self.spec})
        return {key: np.stack([sequence[key] for sequence in drawn]) for key in self.spec}

    def episodes(self) -> Iterator[Episode]:
        """All episodes that can be drawn from, oldest first."""
        for name in tuple(self._names):
            yield from self._episodes([name]).values()

    def newest(self, env: int) -> Iterator[Episode]:
        """The finished episodes of an environment, newest first."""
        for name in reversed(tuple(self._names)):
            if name.env == env:
                yield from self._episodes([name]).values()

    def _scan(self) -> list[Name]:
        """Names of the complete episodes on disk, oldest first; other files are set aside."""
        names: list[Name] = []
        for path in sorted(self.folder.iterdir()):
            name = Name.parse(path.name)
            if path.name == ASIDE and path.is_dir():
                continue
            if path.name.startswith(files.TEMPORARY):  # of a write that was killed
                path.unlink(missing_ok=True)
                continue
            try:
                if name is None:
                    raise DamagedError("not the name of an episode")
                if names and names[-1].index == name.index:
                    raise DamagedError(f"the same index as {names[-1]}")
                check(path, name.length, self.spec)
            except DamagedError as error:
                self._move_aside(path, error)
            else:
                names.append(name)
        return sorted(names)

    def _episodes(self, names: Iterable[Name]) -> dict[Name, Episode]:
        """Episodes from memory or disk; damaged ones are set aside and left out."""
        episodes: dict[Name, Episode] = {}
        missing = []
        with self._lock:
            for name in sorted(names):
                if name in self._cache:
                    self._cache.move_to_end(name)
                    episodes[name] = self._cache[name]
                else:
                    missing.append(name)
        loading = [
            (name, self._readers.submit(load, self.folder / str(name), name.length, self.spec)) for name in missing
        ]
        for name, future in loading:
            try:
                episodes[name] = future.result()
            except DamagedError as error:
                self._set_aside(name, error)
            else:
                with self._lock:
                    self._remember(name, episodes[name])
        return episodes

    def _remember(self, name: Name, episode: Episode) -> None:
        size = sum(array.nbytes for array in episode.values())
        if name in self._cache or size > self._limit:
            return
        self._cache[name] = episode
        self._cached += size
        while self._cached > self._limit:
            self._evict(next(iter(self._cache)))

    def _evict(self, name: Name) -> None:
        episode = self._cache.pop(name, None)
        if episode is not None:
            self._cached -= sum(array.nbytes for array in episode.values())

    def _forget_oldest(self) -> None:
        """Stops drawing from the oldest episodes beyond the capacity; `discard` deletes their files later."""
        with self._lock:
            steps = sum(name.length - 1 for name in self._names)
            while len(self._names) > 1 and steps > self.capacity:
                oldest = self._names.pop(0)
                steps -= oldest.length - 1
                self._evict(oldest)

    def _set_aside(self, name: Name, error: DamagedError) -> None:
        with self._lock:
            place = bisect_left(self._names, name)
            if place < len(self._names) and self._names[place] == name:
                del self._names[place]
            self.lost.add(name.index)
        self._move_aside(self.folder / str(name), error)

    def _move_aside(self, path: Path, error: DamagedError) -> None:
        aside = self.folder / ASIDE
        aside.mkdir(exist_ok=True)
        target = aside / path.name
        number = 0
        while target.exists():
            number += 1
            target = aside / f"{path.name}.{number}"
        try:
            path.rename(target)
        except FileNotFoundError:
            logger.warning("%s is missing; continuing without it", path)
        else:
            logger.warning("%s is not an episode (%s); set aside as %s", path, error, target)
