"""Trials of one kind: each is written down before it is made, so that one that ends its process is known too."""

import json
import random
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
PATIENCE = 120  # seconds of one trial, on a machine that does something else too
BEGAN, LOST, SURVIVED, SKIPPED = "began", "lost", "survived", "skipped"


class HangsError(BaseException):
    """A trial takes too long; no Exception, which what is tried might catch."""


class Trials:
    """Makes the trials of one kind and counts them in a journal."""

    def __init__(self, journal: Path, seed: int):
        """Begins an empty journal; `rng` and the drawn examples follow from the seed."""
        self.seed = seed
        self.rng = random.Random(seed)
        self._journal = journal
        journal.write_bytes(b"")
        signal.signal(signal.SIGALRM, _hangs)

    @contextmanager
    def trial(self, what: str, patience: float = PATIENCE) -> Iterator[None]:
        """Makes one trial in the block: it survives unless that raises, hangs or ends the process."""
        self._write(BEGAN, what)
        signal.setitimer(signal.ITIMER_REAL, patience)
        try:
            yield
        except (Exception, HangsError):
            self._write(LOST, traceback.format_exc())
        else:
            self._write(SURVIVED, "")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def each(self, examples: SearchStrategy[T], count: int, make: Callable[[T], None]) -> None:
        """Makes a trial of each of some examples that Hypothesis draws."""

        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=count, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(examples)
        def draw(example: T) -> None:
            with self.trial(repr(example)):
                make(example)

        draw()

    def skip(self, why: str) -> None:
        """Says why the other trials of the kind cannot be made here."""
        self._write(SKIPPED, why)

    def _write(self, event: str, text: str) -> None:
        with self._journal.open("a") as file:
            file.write(json.dumps([event, text]) + "\n")


class Count(NamedTuple):
    """What became of the trials of a kind."""

    tried: int
    survived: int
    lost: list[tuple[str, str]]  # what was tried, and how it went wrong
    skipped: str  # why trials were left out


def count(journal: Path) -> Count:
    """Reads a journal. A last trial without an end has ended its process."""
    events: list[Any] = [json.loads(line) for line in journal.read_text().splitlines()]
    lost, tried, survived, skipped, open_trial = [], 0, 0, "", None
    for event, text in [*events, (BEGAN, None)]:
        if event == BEGAN:
            if open_trial is not None:
                lost.append((open_trial, "its process died"))
            tried, open_trial = tried + (text is not None), text
        elif event == SKIPPED:
            skipped = text
        else:
            survived += event == SURVIVED
            lost += [(str(open_trial), text)] if event == LOST else []
            open_trial = None
    return Count(tried, survived, lost, skipped)


def _hangs(number: int, frame: FrameType | None) -> None:
    raise HangsError
