"""The progress of a run: the counters of a checkpoint."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from common.text import counted


@dataclass
class Progress:
    """The state of a run outside of agent, environments and episodes."""

    step: int = 0  # environment steps taken
    updates: int = 0  # gradient steps taken
    debt: int = 0  # gradient steps due before the next environment step
    pretrained: bool = False  # whether prefill has ended
    acts: int = 0  # agent steps of each environment since then
    episodes: int = 0  # training episodes finished
    evaluations: int = 0
    evaluated: int = -1  # the step of the last evaluation, -1 before the first
    recorded: int = 0  # the step of the last line of training metrics
    saved: int = 0  # the step of the last checkpoint
    replay_first: int = 0  # index of the oldest episode in the replay
    replay_next: int = 0  # index of the next episode
    position: int = 0  # bytes of metrics.jsonl
    digest: str = ""  # their SHA-256; empty in checkpoints of the first versions
    damage: list[str] = field(default_factory=list)  # what was found to be lost of metrics.jsonl
    lost: list[int] = field(default_factory=list)  # indices of episodes that were found to be lost
    seconds: float = 0.0  # of all attempts
    settled: dict[str, Any] = field(default_factory=dict)  # see `runs.training.resolve_groups`
    last_return: float | None = None  # of the last evaluation; before the first, of the last training episode
    sums: dict[str, float] = field(default_factory=dict)  # of the agent's metrics since the last line
    counts: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The counters for JSON; floats stay exact."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Progress":
        """The inverse of `to_json`."""
        return cls(**content)

    @property
    def losses(self) -> list[str]:
        """What the run has lost of its files on the way, as text."""
        if not self.lost:
            return self.damage
        return [*self.damage, f"its replay lost {counted(len(self.lost), 'episode')}, the first is {self.lost[0]:06d}"]

    def add(self, metrics: dict[str, float]) -> None:
        """Adds the metrics of one gradient step; the averages leave out infinities, which skipped steps have."""
        for name, value in metrics.items():
            if math.isfinite(value):
                self.sums[name] = self.sums.get(name, 0.0) + value
                self.counts[name] = self.counts.get(name, 0) + 1

    def take_averages(self) -> dict[str, float]:
        """The averages since the last call."""
        averages = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return averages


def crossings(before: int, now: int, every: int) -> int:
    """The number of multiples of `every` in (before, now]; with it, uneven steps never make a schedule drift."""
    return now // every - before // every
